//! Bad input: one clear line, an exit code that is not 0, and nothing of the program's insides.

use std::net::TcpListener;

use pg_exporter_lab::exporter::Ended;

use crate::support::{Folder, definition, on_server, program, run};

/// What was said is for the person who made the mistake.
#[track_caller]
fn assert_clear(what: &str, ended: &Ended, code: i32, parts: &[&str]) {
    assert_eq!(ended.status.code(), Some(code), "{what}: {}", ended.stderr);
    assert_eq!(ended.stdout, "", "{what}");
    let lines: Vec<&str> = ended.stderr.lines().collect();
    assert_eq!(lines.len(), 1, "{what}: {lines:#?}");
    for part in parts {
        assert!(
            lines[0].contains(part),
            "{what}: {part:?} is not in {:?}",
            lines[0]
        );
    }
    for inside in [
        "panicked",
        "RUST_BACKTRACE",
        "stack backtrace",
        "src/",
        "Err(",
        "Some(",
    ] {
        assert!(!lines[0].contains(inside), "{what}: {:?}", lines[0]);
    }
}

#[test]
fn wrong_command_lines() {
    let table = [
        ("--no-such-flag", "unknown flag --no-such-flag"),
        ("-z", "unknown flag -z"),
        ("--web.listen-adress=:1", "did you mean --web.listen-address?"),
        ("serve", "one of check, "),
        ("--url", "--url needs a value"),
        ("--disable-cache=maybe", "write true or false"),
        ("--parallel=0", "--parallel"),
        ("--parallel=many", "--parallel"),
        ("--max-connections=1", "at least 2"),
        ("--scrape-timeout=soon", "such as 10s"),
        ("--health-interval=0", "such as 10s"),
        ("--connect-timeout=later", "milliseconds"),
        ("--namespace=9x", "--namespace"),
        ("--web.listen-address=9630", "host:port"),
        ("--web.listen-address=:99999", "65535"),
        ("--web.listen-address=", "--web.listen-address"),
        ("--web.telemetry-path=metrics", "--web.telemetry-path"),
        ("--web.telemetry-path=/a/../b", "--web.telemetry-path"),
        ("--web.telemetry-path=/a?b", "--web.telemetry-path"),
        ("--web.telemetry-path=/primary", "/primary"),
        ("--web.telemetry-path=/%70rimary", "path of another page"),
        (
            "--exclude-database=a,/b",
            "--exclude-database: item 2: the pattern has no closing slash",
        ),
        (
            "--include-database=/a(/",
            "--include-database: item 1: the pattern is no regular expression: ",
        ),
        ("check --format=xml", "text or json"),
    ];
    for (line, part) in table {
        assert_clear(line, &run(&line.split(' ').collect::<Vec<_>>()), 1, &[part]);
    }
}

#[test]
fn wrong_variables() {
    for (name, value) in [
        ("PG_EXPORTER_FAIL_FAST", "maybe"),
        ("PG_EXPORTER_DISABLE_CACHE", "2"),
        ("PG_EXPORTER_PARALLEL", "-1"),
        ("PG_EXPORTER_MAX_CONNECTIONS", "x"),
        ("PG_EXPORTER_MAX_RESULT_ROWS", "0"),
        ("PG_EXPORTER_MAX_RESULT_BYTES", "1MB"),
        ("PG_EXPORTER_MAX_LABEL_BYTES", "1"),
        ("PG_EXPORTER_CONNECT_TIMEOUT", "x"),
        ("PG_EXPORTER_NAMESPACE", "a-b"),
        ("PG_EXPORTER_EXCLUDE_DATABASE", "//"),
        ("PG_EXPORTER_INCLUDE_DATABASE", "/[/"),
        ("PG_EXPORTER_URL_FILE", "/nonexistent/url"),
        ("PG_EXPORTER_URL", "mysql://h/d"),
        ("PGURL", "mysql://h/d"),
    ] {
        let ended = program()
            .env(name, value)
            .arg("--web.listen-address=127.0.0.1:0")
            .run();
        assert_clear(name, &ended, 1, &[name]);
    }
    for (name, value) in [
        ("PGPORT", "http"),
        ("PGSSLMODE", "maybe"),
        ("PGTARGETSESSIONATTRS", "best"),
    ] {
        let base = program().args(["--web.listen-address=127.0.0.1:0", "-u", "dbname=x"]);
        assert_clear(name, &base.env(name, value).run(), 1, &[name]);
    }
}

#[test]
fn wrong_urls_with_their_place() {
    let table = [
        ("mysql://u@h/d", "byte 1"),
        ("postgresql://u@h:port/d", "port"),
        ("postgresql://u@h:99999/d", "port"),
        ("postgresql://u@[::1/d", "]"),
        ("postgresql://h/d?sslmode=maybe", "sslmode"),
        ("postgresql://h/d?no_such=1", "unknown parameter"),
        (
            "postgresql://h/d?conect_timeout=1",
            "did you mean `connect_timeout`?",
        ),
        ("postgresql://h/%zz", "percent"),
        ("host=h port", "`=` is missing"),
        ("host='h", "quote"),
        ("h/d", "postgresql://"),
    ];
    for (url, part) in table {
        let ended = run(&["--web.listen-address=127.0.0.1:0", "--url", url]);
        assert_clear(url, &ended, 1, &["--url", part]);
    }
}

#[test]
fn wrong_definitions_with_their_place() {
    let folder = Folder::new();
    let table = [
        ("syntax.yml", "one:\n  query: [\n".to_owned(), "syntax.yml:"),
        (
            "usage.yml",
            definition("one", "SELECT 1 AS value", "").replace("GAUGE", "GUAGE"),
            "usage.yml:4:",
        ),
        (
            "ttl.yml",
            definition("one", "SELECT 1 AS value", "  ttl: -1\n"),
            "ttl.yml:3:",
        ),
        ("query.yml", definition("one", "''", ""), "query.yml:2:"),
        ("bytes.yml", "one: \u{0}\n".to_owned(), "bytes.yml:"),
        ("scalar.yml", "just some text\n".to_owned(), "scalar.yml:1:"),
    ];
    for (name, content, place) in table {
        let path = folder.write(name, &content);
        let ended = on_server()
            .args(["--web.listen-address=127.0.0.1:0", "--config", &path])
            .run();
        assert_clear(name, &ended, 1, &[place]);
    }
}

#[test]
fn all_mistakes_of_a_file_at_once() {
    let folder = Folder::new();
    let wrong = |key: &str| definition(key, "SELECT 1 AS value", "  ttl: -1\n");
    let path = folder.write("two.yml", &(wrong("one") + &wrong("two")));
    let ended = on_server().args(["--config", &path]).run();
    assert_eq!(ended.status.code(), Some(1));
    assert!(
        ended.stderr.contains("two.yml:3:") && ended.stderr.contains("two.yml:8:"),
        "{}",
        ended.stderr
    );
}

#[test]
fn definitions_that_are_not_there() {
    let folder = Folder::new();
    let empty = folder.path().display().to_string();
    let missing = format!("{empty}/missing.yml");
    for (path, part) in [(&missing, "missing.yml"), (&empty, &*empty)] {
        let ended = on_server()
            .args(["--web.listen-address=127.0.0.1:0", "-c", path])
            .run();
        assert_clear(path, &ended, 1, &[part]);
    }
    let ended = on_server()
        .args(["--web.listen-address=127.0.0.1:0", "--no-builtin"])
        .run();
    assert_clear("nothing at all", &ended, 1, &["--no-builtin needs --config"]);
}

#[test]
fn a_constant_label_that_a_collector_has() {
    for name in ["datname", "query", "relname", "slot_name"] {
        let label = format!("--label={name}=x");
        let ended = on_server()
            .args(["--web.listen-address=127.0.0.1:0", &*label])
            .run();
        assert_clear(&label, &ended, 1, &["--label", name]);
    }
}

#[test]
fn addresses_that_cannot_be_listened_on() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let table = [
        (format!("127.0.0.1:{port}"), "another --web.listen-address"),
        (format!(":{port}"), "another --web.listen-address"),
        ("192.0.2.1:9630".into(), "does not have that address"),
        ("no-such-host.invalid:9630".into(), "lookup"),
    ];
    for (address, part) in table {
        let ended = on_server().arg(format!("--web.listen-address={address}")).run();
        assert_clear(&address, &ended, 1, &["cannot listen on", &address, part]);
    }
}

#[test]
fn a_port_in_use() {
    let exporter = on_server().start();
    let ended = on_server()
        .arg(format!("--web.listen-address=127.0.0.1:{}", exporter.port()))
        .run();
    assert_clear(
        "a port in use",
        &ended,
        1,
        &["Address already in use", "another --web.listen-address"],
    );
    assert_eq!(exporter.get("/up").status, 200, "the first one serves on");
}

/// Files of 1.x may hold keys that nobody knows: they are told of, and a mistake only for `check --strict`.
#[test]
fn an_unknown_key_is_told_and_survived() {
    let folder = Folder::new();
    let path = folder.write(
        "key.yml",
        &definition("one", "SELECT 1 AS value", "  timout: 1\n"),
    );
    let exporter = on_server().args(["--config", &path]).start();
    let page = exporter.scrape();
    assert_eq!(page.value("one_value", &[]), Some(1.0));
    // The definition has no label for the database: the others' series are the same as the first one's.
    assert_eq!(page.value("pg_exporter_duplicate_series", &[]), Some(2.0));
    let line = exporter.line_of_log("key.yml:3:3:");
    assert!(line.contains("did you mean `timeout`?"), "{line}");
    assert_eq!(run(&["check", "--strict", &path]).status.code(), Some(1));
}

/// What is odd but no mistake: the exporter says so and serves.
#[test]
fn odd_settings_are_told_and_survived() {
    let exporter = on_server()
        .args(["--log.level=loud", "--log.format=xml", "-l", "broken"])
        .start();
    assert_eq!(exporter.scrape().value("pg_up", &[]), Some(1.0));
    for part in ["--log.level", "--log.format", "constant label 1"] {
        let line = exporter.line_of_log(part);
        assert!(line.contains("level=warn"), "{part}: {line}");
    }
}
