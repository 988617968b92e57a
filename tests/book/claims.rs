//! `docs/claims.md`: what the README claims, and what shows it.

use std::fs;

use crate::markdown::codes;
use crate::shell;
use crate::support::{files, nothing_wrong, path, read};

const CLAIMS: &str = "docs/claims.md";

/// The cells of a text's tables, row by row.
fn rows(text: &str) -> impl Iterator<Item = Vec<&str>> {
    text.lines()
        .filter(|line| line.starts_with('|') && !line.starts_with("|---"))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
}

#[test]
fn every_claim_of_the_readme_is_here_and_nothing_else() {
    let (readme, claims) = (read("README.md"), read(CLAIMS));
    let (_, rest) = readme.split_once("| measured |").unwrap();
    let (table, _) = rest.split_once("\n\n").unwrap();
    let mut claimed: Vec<_> = rows(table).skip(1).map(|row| row[0].to_owned()).collect();
    let (_, rest) = readme.split_once("## What you get\n").unwrap();
    let (points, _) = rest.split_once("\n## ").unwrap();
    let bold = |line: &str| Some(line.strip_prefix("- **")?.split_once("**")?.0.to_owned());
    claimed.extend(points.lines().filter_map(bold));
    assert!(claimed.len() > 10, "{claimed:?}");
    let listed: Vec<_> = rows(&claims).map(|row| row[0].to_owned()).collect();
    let mut wrong: Vec<_> = claimed
        .iter()
        .filter(|claim| !listed.contains(claim))
        .map(|claim| format!("{CLAIMS} does not have: {claim}"))
        .collect();
    // And back: what is listed as a claim is still made.
    let readme = readme.split_whitespace().collect::<Vec<_>>().join(" ");
    for row in rows(&claims).filter(|row| row.len() == 2 && row[0] != "claim") {
        if !readme.contains(row[0]) {
            wrong.push(format!("README.md does not say: {}", row[0]));
        }
    }
    nothing_wrong(&wrong);
}

#[test]
fn every_test_and_command_that_is_named_exists() {
    let mut sources = String::new();
    for folder in ["src", "tests", "macros"] {
        for file in files(folder).iter().filter(|file| file.ends_with(".rs")) {
            sources += &fs::read_to_string(path(file)).unwrap();
        }
    }
    let (mut wrong, mut number) = (Vec::new(), 0);
    for (line, code) in codes(&read(CLAIMS)) {
        let is_test = code.contains('_')
            && code
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        let is_name_of_us = code.starts_with("pg_");
        if is_test && !is_name_of_us {
            number += 1;
            if !sources.contains(&format!("fn {code}()")) {
                wrong.push(format!("{CLAIMS}:{line}: there is no test {code}"));
            }
        }
        if ["make ", "cargo ", "scripts/"]
            .iter()
            .any(|begin| code.contains(begin))
        {
            number += 1;
            wrong.extend(
                shell::of_commands(&code.replace("NAME", "book"))
                    .into_iter()
                    .map(|said| format!("{CLAIMS}:{line}: {said}")),
            );
        }
    }
    nothing_wrong(&wrong);
    assert!(number > 20, "only {number} tests and commands");
}

/// The figures that the README gives of this exporter are those of `docs/costs.md`.
#[test]
fn figures_are_those_of_the_costs() {
    let (readme, costs) = (read("README.md"), read("docs/costs.md"));
    let mut number = 0;
    for row in rows(&readme).filter(|row| row.len() == 4 && row[1].contains(['m', 'M'])) {
        let figures = row[1].split(' ').filter(|word| word.parse::<f64>().is_ok());
        for figure in figures.filter(|_| row[1].contains(" ms") || row[1].contains("MiB")) {
            number += 1;
            assert!(
                costs.contains(figure),
                "{}: {figure} is not in docs/costs.md",
                row[0]
            );
        }
    }
    assert_eq!(number, 5, "series, and times of the page, CPU twice, memory");
}
