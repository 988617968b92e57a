//! Statements that run where others may create objects.

use super::doctor;
use pg_exporter_lab::Folder;

use crate::support::{database, program, server};

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
    let directory = Folder::of(&[("site.yml", &yaml)]);
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

/// What is shipped and reads what a site makes, once it is switched on: whoever may make that instead is named.
#[test]
fn what_is_shipped_and_reads_where_others_may_create_is_named() {
    database("doctor_shipped");
    let server = server();
    server.psql(
        "create role doctor_reader login; grant pg_monitor to doctor_reader; create role doctor_builder login",
    );
    server.psql_in(
        "doctor_shipped",
        "revoke create on schema public from public; create schema monitor; grant usage on schema monitor to public;
         create view monitor.pg_table_bloat as select current_database() as datname, 'a'::name as nspname, 'b'::name as relname,
           1::int8 as size, 0.5::float8 as ratio;
         create function monitor.pg_shmem() returns setof pg_shmem_allocations language sql as
           'select name, off, size, allocated_size from pg_shmem_allocations';
         grant select on monitor.pg_table_bloat to public",
    );
    let url = format!(
        "postgresql://doctor_reader@127.0.0.1:{}/doctor_shipped?sslmode=disable",
        server.port()
    );
    let on = "pg_table_bloat: { skip: false }\npg_shmem: { skip: false }\n";
    let directory = Folder::of(&[("site.yml", on)]);
    let found = || {
        let (_, found) = doctor(&url, &directory, &["--auto-discovery=false"]);
        let problems = found["problems"].as_array().unwrap().iter();
        let texts = problems.map(|one| one["what"].as_str().unwrap().to_owned());
        let mut texts: Vec<_> = texts.filter(|text| text.contains("reads what is in")).collect();
        texts.sort();
        texts
    };
    // Of the configuration in use, whatever else there is to say of it.
    let strict = || {
        let check = program(&url).arg("--config").arg(directory.path());
        let run = check.args(["check", "--strict", "--url", &url]).run();
        run.stdout.matches("reads what is in schema monitor").count()
    };
    assert_eq!(found(), Vec::<String>::new(), "nobody else may create there");
    assert_eq!(strict(), 0);
    server.psql_in(
        "doctor_shipped",
        "grant create on schema monitor to doctor_builder",
    );
    let texts = found();
    let expected =
        ["pg_shmem", "pg_table_bloat"].map(|name| format!("the statement of {name} in doctor_shipped"));
    let starts = |(text, expected): (&String, &String)| text.starts_with(&**expected);
    assert!(
        texts.len() == 2 && texts.iter().zip(&expected).all(starts),
        "{texts:?}"
    );
    let told = "schema monitor, in which role doctor_builder may create objects: what they create there may run as role doctor_reader";
    assert!(texts.iter().all(|text| text.contains(told)), "{texts:?}");
    assert_eq!(strict(), 2);
    // Where they are not switched on nothing is said.
    directory.write("site.yml", "{}");
    assert_eq!(found(), Vec::<String>::new());
}
