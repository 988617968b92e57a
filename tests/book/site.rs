//! The site as a reader has it: made by mdBook, every reference in it followed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::support::{Folder, nothing_wrong, path, run, tool};

/// Text between two others, each time.
fn between<'a>(text: &'a str, before: &str, after: char) -> Vec<&'a str> {
    text.split(before)
        .skip(1)
        .filter_map(|rest| rest.split(after).next())
        .collect()
}

/// The site's HTML pages by their paths within it.
fn pages(root: &Path) -> BTreeMap<String, String> {
    let (mut pages, mut waiting) = (BTreeMap::new(), vec![root.to_owned()]);
    while let Some(place) = waiting.pop() {
        if place.is_dir() {
            waiting.extend(fs::read_dir(&place).unwrap().map(|entry| entry.unwrap().path()));
        } else if place.extension().is_some_and(|ending| ending == "html") {
            let name = place.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            pages.insert(name, fs::read_to_string(&place).unwrap());
        }
    }
    pages
}

/// Where a reference on a page leads to within the site.
fn target(page: &str, reference: &str) -> String {
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in reference.split('/') {
        match part {
            ".." => drop(parts.pop()),
            "." | "" => {}
            name => parts.push(name),
        }
    }
    parts.join("/")
}

#[test]
fn the_site_is_made_and_no_reference_in_it_is_dead() {
    let folder = Folder::new();
    let site = folder.path().join("site");
    let said = run(tool("mdbook")
        .arg("build")
        .arg(path("docs"))
        .arg("--dest-dir")
        .arg(&site));
    said.unwrap_or_else(|said| panic!("mdbook: {said}"));
    let pages = pages(&site);
    let anchors: BTreeMap<&str, BTreeSet<&str>> = pages
        .iter()
        .map(|(name, text)| (&**name, between(text, "id=\"", '"').into_iter().collect()))
        .collect();
    let (mut wrong, mut number) = (Vec::new(), 0);
    // The page for what is not found is relative to wherever the site is put.
    for (name, text) in pages.iter().filter(|(name, _)| *name != "404.html") {
        let references = [" href=\"", " src=\""]
            .iter()
            .flat_map(|before| between(text, before, '"'));
        for reference in references.filter(|text| !text.contains(':') && !text.is_empty()) {
            number += 1;
            let (place, anchor) = reference.split_once('#').unwrap_or((reference, ""));
            let place = if place.is_empty() {
                name.clone()
            } else {
                target(name, place)
            };
            let is_there = site.join(&place).is_file();
            let has_anchor =
                anchor.is_empty() || anchors.get(&*place).is_some_and(|known| known.contains(anchor));
            if !is_there || !has_anchor {
                wrong.push(format!("{name}: {reference}"));
            }
        }
    }
    nothing_wrong(&wrong);
    assert!(number > 500, "only {number} references were found");
    let index = fs::read_dir(&site)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|place| {
            place
                .file_name()
                .unwrap()
                .to_string_lossy()
                .starts_with("searchindex")
        })
        .unwrap_or_else(|| panic!("there is no index to search"));
    the_search_finds_names(&fs::read_to_string(index).unwrap());
}

/// `docs/README.md` says that metric names, flags, variables and paths are found. The index is a tree of letters; its words are stems,
/// so these are words that are their own.
#[track_caller]
fn the_search_finds_names(script: &str) {
    let (_, text) = script.split_once("JSON.parse('").unwrap();
    let (text, _) = text.rsplit_once("')").unwrap();
    let index: serde_json::Value =
        serde_json::from_str(&text.replace("\\'", "'").replace("\\\\", "\\")).unwrap();
    let letters = &index["index"]["index"]["body"]["root"];
    for word in [
        "pg_up",
        "pg_lag",
        "pg_exporter_url",
        "web.listen",
        "shard",
        "doctor",
        "sd",
    ] {
        let node = word
            .chars()
            .fold(letters, |node, letter| &node[letter.to_string()]);
        let found = node["docs"].as_object().map_or(0, |pages| pages.len());
        assert!(found > 0, "the search does not find {word}");
    }
}

/// A reader who knows one part of the book finds the others.
#[test]
fn the_book_has_its_parts_and_its_first_page_names_them() {
    let summary = crate::support::read("docs/SUMMARY.md");
    let parts: Vec<&str> = summary
        .lines()
        .filter_map(|line| line.strip_prefix("# "))
        .collect();
    let named = ["Start", "Operate", "Write", "Reference", "Move here"];
    assert_eq!(parts[1..6], named);
    let first = crate::support::read("docs/README.md").replace('\n', " ");
    let (last, others) = named.split_last().unwrap();
    let says = format!("{}, and {last}", others.join(", "));
    assert!(first.contains(&says), "docs/README.md does not say: {says}");
}
