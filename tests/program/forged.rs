//! Names, messages and texts of a server that would forge lines, colours or other names: in no text that people read do they
//! get through, over HTTP, from a command, in the log.

use pg_exporter_lab::exporter::Builder;
use pg_exporter_lab::{Cluster, newest_major};

use crate::support::{Folder, SOON, program};

/// What a line of its own would begin with.
const FORGED: &str = "FORGED";

/// Parts of names, one of each kind that a terminal acts upon or shows nothing of.
const KINDS: [(&str, &str); 16] = [
    ("end of line", "\n"),
    ("carriage return", "\r"),
    ("both", "\r\n"),
    ("vertical tab", "\u{b}"),
    ("form feed", "\u{c}"),
    ("tab", "\t"),
    ("bell", "\u{7}"),
    ("backspace", "\u{8}\u{8}\u{8}"),
    ("delete", "\u{7f}"),
    ("colour", "\u{1b}[31m"),
    ("title of the window", "\u{1b}]0;x\u{7}"),
    ("next line", "\u{85}"),
    ("eight-bit escape", "\u{9b}2J"),
    ("line separator", "\u{2028}"),
    ("turned around", "\u{202e}"),
    ("of no width", "\u{200b}\u{2060}\u{feff}"),
];

fn name(number: usize, part: &str) -> String {
    format!("n{number}{part}{FORGED} {number}")
}

/// A server whose databases, roles, applications, tables, settings and errors all have such names.
fn server() -> Cluster {
    let server = Cluster::start(newest_major());
    for (number, (_, part)) in KINDS.iter().enumerate() {
        let name = name(number, part);
        server.psql(&format!("create database \"{name}\""));
        server.psql(&format!("create role \"{name}\" login"));
        server.psql(&format!("alter database \"{name}\" set application_name = 'x'"));
    }
    // In one of them, and in the URL's, everything else.
    let all: String = KINDS.iter().map(|(_, part)| *part).collect();
    for database in ["postgres", &*name(0, "%0A").replace(' ', "%20")] {
        server.psql_in(
            database,
            &format!(
                "create schema \"s{all}\"; create table \"s{all}\".\"t{all}{FORGED}\" (i int primary key);
                 create function public.fails() returns int language plpgsql as $f$ begin raise exception \
                 using message = E'm{all}{FORGED}', errcode = 'P0001'; end $f$;
                 create function public.tells() returns int language plpgsql as $f$ begin raise warning \
                 using message = E'w{all}{FORGED}'; return 1; end $f$;"
            ),
        );
    }
    server.psql("create role weak login");
    server
}

/// Collectors that fail with such a message, tell such a notice, and have such a label.
fn collectors() -> String {
    let one = |name: &str, sql: &str| {
        format!(
            "{name}:\n  query: {sql}\n  ttl: 0\n  metrics:\n    - label: {{ usage: LABEL, description: Text. }}\n    \
             - value: {{ usage: GAUGE, description: Value. }}\n"
        )
    };
    one("fails", "SELECT 'x' AS label, public.fails() AS value")
        + &one("tells", "SELECT 'x' AS label, public.tells() AS value")
        + &one(
            "labels",
            "SELECT datname::text AS label, 1 AS value FROM pg_catalog.pg_database",
        )
}

/// A text has no character that a terminal acts upon.
#[track_caller]
fn assert_shown(what: &str, text: &str) {
    let hidden = |c: char| {
        (c.is_control() && c != '\n')
            || KINDS
                .iter()
                .skip(11)
                .any(|(_, part)| part.contains(c) && !c.is_ascii())
    };
    if let Some(line) = text.lines().find(|line| line.contains(hidden)) {
        panic!("{what}: {:?}", line.escape_debug().to_string());
    }
}

/// The same, and no line that a name has forged. Markup has no lines: there an end of one is a blank.
#[track_caller]
fn assert_plain(what: &str, text: &str) {
    assert_shown(what, text);
    let forged = text.lines().find(|line| line.trim_start().starts_with(FORGED));
    assert!(forged.is_none(), "{what}: {forged:?}");
}

fn on(server: &Cluster, role: &str, config: &str) -> Builder {
    let url = server.url("postgres").replace("postgres@", &format!("{role}@"));
    program()
        .url(&url)
        .env("PG_EXPORTER_CONNECT_TIMEOUT", "5s")
        .args(["--auto-discovery", "--config", config])
}

#[test]
fn no_name_of_a_server_forges_what_people_read() {
    let (server, folder) = (server(), Folder::new());
    let config = folder.write("forged.yml", &collectors());
    // A monitor, and a role that may hardly anything: it is told what to grant.
    server.psql("grant pg_monitor to postgres");
    for role in ["postgres", "weak"] {
        let mut seen = String::new();
        for form in ["logfmt", "json"] {
            let exporter = on(&server, role, &config)
                .args(["--log.level=debug", &format!("--log.format={form}")])
                .start();
            exporter.wait_for_status("/primary", 200, SOON);
            let _ = exporter.scrape();
            for path in [
                "/stat",
                "/explain",
                "/stat?databases=all",
                "/explain?databases=all",
                "/stat?format=json",
                "/explain?format=json",
                "/collector/fails",
                "/collector/labels",
                "/",
                "/nothing%0aFORGED%1b[31m",
                "/metrics?collect[]=x%0aFORGED%1b[31m",
                "/replica?lag=%0aFORGED%1b[31m",
                "/reload?dry_run=1",
            ] {
                let text = exporter.get(path).text();
                if text.starts_with("<!") {
                    assert_shown(&format!("{role}: {path}"), &text);
                } else {
                    assert_plain(&format!("{role}: {path}"), &text);
                }
                seen.push_str(&text);
            }
            let _ = exporter.scrape();
            assert!(exporter.terminate().success());
            assert_plain(&format!("{role}: log as {form}"), &exporter.stderr());
        }
        for command in [
            &["stat"][..],
            &["explain"],
            &["doctor"],
            &["check"],
            &["stat", "--format=json"],
            &["doctor", "--format=json"],
        ] {
            let ended = on(&server, role, &config).args(command.iter().copied()).run();
            assert_plain(&format!("{role}: {command:?}"), &ended.stdout);
            assert_plain(&format!("{role}: {command:?}, errors"), &ended.stderr);
            seen.push_str(&ended.stdout);
        }
        // They are there, escaped.
        for part in ["\\n", "\\u{1b}[31m", "\\u{202e}"] {
            assert!(seen.contains(&format!("{part}{FORGED}")), "{role}: {part}");
        }
        assert!(seen.contains("FORGED"), "{role}");
    }
}

#[test]
fn no_name_of_a_file_forges_what_people_read() {
    let folder = Folder::new();
    for (number, (_, part)) in KINDS.iter().enumerate() {
        // YAML's own escapes.
        let escaped: String = part.chars().map(|c| format!("\\U{:08x}", u32::from(c))).collect();
        let mistake = format!("\"c{escaped}{FORGED}\":\n  \"qurey{escaped}{FORGED}\": x\n");
        let path = folder.write(&format!("{number}{part}{FORGED}.yml"), &mistake);
        for command in [&["check"][..], &["check", "--format=json"], &["convert"]] {
            // What it writes is a definition, in which every other character may be.
            if command[0] == "convert" && !part.contains(char::is_control) {
                continue;
            }
            let ended = program().args(command.iter().copied()).arg(&path).run();
            assert_plain(&format!("{command:?} {path:?}"), &ended.stdout);
            assert_plain(&format!("{command:?} {path:?}, errors"), &ended.stderr);
        }
        let ended = program().url("host=127.0.0.1").args(["--config", &path]).run();
        assert!(!ended.status.success());
        assert_plain(&format!("start with {path:?}"), &ended.stderr);
        let ended = program().args([&format!("--no-such{part}{FORGED}")]).run();
        assert_plain("an unknown flag", &ended.stderr);
    }
}
