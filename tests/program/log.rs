//! The log: its forms, its levels, what it tells of a life.

use serde_json::Value;

use crate::support::{on_server, program};

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

/// A target that stays down is told of once, not at each scrape.
#[test]
fn the_same_failure_is_logged_once() {
    let exporter = program().url("postgresql://127.0.0.1:1/x").start();
    for _ in 0..20 {
        let _ = exporter.scrape();
    }
    let log = exporter.stderr();
    assert_eq!(log.matches("scrape failed").count(), 1, "{log}");
    assert!(log.lines().count() < 10, "{log}");
}
