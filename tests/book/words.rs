//! What the prose names of the program, between backquotes: flags, variables, paths, its own metrics.

use std::collections::BTreeSet;
use std::process::Command;

use pg_exporter::program::settings::VARIABLES;

use crate::markdown::codes;
use crate::shell::is_served;
use crate::support::{PROGRAM, documents, nothing_wrong, read, run};

/// Flags of other programs.
const FOREIGN_FLAGS: [&str; 3] = ["--nocapture", "--enable-feature", "--auto-discover-databases"];

/// Variables of builds and tests.
const OTHER_VARIABLES: [&str; 13] = [
    "PG_EXPORTER_ARCH",
    "PG_EXPORTER_COSTS",
    "PG_EXPORTER_COLLECTORS",
    "PG_EXPORTER_DISTRIBUTION",
    "PG_EXPORTER_FLEET",
    "PG_EXPORTER_FLEET_SECONDS",
    "PG_EXPORTER_LOCK",
    "PG_EXPORTER_OPTS",
    "PG_EXPORTER_PICTURES",
    "PG_EXPORTER_QUIET",
    "PG_EXPORTER_RECORD_URLS",
    "PG_EXPORTER_SOAK",
    "PG_EXPORTER_TEST_SERVERS",
];

/// Every flag of the program and its subcommands.
fn flags() -> BTreeSet<String> {
    let help = |arguments: &[&str]| run(Command::new(PROGRAM).args(arguments)).unwrap();
    let mut text = help(&["--help"]);
    for command in [
        "check", "convert", "schema", "explain", "stat", "doctor", "new", "scrape", "probe", "man",
    ] {
        text += &help(&[command, "--help"]);
    }
    let words = text.split(|letter: char| !(letter.is_ascii_alphanumeric() || "-._".contains(letter)));
    words
        .filter(|word| word.starts_with("--"))
        .map(|word| word.trim_end_matches('.').to_owned())
        .collect()
}

/// The changelog and the page on 1.x name what is no more.
fn present() -> impl Iterator<Item = String> {
    documents().into_iter().filter(|file| file != "CHANGELOG.md")
}

#[test]
fn flags_are_the_programs() {
    let known = flags();
    let mut wrong = Vec::new();
    for file in present() {
        let of_us = |code: &str| code.starts_with("--") || code.contains("pg_exporter ");
        for (line, code) in codes(&read(&file)).into_iter().filter(|(_, code)| of_us(code)) {
            for word in code
                .split([' ', '=', '\'', '"', '['])
                .filter(|word| word.len() > 2 && word.starts_with("--"))
            {
                let word = word.trim_end_matches([',', '.', '`']);
                let plain = word.strip_prefix("--no-").map(|name| format!("--{name}"));
                let is_known = known.contains(word) || plain.is_some_and(|name| known.contains(&name));
                if !is_known && !FOREIGN_FLAGS.contains(&word) {
                    wrong.push(format!("{file}:{line}: {word}"));
                }
            }
        }
    }
    nothing_wrong(&wrong);
}

#[test]
fn variables_are_the_programs() {
    let mut wrong = Vec::new();
    for file in present() {
        for (number, line) in read(&file).lines().enumerate() {
            let words = line.split(|letter: char| !(letter.is_ascii_uppercase() || letter == '_'));
            for word in words.filter(|word| word.starts_with("PG_EXPORTER_") && word.len() > 12) {
                if !VARIABLES.contains(&word) && !OTHER_VARIABLES.contains(&word) {
                    wrong.push(format!("{file}:{}: {word}", number + 1));
                }
            }
        }
    }
    nothing_wrong(&wrong);
}

/// Paths that stand alone between backquotes, or behind a method, in the pages that are about HTTP.
#[test]
fn paths_are_served() {
    let mut wrong = Vec::new();
    for file in ["README.md", "docs/health.md", "docs/http.md", "docs/pages.md"] {
        for (line, code) in codes(&read(file)) {
            let code = code
                .strip_prefix("GET ")
                .or_else(|| code.strip_prefix("POST "))
                .unwrap_or(&code)
                .to_owned();
            let page = code.split('?').next().unwrap_or_default();
            let is_path = page.starts_with('/')
                && page
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || b"/-".contains(&byte));
            if is_path && !is_served(page) {
                wrong.push(format!("{file}:{line}: {code}"));
            }
        }
    }
    nothing_wrong(&wrong);
}
