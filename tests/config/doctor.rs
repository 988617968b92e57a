//! `doctor`: what is wrong, and that its statements put it right.

use std::path::PathBuf;
use std::process::Command;
use std::{env, fs, process};

use pg_exporter_lab::Cluster;
use serde_json::Value;

use crate::support::{Directory, clock, database, json, program, server};

/// Every shipped collector that is on by default, with time enough.
fn patient() -> Directory {
    let mut names: Vec<&str> = pg_exporter::catalog::compiled::COLLECTORS
        .iter()
        .map(|one| &*one.name)
        .collect();
    names.dedup();
    let tuning: String = names
        .iter()
        .map(|name| format!("{name}: {{ timeout: 30 }}\n"))
        .collect();
    Directory::new(&[("patient.yml", &tuning)])
}

/// Who is a superuser is told of statements that look for names on the role's path.
const OWN_PATH: &str = "  search_path: [pg_catalog]\n";

fn doctor(url: &str, directory: &Directory, more: &[&str]) -> (i32, Value) {
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
    let directory = Directory::new(&[(
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
    let directory = Directory::new(&[("1.yml", &clock("one", OWN_PATH))]);
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
    let directory = Directory::new(&[("1.yml", "pgbouncer_pool: { timeout: 30 }\n")]);
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

/// Locales of the test's own, made of glibc's sources.
struct Locales(PathBuf);

impl Locales {
    fn make(names: &[&str]) -> Self {
        let folder = env::temp_dir().join(format!("pg_exporter-locales-{}", process::id()));
        fs::create_dir_all(&folder).unwrap();
        for name in names {
            // It warns of what old sources lack.
            let made = Command::new("localedef")
                .args(["--force", "--quiet", "-i", name, "-f", "UTF-8"])
                .arg(folder.join(format!("{name}.UTF-8")))
                .output();
            made.unwrap_or_else(|error| panic!("localedef: {error}; Debian: apt-get install locales"));
            let is_made =
                folder.join(format!("{name}.utf8")).exists() || folder.join(format!("{name}.UTF-8")).exists();
            assert!(
                is_made,
                "localedef made no {name}; Debian: apt-get install locales"
            );
        }
        Self(folder)
    }
}

impl Drop for Locales {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Messages are not read: what is missing is told whatever language the server speaks, on an object, a column's view, a
/// function that is called by a view, a schema that hides what it holds, a setting, and what a function looks for by itself.
#[test]
fn what_to_grant_is_told_in_any_language() {
    let locales = Locales::make(&["de_DE", "ja_JP", "ru_RU"]);
    // The distribution's server, which has translations.
    let server = Cluster::builder(15).env("LOCPATH", &locales.0).start();
    server.psql(
        "create role stranger login; create schema vault; create table vault.gold (amount int);
         create table public.silver (amount int); create view public.mirror as select * from public.silver;
         create view public.glass with (security_invoker = true) as select * from public.silver;
         create function vault.weigh() returns int language sql as 'select 1';
         create function public.count_all() returns bigint language sql as 'select count(*) from public.silver';
         create view public.activity as select * from pg_catalog.pg_ls_waldir();
         revoke execute on all functions in schema vault from public;
         create schema hidden; create table hidden.lead (amount int); grant select on hidden.lead to stranger;
         grant select on public.glass, public.activity to stranger; alter role stranger set search_path = public, hidden",
    );
    let statements = [
        (
            "table",
            "SELECT count(*) AS n FROM silver",
            "GRANT SELECT ON public.silver TO stranger;",
        ),
        (
            "view",
            "SELECT count(*) AS n FROM public.mirror",
            "GRANT SELECT ON public.mirror TO stranger;",
        ),
        (
            "invoker",
            "SELECT count(*) AS n FROM public.glass",
            "GRANT SELECT ON public.silver TO stranger;",
        ),
        (
            "schema",
            "SELECT count(*) AS n FROM vault.gold",
            "GRANT USAGE ON SCHEMA vault TO stranger;",
        ),
        (
            "hiding",
            "SELECT count(*) AS n FROM lead",
            "GRANT USAGE ON SCHEMA hidden TO stranger;",
        ),
        (
            "function",
            "SELECT vault.weigh() AS n",
            "GRANT EXECUTE ON FUNCTION vault.weigh() TO stranger;",
        ),
        (
            "body",
            "SELECT count_all() AS n",
            "GRANT SELECT ON public.silver TO stranger;",
        ),
        (
            "inside",
            "SELECT count(*) AS n FROM activity",
            "GRANT EXECUTE ON FUNCTION pg_catalog.pg_ls_waldir() TO stranger;",
        ),
        (
            "setting",
            "SELECT length(current_setting('data_directory')) AS n",
            "GRANT pg_read_all_settings TO stranger;",
        ),
        (
            "shown",
            "SHOW hba_file",
            "GRANT pg_read_all_settings TO stranger;",
        ),
        (
            "size",
            "SELECT pg_tablespace_size('pg_global') AS n",
            "GRANT pg_read_all_stats TO stranger;",
        ),
    ];
    let yaml: String = statements
        .iter()
        .map(|(name, sql, _)| {
            let column = if *name == "shown" { "hba_file" } else { "n" };
            format!("{name}:\n  query: \"{sql}\"\n  timeout: 30\n  metrics: [ {column}: {{ usage: GAUGE, description: N }} ]\n")
        })
        .collect();
    let directory = Directory::new(&[("1.yml", &yaml)]);
    let url = format!(
        "postgresql://stranger@127.0.0.1:{}/postgres?sslmode=disable",
        server.port()
    );
    for (language, word) in [
        ("de_DE", "keine Berechtigung"),
        ("ja_JP", "権限"),
        ("ru_RU", "доступ"),
        ("C", "permission denied"),
    ] {
        let locale = if language == "C" {
            "C"
        } else {
            &format!("{language}.UTF-8")
        };
        server.psql(&format!("alter role stranger set lc_messages = '{locale}'"));
        let run = program(&url)
            .args(["--no-builtin", "--config"])
            .arg(directory.path())
            .args(["doctor", "--format=json"])
            .run();
        let found = json(&run.stdout);
        assert!(
            run.stdout.contains(word),
            "the server speaks {language}: {found:#}"
        );
        for (name, _, expected) in statements {
            let problems = found["problems"].as_array().unwrap().iter();
            let mut problems = problems.filter(|one| {
                let what = one["what"].as_str().unwrap();
                what.starts_with(&format!("collector {name} "))
            });
            let problem = problems
                .next()
                .unwrap_or_else(|| panic!("{name} fails: {found:#}"));
            let remedies = problem["remedies"].as_array().unwrap();
            assert!(
                remedies.contains(&expected.into()) && remedies.len() <= 2,
                "{language}, {name}: {expected} in {problem:#}"
            );
        }
    }
}

/// Statements of a site whose names others could give another meaning.
#[test]
fn what_runs_where_others_may_create_is_named() {
    let url = database("doctor_exposed");
    let server = server();
    server.psql(
        "create role doctor_watcher login; grant pg_monitor to doctor_watcher; create role doctor_mallory login; \
         create role doctor_owner login",
    );
    server.psql_in(
        "doctor_exposed",
        "create schema doctor_open; grant all on schema doctor_open to doctor_mallory; grant usage on schema doctor_open to public; \
         create schema doctor_shut; grant usage on schema doctor_shut to public; revoke create on schema public from public",
    );
    let watcher = |path: &str| {
        let port = server.port();
        format!(
            "postgresql://doctor_watcher@127.0.0.1:{port}/doctor_exposed?sslmode=disable&options=-csearch_path%3D{path}"
        )
    };
    let statement =
        "{ query: SELECT 1 AS n, tags: [cluster], metrics: [ n: { usage: GAUGE, description: N } ]";
    let own = |name: &str, schema: &str| format!("{name}: {statement}, search_path: [{schema}] }}\n");
    let yaml = format!(
        "plain: {statement} }}\n{}{}{}",
        own("opened", "doctor_open"),
        own("shut", "doctor_shut"),
        own("safe", "pg_catalog")
    );
    let directory = Directory::new(&[("site.yml", &yaml)]);
    let named = |url: &str| -> Vec<String> {
        let (_, found) = doctor(url, &directory, &["--auto-discovery=false"]);
        let problems = found["problems"].as_array().unwrap().iter();
        let texts = problems.map(|one| one["what"].as_str().unwrap().to_owned());
        texts.filter(|text| text.contains("looks for names")).collect()
    };
    let names = |texts: &[String]| -> Vec<String> {
        let mut names: Vec<_> = texts
            .iter()
            .map(|text| text.split(' ').nth(3).unwrap().to_owned())
            .collect();
        names.sort();
        names
    };
    let found = named(&watcher("doctor_shut"));
    assert_eq!(names(&found), ["opened"], "{found:?}");
    assert!(
        found[0].contains("doctor_open, in which role doctor_mallory may create"),
        "{found:?}"
    );
    let found = named(&watcher("doctor_open,doctor_shut"));
    assert_eq!(names(&found), ["opened", "plain"], "{found:?}");
    // A schema that is not there yet, and that its database's owner may create.
    assert_eq!(names(&named(&watcher("doctor_later"))), ["opened"]);
    server.psql("alter database doctor_exposed owner to doctor_owner");
    let found = named(&watcher("doctor_later"));
    assert_eq!(names(&found), ["opened", "plain"], "{found:?}");
    assert!(
        found
            .iter()
            .any(|text| text
                .contains("doctor_later, which is not there and which role doctor_owner may create")),
        "{found:?}"
    );
    // A superuser's path is as good as open.
    let found = named(&url);
    assert!(names(&found).contains(&"plain".to_owned()), "{found:?}");
    assert!(found.iter().all(|text| text.contains("superuser")), "{found:?}");

    let check = |url: &str, arguments: &[&str]| {
        let run = program(url)
            .args(["check"])
            .arg(directory.path())
            .args(arguments)
            .args(["--url", url])
            .run();
        (
            run.status.success(),
            run.stdout.matches("looks for names").count(),
        )
    };
    assert_eq!(check(&watcher("doctor_shut"), &["--strict"]), (false, 1));
    assert_eq!(check(&watcher("doctor_open"), &["--strict"]), (false, 2));
    assert_eq!(
        check(&watcher("doctor_open"), &[]),
        (true, 0),
        "only where that is asked for"
    );
    directory.write("site.yml", &own("safe", "pg_catalog"));
    assert_eq!(check(&watcher("doctor_open"), &["--strict"]), (true, 0));
}
