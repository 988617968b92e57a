//! The log: its forms, its levels, what it tells of a life.

use std::collections::BTreeSet;

use pg_exporter_lab::{Cluster, newest_major};
use serde_json::Value;

use crate::support::{Folder, SOON, definition, on_server, program};

#[test]
fn logfmt_by_default() {
    let exporter = on_server().start();
    let _ = exporter.scrape();
    assert!(exporter.terminate().success());
    let log = exporter.stderr();
    for line in log.lines() {
        assert!(
            line.starts_with("ts=20") && line.contains(" level=") && line.contains(" message="),
            "{line}"
        );
    }
    for part in [
        "message=serving",
        "collectors=",
        "stopped",
        "signal=SIGTERM",
        "database=postgres",
    ] {
        assert!(log.contains(part), "{part}: {log}");
    }
    assert_eq!(exporter.stdout(), "", "the log is on standard error alone");
}

#[test]
fn json() {
    let exporter = on_server().arg("--log.format=json").start();
    let _ = exporter.scrape();
    assert!(exporter.terminate().success());
    let log = exporter.stderr();
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(lines.len() >= 3, "{log}");
    assert!(
        lines
            .iter()
            .all(|line| line["level"].is_string() && line["message"].is_string()),
        "{log}"
    );
    assert!(
        lines
            .iter()
            .any(|line| line["message"] == "serving" && line["collectors"].is_number()),
        "{log}"
    );
}

#[test]
fn levels() {
    let log = |level: &str| {
        let flag = format!("--log.level={level}");
        // Nobody is there: that is worth a warning.
        let exporter = program().url("postgresql://127.0.0.1:1/x").arg(flag).start();
        let _ = exporter.scrape();
        assert!(exporter.terminate().success());
        exporter.stderr()
    };
    let lines = |log: &str, level: &str| {
        log.lines()
            .filter(|line| line.contains(&format!("level={level} ")))
            .count()
    };
    let (error, warn, info) = (log("error"), log("warn"), log("info"));
    assert_eq!(error, "");
    assert!(lines(&warn, "warn") > 0 && lines(&warn, "info") == 0, "{warn}");
    assert!(
        lines(&info, "warn") > 0 && lines(&info, "info") > 0 && lines(&info, "debug") == 0,
        "{info}"
    );
}

/// The keys of each kind of line, by its message.
fn keys(log: &str, is_json: bool) -> Vec<(String, Vec<String>)> {
    let of_line = |line: &str| {
        let pairs: Vec<(String, String)> = if is_json {
            // Not by a map, which would hide a key that comes twice.
            let inner = line.strip_prefix('{').unwrap().strip_suffix('}').unwrap();
            split(inner, ',')
                .map(|pair| pair.split_once(':').unwrap())
                .map(own)
                .collect()
        } else {
            split(line, ' ')
                .map(|pair| pair.split_once('=').unwrap())
                .map(own)
                .collect()
        };
        let message = pairs.iter().find(|(key, _)| key == "message").unwrap().1.clone();
        (message, pairs.into_iter().map(|(key, _)| key).collect())
    };
    log.lines().map(of_line).collect()
}

fn own((key, value): (&str, &str)) -> (String, String) {
    let bare = |text: &str| text.trim_matches('"').to_owned();
    (bare(key), bare(value))
}

/// The parts between separators outside of quotes.
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    text.split(move |c| {
        if is_escaped {
            is_escaped = false;
        } else if c == '\\' {
            is_escaped = true;
        } else if c == '"' {
            is_quoted = !is_quoted;
        }
        c == separator && !is_quoted
    })
}

#[test]
fn one_key_once_and_the_same_in_both_forms() {
    let lines = |form: &str| {
        let exporter = on_server().arg(format!("--log.format={form}")).start();
        exporter.wait_for_status("/primary", 200, SOON);
        let _ = exporter.scrape();
        let _ = exporter.request("POST", "/reload", &[]);
        assert!(exporter.terminate().success());
        keys(&exporter.stderr(), form == "json")
    };
    let (logfmt, json) = (lines("logfmt"), lines("json"));
    for (message, keys) in logfmt.iter().chain(&json) {
        let distinct: BTreeSet<_> = keys.iter().collect();
        assert_eq!(distinct.len(), keys.len(), "{message}: {keys:?}");
        assert_eq!(keys[..3], ["ts", "level", "message"], "{message}");
    }
    for message in ["serving", "target changed", "scrape succeeded", "stopped"] {
        let of = |lines: &[(String, Vec<String>)]| {
            let line = lines.iter().find(|(found, _)| found == message);
            line.unwrap_or_else(|| panic!("no {message} in {lines:?}"))
                .1
                .clone()
        };
        assert_eq!(of(&logfmt), of(&json), "{message}");
    }
}

/// What the program has to say before it serves comes out, however much it is, and what it says at its end.
#[test]
fn nothing_is_lost_at_the_beginning_and_at_the_end() {
    let folder = Folder::new();
    let mistakes: String = (0..3000)
        .map(|number| format!("c{number}:\n  query: SELECT 1\n  qurey: x\n  metrics: []\n"))
        .collect();
    let path = folder.write("many.yml", &mistakes);
    let ended = program()
        .url("postgresql://127.0.0.1:1/x")
        .arg("--config")
        .arg(path)
        .run();
    assert!(!ended.status.success());
    let told = (0..3000)
        .filter(|number| ended.stderr.contains(&format!("many.yml:{}:", 4 * number + 4)))
        .count();
    assert_eq!(told, 3000);
}

#[test]
fn an_outage_is_a_warning_and_its_end_is_not() {
    let server = Cluster::start(newest_major());
    let exporter = program().url(&server.url("postgres")).start();
    exporter.wait_for_status("/primary", 200, SOON);
    server.stop();
    exporter.wait_for_status("/primary", 503, SOON);
    server.start_again();
    exporter.wait_for_status("/primary", 200, SOON);
    let log = exporter.final_log();
    let changes: Vec<_> = log
        .lines()
        .filter(|line| line.contains("\"target changed\""))
        .collect();
    let level = |to: &str| {
        let line = changes.iter().find(|line| line.contains(&format!("to={to}")));
        line.unwrap_or_else(|| panic!("no change to {to}: {log}"))
            .split(' ')
            .nth(1)
            .unwrap()
            .to_owned()
    };
    assert_eq!(
        (level("primary"), level("down")),
        ("level=info".to_owned(), "level=warn".to_owned())
    );
}

#[test]
fn the_start_names_the_files_in_force() {
    let folder = Folder::new();
    folder.write("a.yml", &definition("first", "SELECT 1 AS value", ""));
    folder.write("b.yml", &definition("second", "SELECT 1 AS value", ""));
    let exporter = on_server().arg("--config").arg(folder.path()).start();
    let line = exporter.line_of_log("message=serving");
    assert!(line.contains("/a.yml ") && line.contains("/b.yml\""), "{line}");
    let exporter = on_server().start();
    let line = exporter.line_of_log("message=serving");
    assert!(line.contains("config=none"), "{line}");
}

/// A hundred databases with the same trouble are some lines, and how many there were besides.
#[test]
fn many_lines_of_one_kind_are_held_back() {
    let folder = Folder::new();
    let path = folder.write("x.yml", "x: [");
    let exporter = on_server().start();
    drop(exporter);
    std::fs::write(&path, definition("x", "SELECT 1 AS value", "")).unwrap();
    let exporter = on_server().arg("--config").arg(&path).start();
    std::fs::write(&path, "x: [").unwrap();
    for _ in 0..100 {
        assert_eq!(exporter.get("/reload").status, 500);
    }
    let _ = exporter.line_of_log("held_back=");
    let log = exporter.final_log();
    let lines = log.matches("reload failed").count();
    assert!((1..=40).contains(&lines), "{lines} lines: {log}");
}

/// A target that stays down is told of once, not at each scrape.
#[test]
fn the_same_failure_is_logged_once() {
    let exporter = program().url("postgresql://127.0.0.1:1/x").start();
    for _ in 0..20 {
        let _ = exporter.scrape();
    }
    let log = exporter.final_log();
    assert_eq!(log.matches("scrape failed").count(), 1, "{log}");
    assert!(log.lines().count() < 10, "{log}");
}
