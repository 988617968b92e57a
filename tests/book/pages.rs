//! Which pages there are, and where their links lead to within the repository. What leads where within the site is `site`'s.

use std::collections::BTreeSet;

use crate::markdown::{anchors, links};
use crate::support::{REPOSITORY, documents, files, nothing_wrong, path, read};

const CONTENTS: &str = "docs/SUMMARY.md";

#[test]
fn every_page_is_in_the_table_of_contents_once() {
    let mut listed: Vec<_> = links(&read(CONTENTS))
        .into_iter()
        .map(|(_, target)| format!("docs/{target}"))
        .collect();
    let number = listed.len();
    listed.sort();
    listed.dedup();
    assert_eq!(listed.len(), number, "{CONTENTS} lists a page twice");
    let there: Vec<_> = files("docs")
        .into_iter()
        .filter(|file| file.ends_with(".md") && file != CONTENTS)
        .collect();
    assert_eq!(listed, there, "{CONTENTS} and the files in docs/ differ");
}

/// The file or folder that a link within the repository leads to, and the anchor in it; nothing for the rest of the world.
fn inside(from: &str, link: &str) -> Option<(String, String)> {
    let (target, anchor) = link.split_once('#').unwrap_or((link, ""));
    let of_github = ["blob", "tree", "raw"]
        .iter()
        .find_map(|view| target.strip_prefix(&format!("{REPOSITORY}/{view}/main/")));
    if let Some(target) = of_github {
        return Some((target.to_owned(), anchor.to_owned()));
    }
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            ".." => drop(
                parts
                    .pop()
                    .unwrap_or_else(|| panic!("{from}: {link} leaves the repository")),
            ),
            "." | "" => {}
            name => parts.push(name),
        }
    }
    let file = if target.is_empty() {
        from.to_owned()
    } else {
        parts.join("/")
    };
    Some((file, anchor.to_owned()))
}

#[test]
fn no_link_within_the_repository_is_dead() {
    let (mut wrong, mut number) = (Vec::new(), 0);
    for file in documents() {
        for (line, link) in links(&read(&file)) {
            let Some((target, anchor)) = inside(&file, &link) else {
                continue;
            };
            number += 1;
            let is_there = path(&target).exists();
            let has_anchor = anchor.is_empty()
                || is_there && target.ends_with(".md") && anchors(&read(&target)).contains(&anchor);
            if !is_there || !has_anchor {
                wrong.push(format!("{file}:{line}: {link}"));
            }
        }
    }
    nothing_wrong(&wrong);
    assert!(number > 100, "only {number} links were found");
}

/// A link from a page to a file beside the book is dead on the site: it has to name the repository.
#[test]
fn pages_leave_the_book_by_whole_addresses() {
    let mut wrong = Vec::new();
    for file in documents().iter().filter(|file| file.starts_with("docs/")) {
        for (line, link) in links(&read(file)) {
            let is_whole = link.starts_with("https://");
            if let Some((target, _)) = inside(file, &link)
                && !is_whole
                && !target.starts_with("docs/")
            {
                wrong.push(format!(
                    "{file}:{line}: {link}: write {REPOSITORY}/blob/main/{target}"
                ));
            }
        }
    }
    nothing_wrong(&wrong);
}

/// A picture that nobody shows, or that has no text for those who do not see it.
#[test]
fn pictures_are_shown_and_described() {
    let (mut shown, mut wrong) = (BTreeSet::new(), Vec::new());
    for file in documents() {
        for (number, line) in read(&file).lines().enumerate() {
            for rest in line.split("![").skip(1) {
                let (text, rest) = rest.split_once("](").unwrap_or_default();
                let (target, _) = rest.split_once(')').unwrap_or_default();
                if text.trim().len() < 10 {
                    wrong.push(format!("{file}:{}: {target} is not described", number + 1));
                }
                shown.extend(inside(&file, target).map(|(target, _)| target));
            }
        }
    }
    nothing_wrong(&wrong);
    let there: BTreeSet<_> = files("docs/pictures").into_iter().collect();
    assert_eq!(shown, there, "pictures that are shown, and that are there");
}
