//! Translations in `docs/zh/` end with the state of the original that they translate: one line for each section, its anchor and a
//! hash of its text. Where the original has changed since, the test names the sections.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use sha2::{Digest as _, Sha256};

use crate::markdown::{anchors, blocks, prose};
use crate::support::{files, nothing_wrong, path, read};

const BEGIN: &str = "\n<!-- translates ";
const END: &str = "-->\n";

/// Pages that translate nothing.
const OWN: [&str; 1] = ["docs/zh/glossary.md"];

/// The sections of a document by anchor, each with a hash of its lines.
fn sections(text: &str) -> BTreeMap<String, String> {
    let headings: Vec<usize> = prose(text)
        .filter(|(_, line)| line.starts_with('#'))
        .map(|(number, _)| number - 1)
        .collect();
    let lines: Vec<&str> = text.lines().collect();
    let ends = headings.iter().skip(1).copied().chain([lines.len()]);
    let of_lines = headings.iter().zip(ends).map(|(begin, end)| {
        let digest = Sha256::digest(lines[*begin..end].join("\n").trim_end());
        digest.iter().take(4).fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").unwrap();
            text
        })
    });
    anchors(text).into_iter().zip(of_lines).collect()
}

/// The original that a page says it translates, and the sections as they were then.
fn translated(page: &str, text: &str) -> (String, BTreeMap<String, String>) {
    let (_, state) = text.split_once(BEGIN).unwrap_or_else(|| {
        panic!("{page} does not say what it translates: end it with `<!-- translates docs/NAME.md`")
    });
    let mut lines = state.trim_end_matches(END).lines();
    let original = lines.next().unwrap_or_default().to_owned();
    let pair = |line: &str| {
        let (anchor, hash) = line.split_once(' ').unwrap_or_else(|| panic!("{page}: {line}"));
        (anchor.to_owned(), hash.to_owned())
    };
    (original, lines.map(pair).collect())
}

fn pages() -> Vec<String> {
    let pages = files("docs/zh").into_iter();
    pages
        .filter(|page| page.ends_with(".md") && !OWN.contains(&&**page))
        .collect()
}

/// `UPDATE_TRANSLATION=docs/zh/NAME.md` writes the state, once somebody has translated what changed.
#[test]
fn no_page_lags_behind_its_original() {
    let update = std::env::var("UPDATE_TRANSLATION").unwrap_or_default();
    let mut wrong = Vec::new();
    for page in pages() {
        let text = read(&page);
        let (original, then) = translated(&page, &text);
        let now = sections(&read(&original));
        if update == page || update == "all" {
            let (kept, _) = text.split_once(BEGIN).unwrap();
            let state: String = now
                .iter()
                .map(|(anchor, hash)| format!("{anchor} {hash}\n"))
                .collect();
            fs::write(path(&page), format!("{kept}{BEGIN}{original}\n{state}{END}")).unwrap();
            continue;
        }
        let changed = now
            .iter()
            .filter(|(anchor, hash)| then.get(*anchor) != Some(hash))
            .map(|(anchor, _)| anchor);
        let gone = then.keys().filter(|anchor| !now.contains_key(*anchor));
        let behind: Vec<_> = changed.chain(gone).map(|anchor| format!("#{anchor}")).collect();
        if !behind.is_empty() {
            wrong.push(format!(
                "{page} lags behind {original}: {}; translate them, then UPDATE_TRANSLATION={page} cargo test --test book translations",
                behind.join(" ")
            ));
        }
    }
    nothing_wrong(&wrong);
}

/// A translation has as many headings and blocks as its original, and the same commands.
#[test]
fn a_translation_has_the_form_of_its_original() {
    let mut wrong = Vec::new();
    for page in pages() {
        let text = read(&page);
        let (original, _) = translated(&page, &text);
        let first = read(&original);
        let kinds = |text: &str| {
            blocks("", text)
                .into_iter()
                .map(|block| block.kind)
                .collect::<Vec<_>>()
        };
        // The README's last part is a list of pages, of which there are fewer.
        let headings = [anchors(&text).len(), anchors(&first).len()];
        if headings[0] != headings[1] || kinds(&text) != kinds(&first) {
            wrong.push(format!(
                "{page}: {headings:?} headings, {:?}, {:?}",
                kinds(&text),
                kinds(&first)
            ));
        }
        // What a machine reads is the same, but for comments to people.
        let code = |text: &str| {
            let lines = blocks("", text)
                .into_iter()
                .filter(|block| block.kind != "text")
                .flat_map(|block| {
                    block
                        .text
                        .lines()
                        .map(|line| line.split("  #").next().unwrap_or_default().trim_end().to_owned())
                        .collect::<Vec<_>>()
                });
            lines.collect::<Vec<_>>()
        };
        let (there, here) = (code(&first), code(&text));
        wrong.extend(
            here.iter()
                .filter(|line| !there.contains(line))
                .map(|line| format!("{page}: not in {original}: {line}")),
        );
    }
    nothing_wrong(&wrong);
    assert!(pages().len() > 4);
}

#[test]
fn a_change_is_told_by_its_section() {
    let before = sections("# A\nx\n## B\ny\n");
    let after = sections("# A\nx\n\n## B\nz\n");
    assert_eq!(before["a"], after["a"], "blank lines are no change");
    assert_ne!(before["b"], after["b"]);
}
