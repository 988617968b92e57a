//! What is said of files: mistakes with their places, folders, shards, and what else takes the place of a flag.

use std::collections::BTreeSet;

use pg_exporter_lab::Exporter;
use pg_exporter_lab::exporter::Ended;
use serde_json::Value;

use crate::credentials::{file, program, with_passwords};
use crate::support::{Fleet, Folder, PROGRAM, server, target};

fn run(arguments: &[&str]) -> Ended {
    Exporter::builder(PROGRAM).args(arguments).run()
}

#[test]
fn every_mistake_is_told_with_its_place() {
    let files = Folder::new();
    let path = files.write(
        "bad.yml",
        "targets:\n  - { name: a, host: h, sslmode: verify-ful, max_connections: 1 }\n  \
         - { name: b, url: 'postgresql://u:s3cret@h:99999/x' }\n  \
         - { name: c, host: h, labels: { datname: x }, skip_collectors: [pg_nope], exclude_databases: ['/(/'] }\n  \
         - { name: d, host: 'h;password=s3cret' }\n  \
         - { name: e, host: h, gssencmode: prefer, sslcrl: revoked.pem }\n  \
         - { name: f, host: h, oauth_client_secret: s3cret }\n  \
         - { name: g, host: h, require_auth: scram }\n",
    );
    let ended = run(&["check", "--targets", &path]);
    assert_eq!(ended.status.code(), Some(1));
    let expected = [
        ":2:34: `sslmode` of target `a`",
        ":3:21: `url` of target `b`, byte 25",
        ":4:33: label `datname` is a label of ",
        ":4:66: there is no collector `pg_nope`",
        ":4:96: bad value for `exclude_databases`",
        ":5:22: `host` of target `d`",
        ":6:53: `sslcrl` of target `e`: `sslcrl` is not supported: revocation lists are not read: replace",
        ":7:46: `oauth_client_secret` of target `f`: `oauth_client_secret` is not supported: there is no OAuth here",
        ":8:39: `require_auth` of target `g`",
    ];
    for part in expected {
        assert!(
            ended.stdout.contains(&format!("{path}{part}")),
            "{part}\n{}",
            ended.stdout
        );
    }
    assert!(!(ended.stdout.clone() + &ended.stderr).contains("s3cret"));
    let json = run(&["check", "--targets", &path, "--format", "json"]);
    let found: Vec<Value> = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(found.len(), ended.stdout.lines().count());
    let served = run(&["--targets", &path, "--web.listen-address", "127.0.0.1:0"]);
    assert!(
        !served.status.success() && served.stderr.contains(":2:34:"),
        "{}",
        served.stderr
    );
}

#[test]
fn check_connects_when_asked_to() {
    let files = Folder::new();
    let defaults = "defaults: { user: postgres, sslmode: disable, connect_timeout: 5s }\ntargets:\n";
    let good = files.write(
        "good.yml",
        &(defaults.to_owned() + &target("a", server().port(), "")),
    );
    assert!(run(&["check", "--targets", &good, "--connect"]).status.success());
    let gone = files.write("gone.yml", &(defaults.to_owned() + &target("b", 1, "")));
    assert!(
        run(&["check", "--targets", &gone]).status.success(),
        "nobody was to be connected to"
    );
    let ended = run(&["check", "--targets", &gone, "--connect"]);
    assert!(
        !ended.status.success() && ended.stdout.contains("target b: 127.0.0.1:1"),
        "{}",
        ended.stdout
    );
}

/// A cloud's tool takes a second or three, much longer than a server may be silent.
#[test]
fn check_waits_for_programs_that_write_passwords() {
    let cluster = with_passwords();
    let files = Folder::new();
    let slow = program(&files, "slow", "#!/bin/sh\nsleep 3\necho f1rst-s3cret\n");
    let pid = files.at("pid");
    let script = format!("#!/bin/sh\necho $$ >> {}\nsleep 600\n", pid.display());
    let hangs = program(&files, "hangs", &script);
    let credentials = format!(
        "slow: {{ user: monitor, password_command: [{slow}] }}, hangs: {{ user: monitor, password_command: [{hangs}] }}"
    );
    let text = file(&cluster, &credentials, &["slow", "hangs"])
        .replace("connect_timeout: 5s", "connect_timeout: 1s");
    let path = files.write("t.yml", &text);
    let ended = run(&["check", "--targets", &path, "--connect"]);
    assert_eq!(ended.stdout.lines().count(), 1, "{}", ended.stdout);
    assert!(
        ended.stdout.contains("target hangs") && ended.stdout.contains("did not end within 10s"),
        "{}",
        ended.stdout
    );
    let pids = std::fs::read_to_string(&pid).unwrap();
    let left = pids
        .lines()
        .filter(|pid| std::path::Path::new("/proc").join(pid).exists());
    assert_eq!(left.count(), 0, "nothing is left of them");
}

#[test]
fn the_schema_is_one() {
    let ended = run(&["schema", "--targets"]);
    let schema: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert!(
        schema["$defs"]["file"]["properties"]["targets"].is_object(),
        "{}",
        ended.stderr
    );
}

#[test]
fn one_server_and_many_exclude_each_other() {
    let ended = run(&["--targets", "/nonexistent.yml", "--url", "postgresql:///"]);
    assert!(
        !ended.status.success() && ended.stderr.contains("exclude each other"),
        "{}",
        ended.stderr
    );
    let ended = run(&[
        "--targets",
        "/nonexistent.yml",
        "--web.listen-address",
        "127.0.0.1:0",
    ]);
    assert!(
        !ended.status.success() && ended.stderr.contains("/nonexistent.yml: cannot be read"),
        "{}",
        ended.stderr
    );
}

#[test]
fn folders_and_file_sd() {
    let files = Folder::new();
    let port = server().port();
    files.write(
        "00-defaults.yml",
        "defaults: { user: postgres, dbname: postgres, sslmode: disable, connect_timeout: 5s }\n",
    );
    files.write(
        "10.yaml",
        &format!("targets: [{{ name: own, host: 127.0.0.1, port: {port} }}]\n"),
    );
    files.write(
        "20.json",
        &format!(r#"[{{"targets": ["127.0.0.1:{port}"], "labels": {{"env": "sd", "__meta": "x"}}}}]"#),
    );
    files.write("notes.txt", "not: [read");
    let folder = files.at("").display().to_string();
    let exporter = Exporter::builder(PROGRAM)
        .env("PG_EXPORTER_TARGETS", &folder)
        .start();
    let named = format!("127.0.0.1-{port}");
    for name in ["own", &named] {
        exporter.wait_for_status(&format!("/primary?target={name}"), 200, crate::support::SOON);
    }
    let page = exporter.get(&format!("/metrics?target={named}")).text();
    assert!(page.contains("pg_up{env=\"sd\"} 1"), "{page}");
    files.write(
        "30.yml",
        &format!("targets: [{{ name: later, host: 127.0.0.1, port: {port} }}]\n"),
    );
    exporter.wait_for_status("/primary?target=later", 200, crate::support::SOON);
}

#[test]
fn shards_share_the_targets() {
    let targets: String = (0..40)
        .map(|number| target(&format!("t-{number}"), 1, ", health_interval: 60s"))
        .collect();
    let mut seen = BTreeSet::new();
    for index in 0..3 {
        let shard = format!("{index}/3");
        let fleet = Fleet::start_with(&targets, |builder| builder.args(["--shard", &shard]));
        let groups: Vec<Value> = serde_json::from_str(&fleet.get("/sd").text()).unwrap();
        assert!(
            (5..25).contains(&groups.len()),
            "{} of 40 in shard {shard}",
            groups.len()
        );
        for group in groups {
            let name = group["labels"]["instance"].as_str().unwrap().to_owned();
            assert_ne!(fleet.get(&format!("/up?target={name}")).status, 404);
            assert!(seen.insert(name), "in two shards");
        }
    }
    assert_eq!(seen.len(), 40);
    let wrong = run(&["--shard", "3/3", "--targets", "x"]);
    assert!(wrong.stderr.contains("--shard"), "{}", wrong.stderr);
}
