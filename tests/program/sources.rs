//! Where settings come from, and which source wins.

use std::process::{Command, Stdio};

use pg_exporter_lab::exporter::Builder;

use crate::support::{Folder, PROGRAM, definition, on_server, program, server};

/// The database that a run of the program is connected to, by the name on its page.
fn database_of(builder: &Builder) -> String {
    let ended = builder
        .clone()
        .args(["scrape", "--no-auto-discovery", "-T", "5s"])
        .run();
    assert!(ended.status.success(), "{}", ended.stderr);
    let page = pg_exporter_lab::Page::parse(&ended.stdout);
    let sample = page.all("pg_exporter_server_scrape_total_count").next().unwrap();
    sample.label("datname").unwrap().to_owned()
}

#[test]
fn each_source_of_the_url_in_its_turn() {
    let folder = Folder::new();
    let (app, other, postgres) = (
        server().url("app"),
        server().url("other"),
        server().url("postgres"),
    );
    let file = folder.write("url", &format!("\n  {postgres}\n\n"));
    let by_file = program().env("PG_EXPORTER_URL_FILE", &file);
    assert_eq!(database_of(&by_file), "postgres");
    let by_pgurl = by_file.env("PGURL", &other);
    assert_eq!(database_of(&by_pgurl), "other", "PGURL before the file");
    let by_variable = by_pgurl.env("PG_EXPORTER_URL", &app);
    assert_eq!(database_of(&by_variable), "app", "PG_EXPORTER_URL before PGURL");
    for flag in [vec!["--url", &postgres], vec!["-u", &postgres]] {
        assert_eq!(
            database_of(&by_variable.clone().args(flag)),
            "postgres",
            "the flag before all"
        );
    }
    assert_eq!(
        database_of(&by_variable.env("PG_EXPORTER_URL", "")),
        "other",
        "empty counts as not set"
    );
}

#[test]
fn a_file_that_cannot_be_read_is_an_error_only_when_it_is_asked_for() {
    let missing = program().env("PG_EXPORTER_URL_FILE", "/nonexistent/url");
    let ended = missing.clone().arg("scrape").run();
    assert_eq!(ended.status.code(), Some(1));
    assert!(ended.stderr.contains("/nonexistent/url"), "{}", ended.stderr);
    assert_eq!(database_of(&missing.env("PGURL", server().url("app"))), "app");
}

#[test]
fn keywords_variables_and_sockets_lead_to_the_server() {
    let port = server().port();
    let keywords = format!("host=127.0.0.1 port={port} user=postgres dbname=app");
    assert_eq!(database_of(&program().args(["-u", &keywords])), "app");
    let socket = server().socket_folder().display().to_string();
    let by_socket = format!("postgresql:///other?host={socket}&port={port}&user=postgres");
    assert_eq!(database_of(&program().args(["-u", &by_socket])), "other");
    // The default leaves everything to libpq's variables.
    let by_variables = program()
        .env("PGHOST", &socket)
        .env("PGPORT", port.to_string())
        .env("PGUSER", "postgres")
        .env("PGDATABASE", "app");
    assert_eq!(database_of(&by_variables), "app");
    assert_eq!(database_of(&by_variables.args(["-u", "dbname=other"])), "other");
}

#[test]
fn the_flag_for_definitions_wins_over_its_variable() {
    let folder = Folder::new();
    let by_flag = folder.write("flag.yml", &definition("by_flag", "SELECT 1 AS value", ""));
    let by_variable = folder.write(
        "variable.yml",
        &definition("by_variable", "SELECT 1 AS value", ""),
    );
    let base = on_server()
        .args(["--no-builtin", "--no-auto-discovery"])
        .env("PG_EXPORTER_CONFIG", &by_variable);
    assert!(base.start().get("/metrics").text().contains("by_variable_value"));
    for flag in ["--config", "-c"] {
        let page = base.clone().args([flag, &by_flag]).start().get("/metrics").text();
        assert!(
            page.contains("by_flag_value") && !page.contains("by_variable_value"),
            "{flag}"
        );
    }
}

/// Without a name, definitions are looked for beside the program's working folder.
#[test]
fn definitions_in_the_working_folder_are_found() {
    let folder = Folder::new();
    let list = |folder: &Folder| {
        let mut command = Command::new(PROGRAM);
        command
            .env_clear()
            .current_dir(folder.path())
            .args(["--dry-run", "--no-builtin"]);
        command.stdin(Stdio::null()).output().unwrap()
    };
    assert!(!list(&folder).status.success(), "there is nothing to load");
    folder.write(
        "pg_exporter.yml",
        &definition("found_here", "SELECT 1 AS value", ""),
    );
    let found = list(&folder);
    assert!(found.status.success() && String::from_utf8(found.stdout).unwrap().contains("found_here"));
}

/// What is found there and cannot be read is told of: a link that leads nowhere is a mount that is not there.
#[test]
fn definitions_in_the_working_folder_that_cannot_be_read_are_an_error() {
    for (kind, make, told) in [
        ("link", "ln -s absent", "No such file or directory"),
        ("pipe", "mkfifo", "it is a pipe"),
        ("device", "ln -s /dev/zero", "it is a device"),
    ] {
        let folder = Folder::new();
        let made = Command::new("sh")
            .args(["-c", &format!("{make} pg_exporter.yml")])
            .current_dir(folder.path())
            .status();
        assert!(made.unwrap().success(), "{kind}");
        let mut command = Command::new(PROGRAM);
        command.env_clear().current_dir(folder.path()).arg("--dry-run");
        let ended = command.stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8([ended.stderr, ended.stdout].concat()).unwrap();
        assert!(!ended.status.success(), "{kind}: {said}");
        let is_told = |line: &str| line.contains("pg_exporter.yml") && line.contains(told);
        assert!(said.lines().any(is_told), "{kind}: {said}");
    }
}

#[test]
fn a_folder_of_definitions_is_read_in_the_order_of_names() {
    let folder = Folder::new();
    folder.write("20-later.yaml", &definition("twice", "SELECT 2 AS value", ""));
    folder.write("10-sooner.yml", &definition("twice", "SELECT 1 AS value", ""));
    folder.write("30-other.txt", "this is no definition");
    let path = folder.path().display().to_string();
    let exporter = on_server()
        .args(["--no-builtin", "--no-auto-discovery", "-c", &path])
        .start();
    assert_eq!(
        exporter.scrape().value("twice_value", &[]),
        Some(2.0),
        "the later file wins"
    );
}
