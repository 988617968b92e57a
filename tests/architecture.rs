//! The invariants of ARCHITECTURE.md that a test can check: mostly about what is absent.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

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
fn only_target_names_the_driver() {
    assert_eq!(
        outside("src/target", &["tokio_postgres", "postgres_types"]),
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

#[test]
fn rooms_do_not_look_ahead() {
    let ahead = |room: &str, later: &[&str]| {
        let in_room = |line: &String| line.contains(&format!("/{room}/"));
        let words: Vec<String> = later.iter().map(|name| format!("crate::{name}")).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        outside("none", &words)
            .into_iter()
            .filter(in_room)
            .collect::<Vec<_>>()
    };
    assert_eq!(ahead("src/catalog", &["scrape", "web"]), [""; 0]);
    assert_eq!(ahead("src/target", &["catalog", "scrape", "web"]), [""; 0]);
    assert_eq!(ahead("src/scrape", &["web"]), [""; 0]);
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
    let document = include_str!("../docs/security.md");
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
