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
