//! What such a file may say, and what is said to the rest.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests"
)]
use super::*;
use crate::read::source::Source;

fn read(text: &str) -> Result<Vec<Merged>, Vec<String>> {
    let found = targets(&[Source::new("t.yml", text)]);
    found.map_err(|all| all.iter().map(ToString::to_string).collect())
}

fn text(target: &Merged, key: &str) -> Option<String> {
    match &target.get(key)?.given {
        Given::Text(text) => Some(text.clone()),
        other => Some(format!("{other:?}")),
    }
}

#[test]
fn own_keys_go_before_credentials_and_these_before_defaults() {
    let all = read(
        "
defaults: { credentials: rds, sslmode: verify-full, user: nobody, labels: { env: prod, cls: none }, health_interval: 5s }
credentials:
  rds: { user: monitor, password_file: /run/rds }
  iam: { user: iam, password_command: [token, '{host}'], ttl: 10m }
targets:
  - { name: a, host: a.example, labels: { cls: orders } }
  - { name: b, host: b.example, credentials: iam, sslmode: require, port: 6432 }
  - { name: c, host: c.example, password_env: SECRET }
  - { name: d, host: d.example, user: own, passfile: /etc/pgpass }
  - { name: e, host: e.example, passfile: /etc/pgpass, password_command: [token] }
",
    )
    .unwrap();
    let [a, b, c, d, e] = &all[..] else {
        panic!("{all:?}")
    };
    assert_eq!(text(a, "user").as_deref(), Some("monitor"));
    assert_eq!(text(a, "password_file").as_deref(), Some("/run/rds"));
    assert_eq!(text(a, "sslmode").as_deref(), Some("verify-full"));
    assert_eq!(
        a.inherited["labels"].given,
        Given::Labels(vec![("env".to_owned(), "prod".to_owned())]),
        "its own `cls` wins"
    );
    assert_eq!(text(b, "user").as_deref(), Some("iam"));
    assert_eq!(text(b, "port").as_deref(), Some("6432"));
    assert!(b.get("password_file").is_none(), "a password is of who gives it");
    assert_eq!(text(b, "sslmode").as_deref(), Some("require"));
    assert!(c.get("password_file").is_none() && c.get("password_env").is_some());
    assert_eq!(text(d, "user").as_deref(), Some("own"));
    assert!(
        d.get("password_file").is_none() && d.get("passfile").is_some(),
        "a password file has its own"
    );
    assert!(
        e.get("password_command").is_some() && e.get("ttl").is_none() && e.get("password_file").is_none(),
        "credentials of another"
    );
}

#[test]
fn file_sd_gives_a_target_for_each_address() {
    let json = r#"[{"targets": ["DB1.example:5432", "[::1]:5433", "db2"], "labels": {"env": "prod", "__meta_x": "y"}}]"#;
    let all = read(json).unwrap();
    let names: Vec<_> = all.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["db1.example-5432", "1--5433", "db2"]);
    assert_eq!(text(&all[1], "host").as_deref(), Some("::1"));
    assert_eq!(text(&all[1], "port").as_deref(), Some("5433"));
    assert_eq!(
        all[2].own["labels"].given,
        Given::Labels(vec![("env".to_owned(), "prod".to_owned())])
    );
}

#[test]
fn mistakes_name_their_place_and_what_to_write() {
    let table = [
        (
            "targets: [{ host: h }]",
            "t.yml:1:11: a target needs a `name`: what requests call it",
        ),
        (
            "targets: [{ name: Orders 1, host: h }]",
            "t.yml:1:19: `Orders 1` is no name of a target: a-z, 0-9, `.`, `_` and `-`, a letter or digit first, at most 128; write `orders-1`",
        ),
        (
            "targets: [{ name: a }]",
            "t.yml:1:11: target `a` names no server; give it `host`, `url` or `service`",
        ),
        (
            "targets:\n- { name: a, host: h }\n- { name: a, host: i }",
            "t.yml:3:3: a second target `a`, the first is at t.yml:2; give it another name",
        ),
        (
            "targets: [{ name: a, host: h, sslmod: require }]",
            "t.yml:1:31: unknown key `sslmod` in a target, did you mean `sslmode`?",
        ),
        (
            "targets: [{ name: a, host: h, database: d }]",
            "t.yml:1:31: unknown key `database`; write `dbname`",
        ),
        (
            "target: []",
            "t.yml:1:1: unknown key `target` in a targets file, did you mean `targets`?",
        ),
        (
            "targets: [{ name: a, host: h, credentials: rd }]\ncredentials: { rds: { user: u } }",
            "t.yml:1:44: there are no credentials `rd`, did you mean `rds`?",
        ),
        (
            "credentials: { rds: { host: h } }",
            "t.yml:1:23: `host` cannot stand in credentials `rds`; write it into the target or `defaults`",
        ),
        (
            "defaults: { name: a }",
            "t.yml:1:13: `name` is of a single target; it cannot stand in `defaults`",
        ),
        (
            "credentials: { c: { password_env: A, password_file: b } }",
            "t.yml:1:53: `password_env` and `password_file` exclude each other; leave one",
        ),
        (
            "credentials: { c: { password_command: aws rds token } }",
            "t.yml:1:39: no shell runs it: write the program and its arguments as a list, [\"aws\", \"rds\", \"token\"]",
        ),
        (
            "credentials: { c: { ttl: 5m } }",
            "t.yml:1:26: `ttl` is of a `password_command`, and there is none beside it",
        ),
        (
            "defaults: { health_interval: soon }",
            "t.yml:1:30: bad value `soon` for `health_interval`; write a time above zero with its unit, such as 10s or 500ms",
        ),
        (
            "targets: [{ name: a, host: h, labels: { 9a: x } }]",
            "t.yml:1:41: `9a` is no name of a label: letters, digits and _, no digit first, not __ first",
        ),
        (
            "targets: [{ name: a, name: b, host: h }]",
            "t.yml:1:22: duplicate key `name` in a target, first on line 1; leave one",
        ),
        (
            "- targets: [\"postgresql://u:p@h/db\"]",
            "t.yml:1:13: no address: write host or host:port; a target that needs more is written as one of `targets:`",
        ),
        (
            "targets: [{ name: a, host: }]",
            "t.yml:1:26: `host` is empty; give it a value, or leave it out",
        ),
    ];
    for (yaml, expected) in table {
        let found = read(yaml).err().unwrap_or_default();
        assert!(found.iter().any(|one| one == expected), "{yaml}\n{found:#?}");
    }
}

#[test]
fn names_are_unique_over_all_files() {
    let sources = [
        "defaults: { port: 1 }\ntargets: [{ name: a, host: h }]",
        "defaults: { port: 2 }\ntargets: [{ name: a, host: h }]",
    ];
    let sources: Vec<_> = sources
        .iter()
        .zip(["x.yml", "y.yml"])
        .map(|(text, name)| Source::new(name, *text))
        .collect();
    let found: Vec<_> = targets(&sources)
        .unwrap_err()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        found,
        [
            "y.yml:1:1: a second `defaults`, the first are at x.yml:1; they hold for all files: leave one",
            "y.yml:2:11: a second target `a`, the first is at x.yml:2; give it another name",
        ]
    );
}

#[test]
fn secrets_are_not_shown() {
    let yaml = "targets: [{ name: a, url: 'postgresql://u:s3cret@h/', sslpassword: s3cret }]";
    let all = read(yaml).unwrap();
    assert!(!format!("{all:?}").contains("s3cret"), "{all:?}");
}
