//! What a reload changes, what it leaves alone, what it refuses.

use std::time::Duration;

use pg_exporter_lab::Folder;
use pg_exporter_lab::process::Signal;
use pg_exporter_lab::{Exporter, wait_until};

use crate::support::{clock, database, exporter, json, program};

/// The body with the time taken out.
fn without_time(body: &str) -> String {
    let (start, rest) = body.split_once(r#""timestamp":""#).unwrap();
    let (time, rest) = rest.split_once('"').unwrap();
    assert!(
        time.len() == 20 && time.ends_with('Z') && time.starts_with("20"),
        "{time}"
    );
    format!(r#"{start}"timestamp":"…"{rest}"#)
}

#[track_caller]
fn reload(exporter: &Exporter, path: &str) -> (u16, String) {
    let response = exporter.request("POST", path, &[]);
    assert_eq!(response.header("content-type"), Some("application/json"));
    (response.status, without_time(&response.text()))
}

fn success(added: &str, removed: &str, modified: &str) -> (u16, String) {
    let start =
        r#"{"status":"success","message":"Configuration reloaded successfully","timestamp":"…", "changed":"#;
    (
        200,
        format!(r#"{start}{{"added":[{added}],"removed":[{removed}],"modified":[{modified}]}}}}"#),
    )
}

#[test]
fn reload_adds_removes_and_modifies_and_leaves_the_rest_alone() {
    let url = database("reload_all");
    let directory = Folder::of(&[
        ("1.yml", &clock("gone", "  ttl: 3600\n")),
        ("2.yml", &clock("kept", "  ttl: 3600\n")),
        ("3.yml", &clock("tuned", "  ttl: 3600\n")),
    ]);
    let exporter = exporter(&url, &directory);
    let before = exporter.scrape();
    let hash = |page: &pg_exporter_lab::Page| {
        let info: Vec<_> = page
            .all("pg_exporter_config_info")
            .map(|sample| sample.label("hash").unwrap().to_owned())
            .collect();
        assert!(info.len() == 1 && info[0].len() == 16, "{info:?}");
        info[0].clone()
    };
    assert_eq!(
        before.value("pg_exporter_config_last_reload_successful", &[]),
        Some(1.0)
    );

    directory.remove("1.yml");
    directory.write("3.yml", &clock("tuned", "  ttl: 1800\n"));
    directory.write("4.yml", &clock("new", ""));
    let dry = exporter.request("POST", "/reload?dry_run=1", &[]);
    let expected = serde_json::json!({ "added": ["new"], "removed": ["gone"], "modified": ["tuned"] });
    assert_eq!((dry.status, &json(&dry.text())["changed"]), (200, &expected));
    let between = exporter.scrape();
    assert!(between.value("gone_at", &[]).is_some() && between.value("new_at", &[]).is_none());
    assert_eq!(hash(&between), hash(&before));

    assert_eq!(
        reload(&exporter, "/reload"),
        success(r#""new""#, r#""gone""#, r#""tuned""#)
    );
    let after = exporter.scrape();
    assert_eq!(after.value("gone_at", &[]), None);
    assert!(after.value("new_at", &[]).is_some());
    assert_eq!(
        after.value("kept_at", &[]),
        before.value("kept_at", &[]),
        "its cached result survives"
    );
    assert!(
        after.value("tuned_at", &[]) > before.value("tuned_at", &[]),
        "it runs anew"
    );
    let hits = |name: &str| after.value("pg_exporter_query_scrape_hit_count", &[("query", name)]);
    let asked = |name: &str| after.value("pg_exporter_query_scrape_total_count", &[("query", name)]);
    assert_eq!((hits("kept"), asked("kept")), (Some(2.0), Some(3.0)));
    assert_eq!(asked("tuned"), Some(3.0), "its counts survive");
    assert_ne!(hash(&after), hash(&before));
    assert_eq!(reload(&exporter, "/reload"), success("", "", ""));
}

#[test]
fn connections_and_prepared_statements_survive_a_reload() {
    let url = database("reload_connections");
    let statements = "
mine:
  query: |
    SELECT pg_backend_pid() AS pid, count(*) AS statements FROM pg_prepared_statements WHERE statement LIKE '%kept_marker%'
  timeout: 30
  metrics:
    - pid: { usage: GAUGE, description: Process of this connection }
    - statements: { usage: GAUGE, description: Statements of kept prepared here }
";
    let kept = clock("kept", "").replace("SELECT", "SELECT /* kept_marker */");
    let directory = Folder::of(&[("1.yml", statements), ("2.yml", &kept)]);
    let exporter = exporter(&url, &directory);
    let before = exporter.scrape();
    directory.write("3.yml", &clock("new", ""));
    assert_eq!(reload(&exporter, "/reload"), success(r#""new""#, "", ""));
    let after = exporter.scrape();
    assert_eq!(after.value("mine_pid", &[]), before.value("mine_pid", &[]));
    // Its own text holds the marker too.
    assert_eq!(after.value("mine_statements", &[]), Some(2.0));
}

#[test]
fn a_broken_file_changes_nothing_and_is_named_with_its_position() {
    let url = database("reload_broken");
    let directory = Folder::of(&[("1.yml", &clock("kept", ""))]);
    let exporter = exporter(&url, &directory);
    let loaded = exporter
        .scrape()
        .value("pg_exporter_config_last_reload_success_timestamp_seconds", &[]);
    directory.write("1.yml", &clock("other", ""));
    directory.write("2.yml", &clock("new", "").replace("GAUGE", "GUAGE"));
    let file = directory.path().join("2.yml").display().to_string();
    let message = format!("{file}:5:20: unknown usage `GUAGE`, did you mean `GAUGE`?");
    let expected = format!(r#"{{"status":"error","message":"{message}","timestamp":"…"}}"#);
    for path in ["/reload?dry_run=true", "/reload"] {
        assert_eq!(reload(&exporter, path), (500, expected.clone()));
        assert!(exporter.logs("unknown usage"), "{}", exporter.stderr());
    }
    let page = exporter.scrape();
    assert!(page.value("kept_at", &[]).is_some() && page.value("other_at", &[]).is_none());
    assert_eq!(
        page.value("pg_exporter_config_last_reload_successful", &[]),
        Some(0.0)
    );
    assert_eq!(
        page.value("pg_exporter_config_last_reload_success_timestamp_seconds", &[]),
        loaded
    );

    // The same words from `check` and from the start.
    let check = program(&url).args(["--no-builtin", "check", &file]).run();
    assert_eq!(
        (check.status.code(), check.stdout),
        (Some(1), format!("{message}\n"))
    );
    let start = program(&url).args(["--no-builtin", "--config", &file]).run();
    assert_eq!(start.status.code(), Some(1));
    assert!(
        start
            .stderr
            .contains("2.yml:5:20: unknown usage `GUAGE`, did you mean `GAUGE`?"),
        "{}",
        start.stderr
    );
}

#[test]
fn signals_reload() {
    let url = database("reload_signals");
    let directory = Folder::of(&[("1.yml", &clock("one", ""))]);
    let exporter = exporter(&url, &directory);
    for (signal, name) in [(Signal::HUP, "two"), (Signal::USR1, "three")] {
        directory.write("1.yml", &clock(name, ""));
        exporter.signal(signal);
        wait_until("the new collector is there", Duration::from_secs(30), || {
            exporter.scrape().value(&format!("{name}_at"), &[]).is_some()
        });
    }
    assert_eq!(exporter.scrape().value("one_at", &[]), None);
}

#[test]
fn reload_over_http_can_be_refused() {
    let url = database("reload_refused");
    let directory = Folder::of(&[("1.yml", &clock("one", ""))]);
    let exporter = program(&url)
        .args(["--no-builtin", "--web.disable-reload", "--config"])
        .arg(directory.path())
        .start();
    let refused = exporter.request("POST", "/reload", &[]);
    assert_eq!(refused.status, 403);
    assert_eq!(json(&refused.text())["status"], "error");
    directory.write("1.yml", &clock("two", ""));
    exporter.signal(Signal::HUP);
    wait_until("a signal still works", Duration::from_secs(30), || {
        exporter.scrape().value("two_at", &[]).is_some()
    });
}
