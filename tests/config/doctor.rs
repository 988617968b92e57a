//! `doctor`: what is wrong, and that its statements put it right.

mod exposed;
mod languages;

use serde_json::Value;

use pg_exporter_lab::Folder;

use crate::support::{clock, database, json, program, server};

/// Every shipped collector that is on by default, with time enough.
fn patient() -> Folder {
    let mut names: Vec<&str> = pg_exporter::catalog::compiled::COLLECTORS
        .iter()
        .map(|one| &*one.name)
        .collect();
    names.dedup();
    let tuning: String = names
        .iter()
        .map(|name| format!("{name}: {{ timeout: 30 }}\n"))
        .collect();
    Folder::of(&[("patient.yml", &tuning)])
}

/// Who is a superuser is told of statements that look for names on the role's path.
const OWN_PATH: &str = "  search_path: [pg_catalog]\n";

fn doctor(url: &str, directory: &Folder, more: &[&str]) -> (i32, Value) {
    let run = program(url)
        .args(["--auto-discovery", "--config"])
        .arg(directory.path())
        .args(more)
        .args(["doctor", "--format=json"])
        .run();
    (
        run.status.code().unwrap_or_else(|| panic!("{}", run.stderr)),
        json(&run.stdout),
    )
}

fn remedies(found: &Value) -> Vec<String> {
    let all = found["problems"].as_array().unwrap().iter();
    let mut remedies: Vec<_> = all
        .flat_map(|one| one["remedies"].as_array().unwrap())
        .map(|one| one.as_str().unwrap().to_owned())
        .collect();
    remedies.dedup();
    remedies
}

#[test]
fn its_statements_give_a_role_all_it_needs() {
    let _ = database("doctor_all");
    let _ = database("doctor_locked");
    let server = server();
    server.psql("create role doctor_patient login; revoke connect on database doctor_locked from public");
    server.psql_in(
        "doctor_all",
        "create schema vault; create table vault.gold (amount int)",
    );
    let gold = "gold:\n  query: SELECT count(*) AS n FROM vault.gold\n  timeout: 30\n  metrics: [ n: { usage: GAUGE, description: N } ]\n";
    let directory = patient();
    directory.write("gold.yml", &format!("{gold}  tags: [\"dbname:doctor_all\"]\n"));
    let url = format!(
        "postgresql://doctor_patient@127.0.0.1:{}/doctor_all?sslmode=disable",
        server.port()
    );
    let include = ["--include-database=doctor_locked"];

    let (code, found) = doctor(&url, &directory, &include);
    assert_eq!(code, 1, "{found:#}");
    let first = remedies(&found);
    for statement in [
        "GRANT pg_monitor TO doctor_patient;",
        "GRANT CONNECT ON DATABASE doctor_locked TO doctor_patient;",
        "GRANT USAGE ON SCHEMA vault TO doctor_patient;",
        "GRANT EXECUTE ON FUNCTION pg_catalog.pg_ls_logdir() TO doctor_patient;",
    ] {
        assert!(first.contains(&statement.to_owned()), "{statement} in {found:#}");
    }
    let mut rounds = 0;
    let healthy = loop {
        rounds += 1;
        let (code, found) = doctor(&url, &directory, &include);
        if code == 0 {
            break found;
        }
        let statements = remedies(&found);
        assert!(!statements.is_empty() && rounds < 5, "{found:#}");
        server.psql_in("doctor_all", &statements.join("\n"));
    };
    assert_eq!(healthy["problems"], serde_json::json!([]));
    assert_eq!(
        healthy["databases"],
        serde_json::json!(["doctor_all", "doctor_locked"])
    );
    assert_eq!(
        (&healthy["role"], &healthy["is_superuser"]),
        (&"doctor_patient".into(), &false.into())
    );
    assert_eq!(
        (&healthy["server_role"], &healthy["flavour"]),
        (&"primary".into(), &"PostgreSQL".into())
    );
    assert!(
        healthy["clock_skew_seconds"].as_f64().unwrap().abs() < 2.0,
        "{healthy:#}"
    );
    let costs = healthy["collectors"].as_array().unwrap();
    let gold = costs.iter().find(|one| one["name"] == "gold").unwrap();
    assert_eq!((&gold["series"], &gold["state"]), (&1.into(), &"ok".into()));
    assert!(costs.len() > 20 && costs.iter().all(|one| one["seconds"].as_f64().unwrap() >= 0.0));
}

/// Who has the parts of `pg_monitor` lacks nothing; who has one of the two roles still does.
#[test]
fn the_parts_of_pg_monitor_are_as_good_as_the_whole() {
    let _ = database("doctor_parts");
    let server = server();
    let directory = patient();
    server.psql("create role doctor_parted login; grant pg_read_all_settings to doctor_parted");
    let url = format!(
        "postgresql://doctor_parted@127.0.0.1:{}/doctor_parts?sslmode=disable",
        server.port()
    );
    let only = ["--include-database=doctor_parts"];
    let (code, found) = doctor(&url, &directory, &only);
    assert_eq!(code, 1, "{found:#}");
    assert!(
        remedies(&found).contains(&"GRANT pg_monitor TO doctor_parted;".to_owned()),
        "{found:#}"
    );
    server.psql_in(
        "doctor_parts",
        "grant pg_read_all_stats to doctor_parted;
         grant execute on function pg_ls_logdir(), pg_ls_waldir() to doctor_parted",
    );
    let (code, found) = doctor(&url, &directory, &only);
    assert_eq!(
        (code, &found["problems"]),
        (0, &serde_json::json!([])),
        "{found:#}"
    );
}

#[test]
fn a_failing_collector_is_a_problem_without_a_grant() {
    let url = database("doctor_failing");
    let directory = Folder::of(&[(
        "1.yml",
        &clock("one", OWN_PATH).replace("clock_timestamp()", "no_such_function()"),
    )]);
    let run = program(&url)
        .args(["--no-builtin", "--config"])
        .arg(directory.path())
        .arg("doctor")
        .run();
    assert_eq!(run.status.code(), Some(1), "{}", run.stderr);
    let expected = "\nProblems: 1\n  collector one fails in doctor_failing: function no_such_function() does not exist (SQLSTATE 42883)\n";
    assert!(run.stdout.ends_with(expected), "{}", run.stdout);
    assert!(
        run.stdout
            .contains("\nRole: postgres (superuser: more than is needed)\n"),
        "{}",
        run.stdout
    );
}

/// The exporter's clock is set forward for it, by a library that is loaded before all others.
#[test]
fn clocks_that_differ_are_a_problem() {
    let url = database("doctor_clock");
    let directory = Folder::of(&[("1.yml", &clock("one", OWN_PATH))]);
    let run = |offset: &str| {
        program(&url)
            .env("LD_PRELOAD", pg_exporter_lab::tool("libfaketime.so.1"))
            .env("FAKETIME", offset)
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .args(["--no-builtin", "--config"])
            .arg(directory.path())
            .arg("doctor")
            .run()
    };
    let ahead = run("+3600");
    let (code, text) = (ahead.status.code(), ahead.stdout);
    let problem = text.lines().find(|line| line.contains("the server's clock is"));
    let problem = problem.unwrap_or_else(|| panic!("{text}{}", ahead.stderr));
    assert!(
        problem.contains(" behind this machine's: ages and times"),
        "{problem}"
    );
    assert!(
        ["clock is 1h", "clock is 59m59"]
            .iter()
            .any(|said| problem.contains(said)),
        "{problem}"
    );
    assert_eq!(code, Some(1));
    let same = run("+0");
    assert_eq!(same.status.code(), Some(0), "{}", same.stdout);
    assert!(same.stdout.ends_with("\nNothing is wrong.\n"), "{}", same.stdout);
}

#[test]
fn a_target_that_is_down_ends_it_with_its_own_code() {
    let run = program("postgresql://u:hunter2@127.0.0.1:1/x")
        .args(["--connect-timeout=1s", "doctor"])
        .run();
    assert_eq!((run.status.code(), run.stdout.as_str()), (Some(2), ""));
    assert!(
        run.stderr.contains("cannot be reached") && !run.stderr.contains("hunter2"),
        "{}",
        run.stderr
    );
}

#[test]
fn pgbouncer_is_examined_as_far_as_it_tells() {
    let pool = pg_exporter_lab::Pgbouncer::start(server());
    let directory = Folder::of(&[("1.yml", "pgbouncer_pool: { timeout: 30 }\n")]);
    let run = program(&pool.stats_url())
        .args(["--config"])
        .arg(directory.path())
        .arg("doctor")
        .run();
    assert!(
        run.stdout.starts_with("Server: pgbouncer, primary\n"),
        "{}\n{}",
        run.stdout,
        run.stderr
    );
}
