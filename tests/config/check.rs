//! `check --url`: what a server says to statements, with the place in the file.

use pg_exporter_lab::Folder;

use crate::support::{clock, database, json, program, server};

fn check(url: &str, directory: &Folder, more: &[&str]) -> (i32, String) {
    let run = program("postgresql://nobody@127.0.0.1:1/x")
        .args(["--no-builtin", "check", "--url", url])
        .args(more)
        .arg(directory.path())
        .run();
    let stdout = run
        .stdout
        .replace(&format!("{}/", directory.path().display()), "");
    (
        run.status.code().unwrap_or_else(|| panic!("{}", run.stderr)),
        stdout,
    )
}

#[test]
fn sound_definitions_give_no_finding() {
    let url = database("check_sound");
    // A superuser looks for names on no path but one of the definition's own.
    let directory = Folder::of(&[("1.yml", &clock("one", "  search_path: [pg_catalog]\n"))]);
    assert_eq!(check(&url, &directory, &["--strict"]), (0, String::new()));
}

#[test]
fn sql_errors_are_shown_where_they_are_in_the_file() {
    let url = database("check_sql");
    let text = "# first line
one:
  query: |
    SELECT 1 AS a,
           'é' AS b, nothing_here AS c
  metrics:
    - a: { usage: GAUGE, description: A }
two:
  query: SELECT count(*) AS a FROM no_such_table
  metrics:
    - a: { usage: GAUGE, description: A }
three:
  query: SELECT 1 AS a
  min_version: 990000
  metrics:
    - a: { usage: GAUGE, description: A }
four:
  query: SELECT 1 AS a
  predicate_queries: [ { predicate_query: SELECT 1 }, { predicate_query: SELECT nothing_there } ]
  metrics:
    - a: { usage: GAUGE, description: A }
";
    let directory = Folder::of(&[("1.yml", text)]);
    let (code, found) = check(&url, &directory, &[]);
    let expected = "\
1.yml:5:22: the server refuses the query of `one`: column \"nothing_here\" does not exist (SQLSTATE 42703)
1.yml:9:36: the server refuses the query of `two`: relation \"no_such_table\" does not exist (SQLSTATE 42P01)
1.yml:17:1: a predicate of `four` must return one column of type boolean
1.yml:17:1: the server refuses a predicate of `four`: column \"nothing_there\" does not exist (SQLSTATE 42703)
";
    assert_eq!((code, found.as_str()), (1, expected));
}

#[test]
fn columns_that_do_not_fit_are_named() {
    let url = database("check_columns");
    let text = "
one:
  query: |
    SELECT now() - now() AS age, 1 AS spare, 'x' AS label, 2 AS fine
  metrics:
    - label: { usage: LABEL, description: A }
    - age: { usage: GAUGE, description: A }
    - fine: { usage: GAUGE, description: A }
    - gone: { usage: GAUGE, description: A }
    - absent: { usage: DISCARD }
";
    let directory = Folder::of(&[("1.yml", text)]);
    let expected = "\
1.yml:4:1: warning: the result of `one` has a column `spare` that `metrics` does not list; list it, or select less
1.yml:7:7: column `age` of `one` is of type interval, which is no number; cast it in the query
1.yml:9:7: the result of `one` has no column `gone`; select it, or remove it here
";
    assert_eq!(check(&url, &directory, &[]), (1, expected.to_owned()));
    let (code, text) = check(&url, &directory, &["--format=json"]);
    let list = json(&text);
    assert_eq!((code, list.as_array().unwrap().len()), (1, 3));
    assert_eq!(
        (&list[1]["line"], &list[1]["column"], &list[1]["severity"]),
        (&7.into(), &7.into(), &"error".into())
    );
}

#[test]
fn discovered_databases_are_asked_too_and_named() {
    let url = database("check_main");
    let _ = database("check_other");
    server().psql_in("check_main", "create table only_here ()");
    let text = clock("one", "").replace(" AS at", " AS at FROM only_here");
    let directory = Folder::of(&[("1.yml", &text)]);
    let more = ["--auto-discovery", "--include-database=check_other"];
    let expected = "1.yml:2:66: the server refuses the query of `one`: relation \"only_here\" does not exist (SQLSTATE 42P01) in database check_other\n";
    assert_eq!(check(&url, &directory, &more), (1, expected.to_owned()));
    let tagged = text.replace("  timeout", "  tags: [ \"dbname:check_main\" ]\n  timeout");
    directory.write("1.yml", &tagged);
    assert_eq!(check(&url, &directory, &more), (0, String::new()));
}

#[test]
fn a_server_that_cannot_be_asked_is_no_finding() {
    let directory = Folder::of(&[("1.yml", &clock("one", ""))]);
    let run = program("unused")
        .args(["--no-builtin", "check", "--url"])
        .arg("postgresql://u:hunter2@127.0.0.1:1/x")
        .arg(directory.path())
        .run();
    assert_eq!(run.status.code(), Some(2), "{}", run.stdout);
    assert!(
        run.stderr.contains("the server of --url cannot be asked") && !run.stderr.contains("hunter2"),
        "{}",
        run.stderr
    );
}

#[test]
fn every_shipped_statement_can_be_prepared() {
    let url = database("check_shipped");
    server().psql_in("check_shipped", "create extension pg_stat_statements");
    let run = program("unused").args(["check", "--url", &url]).run();
    assert_eq!(
        (run.status.code(), run.stdout.as_str()),
        (Some(0), ""),
        "{}",
        run.stderr
    );
}

#[test]
fn databases_that_refuse_are_told_and_the_others_are_checked() {
    let url = database("check_refused");
    for name in ["check_open", "check_full", "check_locked"] {
        let _ = database(name);
    }
    let server = server();
    server.psql("create role check_role login; alter database check_full connection limit 0");
    server.psql_in(
        "check_locked",
        "create function shut() returns event_trigger language plpgsql as $$ begin raise 'shut today'; end $$;
         create event trigger shut on login execute function shut(); alter event trigger shut enable always",
    );
    let url = url.replace("postgres@", "check_role@");
    let text = "one:\n  query: SELECT 1 AS a, pg_catalog.nothing_here() AS b\n  tags: [ \"dbname:check_open\" ]\n  metrics: [ a: { usage: GAUGE, description: A }, b: { usage: GAUGE, description: B } ]\n";
    let directory = Folder::of(&[("1.yml", text)]);
    let include = [
        "--auto-discovery",
        "--include-database=check_open,check_full,check_locked",
    ];
    let (code, found) = check(&url, &directory, &include);
    assert_eq!(code, 1, "{found}");
    let lines: Vec<_> = found.lines().collect();
    assert!(
        lines[0].starts_with(
            "--url: warning: database check_full cannot be asked, statements are not checked there: "
        ) && lines[0].ends_with("(SQLSTATE 53300)"),
        "{found}"
    );
    assert!(
        lines[1].contains("database check_locked cannot be asked")
            && lines[1].ends_with("shut today (SQLSTATE P0001)"),
        "{found}"
    );
    assert!(
        lines[2].contains("in database check_open") && lines[2].contains("42883"),
        "{found}"
    );
    // Nothing but what the databases refuse: a warning, which counts where all of them do.
    let directory = Folder::of(&[("1.yml", &clock("one", ""))]);
    assert_eq!(check(&url, &directory, &include).0, 0);
    let strict = [&include[..], &["--strict"]].concat();
    assert_eq!(check(&url, &directory, &strict).0, 1);
}

#[test]
fn collectors_whose_tags_fit_no_database_are_told() {
    let url = database("check_tags");
    let _ = database("check_tags_other");
    let tagged = |name: &str, tags: &str| clock(name, &format!("  tags: [ {tags} ]\n"));
    let sound = [
        tagged("sound", "\"dbname:check_tags\", \"schema:public\""),
        tagged("other", "\"dbname:check_tags_other\""),
        tagged("either", "\"dbname:nowhere\", \"dbname:check_tags_other\""),
        tagged("standby", "replica"),
        tagged("ours", "slow"),
    ];
    let unfit = [
        tagged("typo", "\"dbname:chek_tags\""),
        tagged("nobody", "\"username:nobody_here\""),
        tagged("schemaless", "cluster, \"schema:no_such_schema\""),
        tagged("extensionless", "\"extension:no_such_extension\""),
    ];
    let all: Vec<(String, &str)> = (1..)
        .map(|at| format!("{at}.yml"))
        .zip(sound.iter().chain(&unfit).map(String::as_str))
        .collect();
    let files: Vec<(&str, &str)> = all.iter().map(|(name, text)| (name.as_str(), *text)).collect();
    let directory = Folder::of(&files);
    let more = ["--auto-discovery", "--include-database=check_tags_other"];
    let told = |name: &str, why: &str| {
        format!(
            "warning: `{name}` is installed in none of the databases that were asked: {why}; look at its `tags`\n"
        )
    };
    let expected = [
        format!("6.yml:1:1: {}", told("typo", "database chek_tags only")),
        format!("7.yml:1:1: {}", told("nobody", "role nobody_here only")),
        format!(
            "8.yml:1:1: {}",
            told("schemaless", "schema no_such_schema does not exist in check_tags")
        ),
        format!(
            "9.yml:1:1: {}",
            told(
                "extensionless",
                "extension no_such_extension is not installed in check_tags"
            )
        ),
    ];
    assert_eq!(check(&url, &directory, &more), (0, expected.concat()));
    // What a database would say that cannot be asked is not known.
    server().psql("alter database check_tags_other connection limit 0");
    let url = url.replace("postgres@", "check_tags_role@");
    server().psql("create role check_tags_role login");
    let (_, found) = check(&url, &directory, &more);
    assert!(
        found.contains("database check_tags_other cannot be asked"),
        "{found}"
    );
    for (name, is_told) in [
        ("other", false),
        ("extensionless", false),
        ("typo", true),
        ("nobody", true),
    ] {
        assert_eq!(
            found.contains(&format!("`{name}` is installed")),
            is_told,
            "{name}: {found}"
        );
    }
}
