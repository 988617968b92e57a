//! The invariants of ARCHITECTURE.md that a test can check: mostly about what is absent.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod circles;
mod uses;

use std::fs;
use std::path::{Path, PathBuf};

use circles::circles;
use uses::Crate;

/// Every Rust file below a directory, with its text.
fn sources(directory: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut waiting = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(directory)];
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            waiting.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
    assert!(!found.is_empty(), "no source in {directory}");
    found
}

/// Lines of code (not comments) in `src/` outside `room` that hold one of the words.
fn outside(room: &str, words: &[&str]) -> Vec<String> {
    let mut lines = Vec::new();
    for (path, text) in sources("src") {
        if path
            .strip_prefix(env!("CARGO_MANIFEST_DIR"))
            .unwrap()
            .starts_with(room)
        {
            continue;
        }
        let code = text
            .lines()
            .enumerate()
            .filter(|(_, line)| !line.trim_start().starts_with("//"));
        // A name in quotes is text, such as the target of a log line.
        let names = |line: &str, word: &str| line.replace(&format!("\"{word}"), "").contains(word);
        for (number, line) in code.filter(|(_, line)| words.iter().any(|word| names(line, word))) {
            lines.push(format!("{}:{}: {}", path.display(), number + 1, line.trim()));
        }
    }
    lines
}

#[test]
fn only_postgres_names_the_driver() {
    assert_eq!(
        outside("src/postgres", &["tokio_postgres", "postgres_types"]),
        [""; 0]
    );
}

#[test]
fn only_web_names_hyper() {
    assert_eq!(
        outside("src/web", &["hyper::", "hyper_util", "http_body_util"]),
        [""; 0]
    );
}

#[test]
fn nothing_at_run_time_names_yaml() {
    assert_eq!(outside("none", &["serde_yaml", "saphyr"]), [""; 0]);
}

/// The rooms in the order in which data flows: each may use those before it. `program` wires them all.
const ROOMS: [&str; 13] = [
    "build_info",
    "values",
    "files",
    "certificates",
    "catalog",
    "postgres",
    "health",
    "service",
    "self_metrics",
    "scrape",
    "fleet",
    "web",
    "program",
];

/// Arrows between files that the rules below would refuse: from, to, the reason.
const ALLOWED: [(&str, &str, &str); 0] = [];

fn is_allowed(from: &str, to: &str) -> bool {
    ALLOWED.iter().any(|(one, other, _)| (*one, *other) == (from, to))
}

fn room(file: &str) -> &str {
    file.split('/').next().unwrap_or_default()
}

#[test]
fn rooms_use_those_before_them_only() {
    let place = |file| {
        ROOMS
            .iter()
            .position(|name| *name == room(file))
            .unwrap_or_else(|| panic!("{file} is in no room"))
    };
    let files = Crate::read("src");
    let ahead: Vec<_> = files
        .edges()
        .filter(|(from, to)| !from.is_empty() && place(from) < place(to) && !is_allowed(from, to))
        .collect();
    assert_eq!(ahead, []);
}

#[test]
fn files_form_no_circle() {
    for folder in ["src", "macros/schema/src", "macros/src"] {
        let files = Crate::read(folder);
        let edges = files
            .edges()
            .filter(|(from, to)| !from.is_empty() && !is_allowed(from, to));
        assert_eq!(circles(edges), Vec::<Vec<&str>>::new(), "in {folder}");
    }
}

#[test]
fn what_is_allowed_exists() {
    let files = Crate::read("src");
    for (from, to, reason) in ALLOWED {
        assert!(
            files.edges().any(|edge| edge == (from, to)),
            "{from} does not use {to}"
        );
        assert!(reason.len() > 20, "{from} -> {to}: say why");
    }
    assert!(
        files.edges().count() > 300,
        "the `use` lines are not understood any more"
    );
}

/// Words in backquotes of a table's last column.
fn named_in_last_column(text: &str) -> Vec<&str> {
    let rows = text.lines().filter(|line| line.starts_with("| "));
    let last = rows.filter_map(|row| row.trim_end_matches(" |").rsplit_once(" | "));
    last.flat_map(|(_, cell)| cell.split('`').skip(1).step_by(2))
        .collect()
}

#[test]
fn the_security_table_names_tests_that_exist() {
    let code: String = ["src", "tests"]
        .into_iter()
        .flat_map(sources)
        .map(|(_, text)| text)
        .collect();
    let document = include_str!("../../docs/security.md");
    let (_, threats) = document.split_once("\n## Threats\n").unwrap();
    let (table, _) = threats.split_once("\n## ").unwrap();
    let named = named_in_last_column(table);
    assert!(named.len() > 40, "{named:?}");
    let missing = named.iter().filter(|name| !code.contains(&format!("fn {name}(")));
    assert_eq!(missing.collect::<Vec<_>>(), Vec::<&&str>::new());
}

#[test]
fn the_compiler_neither_logs_nor_exits() {
    for (path, text) in sources("macros/schema/src") {
        for word in ["tracing", "log::", "eprintln", "process::exit", "std::net"] {
            assert!(!text.contains(word), "{} in {}", word, path.display());
        }
    }
}
