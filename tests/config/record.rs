//! `check --record`: what servers say, written beside the definitions, and what of it is kept.

use std::fs;

use pg_exporter_lab::Folder;

use crate::support::{clock, database, program, server};

/// Records a path with those URLs; the exit code and what was written to both outputs.
fn record(urls: &[&str], path: &std::path::Path) -> (i32, String) {
    let mut builder =
        program("postgresql://nobody@127.0.0.1:1/x").args(["--no-builtin", "check", "--record"]);
    for url in urls {
        builder = builder.args(["--url", url]);
    }
    let run = builder.arg(path).run();
    let code = run.status.code().unwrap_or_else(|| panic!("{}", run.stderr));
    (code, run.stdout + &run.stderr)
}

/// The lock without its comments.
fn lock(directory: &Folder) -> String {
    let text = fs::read_to_string(directory.path().join("statements.lock")).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| format!("{line}\n")).collect()
}

/// The lock with `HASH` in place of fingerprints, and `NN` in place of the server's release.
fn shown(directory: &Folder) -> String {
    let release = format!("on {} ", server().major());
    let line = |line: &str| match line.rsplit_once(' ') {
        Some((before, last)) if last.len() == 16 && last.bytes().all(|b| b.is_ascii_hexdigit()) => {
            format!("{before} HASH\n")
        }
        _ => format!("{line}\n").replace(&release, "on NN "),
    };
    lock(directory).lines().map(line).collect()
}

const DEFINITIONS: &str = r#"
orders:
  query: SELECT state, count(*) AS open, max(placed) AS last, sum(amount) AS amount FROM orders GROUP BY state
  predicate_queries: [ { name: there, predicate_query: "SELECT true AS yes" } ]
  metrics:
    - state: { usage: LABEL, description: A }
    - open: { usage: GAUGE, description: A }
    - last: { usage: GAUGE, description: A }
    - amount: { usage: GAUGE, description: A }
later:
  query: SELECT 1 AS a
  min_version: 990000
  metrics: [ a: { usage: GAUGE, description: A } ]
spare:
  skip: true
  query: |
    SELECT 1 AS a FROM "no such table"
  metrics: [ a: { usage: GAUGE, description: A } ]
tools:
  query: SELECT 1 AS a
  tags: [ "extension:no_such" ]
  metrics: [ a: { usage: GAUGE, description: A } ]
tagged:
  query: SELECT 'on'::mood AS mood, 1::numeric AS "a b"
  tags: [ night ]
  metrics:
    - mood: { usage: LABEL, description: A }
    - a b: { usage: GAUGE, rename: b, description: A }
"#;

const RECORDED: &str = r#"format 1

later query HASH
  unproven: no server of its versions was asked

orders query HASH
  on NN primary
    state text
    open int8
    last timestamptz
    amount numeric
orders predicate 1 HASH
  on NN primary
    yes bool

spare query HASH
  on NN primary
    refused: 42P01 at 20

tagged query HASH
  on NN primary
    mood mood
    "a b" numeric

tools query HASH
  unproven: extension no_such is not installed
"#;

#[test]
fn what_a_server_says_is_written_and_nothing_of_where_it_is() {
    let url = database("record_says");
    server().psql_in(
        "record_says",
        "create type mood as enum ('on'); create table orders (state text, placed timestamptz, amount numeric)",
    );
    let directory = Folder::of(&[("1.yml", DEFINITIONS)]);
    let (code, said) = record(&[&url], directory.path());
    assert_eq!(code, 0, "{said}");
    assert_eq!(shown(&directory), RECORDED);
    for secret in [
        "127.0.0.1",
        "record_says",
        "postgres",
        &server().port().to_string(),
    ] {
        assert!(!RECORDED.contains(secret), "{secret}");
    }
    let text = lock(&directory);
    let (code, _) = record(&[&url, &url], directory.path());
    assert_eq!((code, lock(&directory)), (0, text), "again it says the same");
}

#[test]
fn another_text_is_forgotten_and_the_rest_is_kept() {
    let url = database("record_kept");
    let two = ("2.yml", clock("two", ""));
    let directory = Folder::of(&[("1.yml", &clock("one", "")), (two.0, &two.1)]);
    assert_eq!(record(&[&url], directory.path()).0, 0);
    // Another server has said something to both before.
    let file = directory.path().join("statements.lock");
    let major = server().major();
    let text = fs::read_to_string(&file).unwrap();
    let older = text.replace(&format!("on {major} primary"), &format!("on 9.6 {major} primary"));
    let older = format!("{older}\ngone query 00000000000000aa\n  unproven: x\n");
    fs::write(&file, &older).unwrap();
    directory.write("1.yml", &clock("one", "").replace("SELECT", "SELECT "));
    // One file alone: what is recorded of the others in its directory stays as it is.
    assert_eq!(record(&[&url], &directory.path().join("1.yml")).0, 0);
    let of = |branch: &str| -> String {
        let text = lock(&directory);
        let blocks = text.split("\n\n").filter(|block| block.starts_with(branch));
        blocks.map(str::to_owned).collect()
    };
    assert!(
        of("one ").contains(&format!("on {major} primary")),
        "{}",
        of("one ")
    );
    assert!(
        of("two ").contains(&format!("on 9.6 {major} primary")),
        "{}",
        of("two ")
    );
    assert!(of("gone ").contains("unproven"), "{}", of("gone "));
    // The directory as a whole: what is defined no more goes.
    assert_eq!(record(&[&url], directory.path()).0, 0);
    assert_eq!(of("gone "), "");
    assert!(
        of("two ").contains(&format!("on 9.6 {major} primary")),
        "{}",
        of("two ")
    );
}

#[test]
fn what_cannot_be_loaded_is_not_recorded_and_servers_must_be_named() {
    let directory = Folder::of(&[("1.yml", "one: { query: SELECT 1 AS a }")]);
    let url = database("record_broken");
    let (code, said) = record(&[&url], directory.path());
    assert!(code == 1 && said.contains("has no `metrics`"), "{said}");
    assert!(!directory.path().join("statements.lock").exists());
    let (code, said) = record(&[], directory.path());
    assert!(
        code == 1 && said.contains("name each with --url"),
        "{code} {said}"
    );
}

#[test]
fn several_servers_are_told_apart_in_findings() {
    let (one, other) = (database("record_one"), database("record_other"));
    server().psql_in("record_one", "create table only_here ()");
    let text = clock("one", "").replace(" AS at", " AS at FROM only_here");
    let directory = Folder::of(&[("1.yml", &text)]);
    let (code, said) = record(&[&one, &other], directory.path());
    let place = format!("(SQLSTATE 42P01) on PostgreSQL {} (primary)\n", server().major());
    assert!(code == 1 && said.contains(&place), "{said}");
    // The database that takes the statement tells more than the one that refuses it.
    assert!(lock(&directory).contains("\n    at "), "{}", lock(&directory));
}

#[test]
fn a_check_without_a_server_tells_what_the_build_would() {
    let url = database("record_without");
    let directory = Folder::of(&[("1.yml", &clock("one", ""))]);
    assert_eq!(record(&[&url], directory.path()).0, 0);
    let check = |path: &std::path::Path, lock: &str| {
        let run = program("postgresql://nobody@127.0.0.1:1/x")
            .env("PG_EXPORTER_LOCK", lock)
            .args(["--no-builtin", "check"])
            .arg(path)
            .run();
        let said = run
            .stdout
            .replace(&format!("{}/", directory.path().display()), "");
        (run.status.code(), said)
    };
    assert_eq!(check(directory.path(), ""), (Some(0), String::new()));
    directory.write("1.yml", &clock("one", "").replace("clock_timestamp", "now"));
    let release = server().major();
    let message = format!(
        "the query of `one` has another text than the one that was recorded on PostgreSQL {release} (primary); run \
         `pg_exporter check --record`\n"
    );
    for path in [directory.path(), &directory.path().join("1.yml")] {
        assert_eq!(check(path, ""), (Some(1), format!("1.yml:2:10: {message}")));
        assert_eq!(
            check(path, "warn"),
            (Some(0), format!("1.yml:2:10: warning: {message}"))
        );
        assert_eq!(check(path, "off"), (Some(0), String::new()));
    }
    let (code, _) = check(directory.path(), "perhaps");
    assert_eq!(code, Some(1), "a word that means nothing is a mistake");
}
