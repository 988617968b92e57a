//! Runs `docs/tutorial.md`: files are written, commands run in order in one shell, and what the text shows as their output
//! must come. A line's `…` stands for anything.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use pg_exporter_lab::{Folder, free_port, tool};

use crate::support::database;

/// A fenced block: what is behind the fence, and its text.
struct Block {
    kind: String,
    text: String,
}

fn blocks(markdown: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut lines = markdown.lines();
    while let Some(line) = lines.next() {
        if let Some(kind) = line.strip_prefix("```") {
            let text: Vec<_> = lines.by_ref().take_while(|line| *line != "```").collect();
            blocks.push(Block {
                kind: kind.to_owned(),
                text: text.join("\n") + "\n",
            });
        }
    }
    blocks
}

/// Whether the line fits the pattern, whose `…` stand for anything.
fn fits(line: &str, pattern: &str) -> bool {
    let mut rest = line;
    let parts: Vec<&str> = pattern.split('…').collect();
    for (at, part) in parts.iter().enumerate() {
        let found = match at {
            0 => rest.starts_with(part).then_some(0),
            _ if at + 1 == parts.len() && !part.is_empty() => {
                rest.ends_with(part).then(|| rest.len() - part.len())
            }
            _ => rest.find(part),
        };
        let Some(found) = found else { return false };
        rest = &rest[found + part.len()..];
    }
    parts.len() > 1 || rest.is_empty()
}

/// The script of all steps; the output of each is between marks.
fn script(blocks: &[Block]) -> String {
    let mut script = String::from("set -uo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null; wait' EXIT\n");
    for (at, Block { kind, text }) in blocks.iter().enumerate() {
        let _ = writeln!(script, "echo '@@{at}'");
        match kind.split_once(' ') {
            Some(("yaml", file)) => {
                let _ = writeln!(script, "cat > {file} <<'END_OF_FILE'\n{text}END_OF_FILE");
            }
            _ if kind == "sql" => {
                let _ = writeln!(
                    script,
                    "psql -XqAt -v ON_ERROR_STOP=1 \"$PG_EXPORTER_URL\" <<'END_OF_FILE'\n{text}END_OF_FILE"
                );
            }
            _ if kind == "sh" => script.push_str(text),
            _ => {}
        }
    }
    script + "echo '@@end'\n"
}

#[test]
fn every_step_of_the_tutorial_does_what_it_says() {
    let url = database("tutorial");
    let port = free_port();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let markdown = fs::read_to_string(root.join("docs/tutorial.md")).unwrap();
    let blocks = blocks(&markdown.replace("9630", &port.number.to_string()));
    assert!(blocks.iter().filter(|block| block.kind == "sh").count() > 5);
    let scratch = Folder::new();
    let bin = Path::new(env!("CARGO_BIN_EXE_pg_exporter")).parent().unwrap();
    let psql = tool("psql");
    let path = format!(
        "{}:{}:{}",
        bin.display(),
        psql.parent().unwrap().display(),
        std::env::var("PATH").unwrap()
    );
    let output = Command::new("bash")
        .args(["-c", &format!("exec 2>&1\n{}", script(&blocks))])
        .current_dir(scratch.path())
        .env("PATH", path)
        .env("PG_EXPORTER_URL", &url)
        .env("PG_EXPORTER_CONNECT_TIMEOUT", "30s")
        .env("SOURCE", env!("CARGO_MANIFEST_DIR"))
        // The crate is built with what is built already, and fetches nothing.
        .env("CARGO_TARGET_DIR", bin.parent().unwrap())
        .env("CARGO_PROFILE_DEV_DEBUG", "line-tables-only")
        .env("CARGO_NET_OFFLINE", "true")
        // Other tests' databases come and go on this server.
        .env("PG_EXPORTER_AUTO_DISCOVERY", "false")
        .output()
        .unwrap();
    let output = String::from_utf8(output.stdout).unwrap();
    assert!(output.ends_with("@@end\n"), "{output}");
    let mut said = String::new();
    for (at, Block { kind, text }) in blocks.iter().enumerate() {
        let own = output
            .split_once(&format!("@@{at}\n"))
            .unwrap()
            .1
            .split("@@")
            .next()
            .unwrap();
        if kind != "text" {
            assert!(
                matches!(kind.as_str(), "sh" | "sql") || kind.starts_with("yaml "),
                "what is ```{kind}?"
            );
            said = own.to_owned();
            continue;
        }
        let mut lines = said.lines();
        for pattern in text.lines() {
            assert!(
                lines.any(|line| fits(line, pattern)),
                "no line fits\n{pattern}\nin the output of block {at}:\n{said}\nall:\n{output}"
            );
        }
    }
}

#[test]
fn patterns_fit_whole_lines() {
    for (line, pattern, expected) in [
        ("a b c", "a b c", true),
        ("a b c", "a … c", true),
        ("a b c", "…", true),
        ("a b c", "a b", false),
        ("a b c", "a …d", false),
        ("x a", "a", false),
    ] {
        assert_eq!(fits(line, pattern), expected, "{line} {pattern}");
    }
}
