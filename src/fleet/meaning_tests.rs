//! Files that say the same in other words, and files that do not.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::path::Path;

use pg_exporter_lab::Folder;

use super::*;
use crate::catalog::compiled::COLLECTORS;
use crate::catalog::{Catalog, Sources};
use crate::files::Files;
use crate::fleet::{Base, FleetSources, check};
use crate::postgres::meter::ResultLimits;

/// What the targets of a file come to, by name.
fn meanings(path: &Path, text: &str) -> BTreeMap<String, Meaning> {
    std::fs::write(path, text).unwrap();
    let base = Base {
        config: Config {
            labels: vec![("site".to_owned(), "a".to_owned())],
            follows_room: true,
            ..Config::default()
        },
        namespace: None,
        connect_timeout: Duration::from_secs(1),
        max_connections: 8,
        results: ResultLimits::default(),
        scrape_timeout: Duration::from_secs(10),
        health_interval: Duration::from_secs(1),
        health_connect_interval: Duration::from_secs(5),
        health_write: false,
        files: Files::default(),
    };
    let sources = FleetSources {
        paths: vec![path.to_owned()],
        shard: None,
        base,
    };
    let sources_of_catalog = Sources {
        base: COLLECTORS,
        ..Sources::default()
    };
    let catalog = Catalog::open(sources_of_catalog).unwrap();
    let settings = check(&sources, &catalog).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let meaning = |settings: &TargetSettings| {
        let name = settings.name.as_deref().unwrap_or_default();
        (name.to_owned(), Meaning::new(settings))
    };
    settings.iter().map(meaning).collect()
}

/// The first spelling of each target, then another of the same; `SERVICE` is a service file.
const SAME: [(&str, &str); 14] = [
    (
        "targets: [{ name: a, host: h, labels: { x: y, v: w } }]",
        "targets: [{ labels: { v: w, x: y }, host: h, name: a }]",
    ),
    (
        "targets: [{ name: a, host: h, labels: { x: y, v: w } }]",
        "defaults: { labels: { v: w } }\ntargets: [{ name: a, host: h, labels: { x: y } }]",
    ),
    (
        "targets: [{ name: a, host: h, labels: { x: '' } }]",
        "targets: [{ name: a, host: h }]",
    ),
    (
        "targets: [{ name: a, host: h, health_interval: 60s }]",
        "targets: [{ name: a, host: h, health_interval: 1m }]",
    ),
    (
        "credentials: { one: { user: u, password_file: f } }\ntargets: [{ name: a, host: h, credentials: one }]",
        "credentials: { other: { user: u, password_file: f } }\ndefaults: { credentials: other }\ntargets: [{ name: a, host: h }]",
    ),
    (
        "targets: [{ name: a, host: h, tags: [x, y] }]",
        "targets: [{ name: a, host: h, tags: 'y,x' }]",
    ),
    (
        "targets: [{ name: a, host: h, skip_collectors: [pg, pg_db] }]",
        "targets: [{ name: a, host: h, skip_collectors: [pg_db, pg] }]",
    ),
    (
        "targets: [{ name: a, host: h, exclude_databases: ['/^t/', x] }]",
        "targets: [{ name: a, host: h, exclude_databases: 'x,/^t/' }]",
    ),
    (
        "targets: [{ name: a, host: h }]",
        "targets: [{ name: a, host: h, port: 5432, sslmode: prefer, connect_timeout: 1, parallel: 1, health_interval: 1000ms, \
         auto_discovery: false, target_session_attrs: any, sslsni: 1, keepalives: 1, application_name: pg_exporter }]",
    ),
    (
        "targets: [{ name: a, url: 'postgresql://u:p@h:5433/d?connect_timeout=7&sslmode=require' }]",
        "targets: [{ name: a, host: h, port: 5433, user: u, password: p, dbname: d, connect_timeout: 7s, sslmode: require }]",
    ),
    (
        "targets: [{ name: a, url: 'host=h user=u' }]",
        "targets: [{ name: a, url: 'postgresql://u@h/u' }]",
    ),
    (
        "targets: [{ name: a, host: h, user: u, password_command: [p, q] }]",
        "targets: [{ name: a, host: h, user: u, password_command: [p, q], ttl: 600 }]",
    ),
    (
        "targets: [{ name: a, service: one, servicefile: SERVICE }]",
        "defaults: { servicefile: SERVICE }\ntargets: [{ name: a, service: one, sslmode: prefer }]",
    ),
    (
        "targets: [{ name: a, host: '127.0.0.1', keepalives_idle: 30 }]",
        "targets: [{ name: a, host: '127.0.0.1', keepalives_idle: ' 30' }]",
    ),
];

/// Each is another target than the one before it.
const OTHERS: [&str; 33] = [
    "host: h",
    "host: i",
    "host: h, port: 5433",
    "host: h, user: u",
    "host: h, user: u, dbname: d",
    "host: h, user: u, password: p",
    "host: h, user: u, password: q",
    "url: 'postgresql://u:p@i/'",
    "url: 'postgresql://u:q@i/'",
    "host: h, user: u, password_file: f",
    "host: h, user: u, password_file: g",
    "host: h, user: u, password_env: F",
    "host: h, user: u, password_command: [p]",
    "host: h, user: u, password_command: [p, q]",
    "host: h, user: u, password_command: [p, q], ttl: 1m",
    "host: h, user: u, passfile: f",
    "host: h, sslcert: c, sslkey: k",
    "host: h, sslcert: c, sslkey: k, sslpassword: p",
    "host: h, sslmode: require",
    "host: h, sslmode: require, connect_timeout: 2s",
    "host: h, max_connections: 7",
    "host: h, max_connections: 8",
    "host: h, labels: { a: b }",
    "host: h, labels: { a: c }",
    "host: h, labels: { site: b }",
    "host: h, labels: { site: '' }",
    "host: h, tags: [t]",
    "host: h, exclude_databases: [x]",
    "host: h, exclude_databases: ['/x/']",
    "host: h, include_databases: [x]",
    "host: h, scrape_timeout: 2s",
    "host: h, health_interval: 2s",
    "host: h, health_write: true",
];

#[test]
fn what_is_said_in_other_words_is_the_same() {
    let files = Folder::new();
    let service = files.write("service", "[one]\nhost=h\nuser=u\npassword=s3cret\n");
    for (one, other) in SAME {
        let read = |text: &str| meanings(&files.at("t.yml"), &text.replace("SERVICE", &service));
        assert_eq!(read(one), read(other), "{one}\n{other}");
    }
}

#[test]
fn what_comes_to_something_else_is_another() {
    let files = Folder::new();
    let read = |keys: &str| meanings(&files.at("t.yml"), &format!("targets: [{{ name: a, {keys} }}]"));
    let all = OTHERS.map(read);
    for (place, (one, text)) in all.iter().zip(OTHERS).enumerate() {
        for (other, another) in all.iter().zip(OTHERS).skip(place + 1) {
            assert_ne!(one, other, "{text}\n{another}");
        }
    }
}

#[test]
fn a_service_file_is_read_again_but_for_whether_it_has_a_password() {
    let files = Folder::new();
    let read = |section: &str| {
        let service = files.write("service", &format!("[one]\nhost=h\nuser=u\n{section}"));
        let text = format!("targets: [{{ name: a, service: one, servicefile: {service} }}]");
        meanings(&files.at("t.yml"), &text)
    };
    let none = read("");
    let (one, other) = (read("password=one\n"), read("password=other\n"));
    assert_ne!(none, one, "nobody would look for it");
    assert_eq!(one, other, "each connection has the one of that moment");
    let keyed = |more: &str| read(&format!("sslcert=c\nsslkey=k\n{more}"));
    let (none, one) = (keyed(""), keyed("sslpassword=one\n"));
    assert_ne!(none, one);
    assert_eq!(one, keyed("sslpassword=other\n"));
    assert!(!format!("{one:?}").contains("one"), "a secret is not shown");
}
