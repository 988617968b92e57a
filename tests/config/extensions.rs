//! What the doctor says of extensions: create, update, preload, grant; and that its statements do it.

use pg_exporter_lab::{Cluster, Folder, majors_among};
use serde_json::Value;

use crate::support::{json, program};

/// The statements of `pg_stat_statements`, which every server of the lab has.
const LAYER: &str = "pg_query: { timeout: 30 }\n";

struct Found {
    code: Option<i32>,
    problems: Vec<(String, Vec<String>)>,
    advice: Vec<(String, Vec<String>)>,
}

impl Found {
    /// What is advised to run, for whatever reason.
    fn remedies(&self) -> Vec<&str> {
        let all = self.advice.iter().flat_map(|(_, all)| all);
        all.map(String::as_str).collect()
    }
}

fn list(found: &Value) -> Vec<(String, Vec<String>)> {
    let one = |one: &Value| {
        let remedies = one["remedies"].as_array().unwrap().iter();
        (
            one["what"].as_str().unwrap().to_owned(),
            remedies.map(|one| one.as_str().unwrap().to_owned()).collect(),
        )
    };
    found.as_array().unwrap().iter().map(one).collect()
}

/// Of what concerns the collector.
fn doctor(cluster: &Cluster, role: &str) -> Found {
    let directory = Folder::of(&[("1.yml", LAYER)]);
    let url = format!(
        "postgresql://{role}@127.0.0.1:{}/postgres?sslmode=disable",
        cluster.port()
    );
    let run = program(&url)
        .arg("--config")
        .arg(directory.path())
        .args(["doctor", "--format=json"])
        .run();
    let found = json(&run.stdout);
    let mut problems = list(&found["problems"]);
    problems.retain(|(what, _)| what.contains("pg_query"));
    Found {
        code: run.status.code(),
        problems,
        advice: list(&found["advice"]),
    }
}

fn watcher(cluster: &Cluster) {
    cluster.psql("create role watcher login; grant pg_monitor to watcher");
}

#[test]
fn an_extension_that_is_missing_or_old_is_named_with_its_statement() {
    for major in majors_among(&[10, 14, 18]) {
        let cluster = Cluster::start(major);
        watcher(&cluster);
        let found = doctor(&cluster, "watcher");
        let [(what, remedies)] = found.advice.as_slice() else {
            panic!("{major}: {:?}", found.advice);
        };
        assert_eq!(remedies, &["CREATE EXTENSION pg_stat_statements;"]);
        assert!(
            what.contains("not created in postgres: pg_query collects nothing there"),
            "{what}"
        );
        assert!(found.problems.is_empty(), "{:?}", found.problems);
        cluster.psql(&remedies.join("\n"));
        assert!(doctor(&cluster, "watcher").advice.is_empty());

        cluster.psql("drop extension pg_stat_statements; create extension pg_stat_statements version '1.4'");
        if cluster
            .try_psql("postgres", "table pg_available_extensions")
            .is_err()
        {
            // One extension's file that the server cannot read hides the versions of all.
            assert_eq!(major, 10, "the lab's 10 has one of another release");
            assert!(doctor(&cluster, "watcher").advice.is_empty());
            continue;
        }
        let found = doctor(&cluster, "watcher");
        let [(what, remedies)] = found.advice.as_slice() else {
            panic!("{major}: {:?}", found.advice);
        };
        let newest = match major {
            14 => "1.9",
            18 => "1.12",
            _ => "1.13",
        };
        let update = format!("ALTER EXTENSION pg_stat_statements UPDATE TO '{newest}';");
        assert_eq!(remedies, &[update]);
        assert!(
            what.contains(&format!("is 1.4, and the server's files have {newest}")),
            "{what}"
        );
        assert!(what.contains("pg_query"), "{what}");
        cluster.psql(&remedies.join("\n"));
        assert!(doctor(&cluster, "watcher").advice.is_empty());
    }
}

#[test]
fn advice_is_no_problem() {
    let cluster = Cluster::start(18);
    let directory = Folder::of(&[(
        "1.yml",
        "ours: { query: 'SELECT 1 AS a', search_path: [pg_catalog], timeout: 30, tags: ['extension:pg_stat_statements'], \
         metrics: [ a: { usage: GAUGE, description: A } ] }",
    )]);
    let run = program(&format!("{}?sslmode=disable", cluster.url("postgres")))
        .args(["--no-builtin", "--config"])
        .arg(directory.path())
        .arg("doctor")
        .run();
    assert_eq!(run.status.code(), Some(0), "{}", run.stdout);
    let (_, end) = run.stdout.split_once("\nNothing is wrong.\n").unwrap();
    assert_eq!(
        end,
        "\nAdvice: 1\n  extension pg_stat_statements is among the server's files but not created in postgres: ours collects nothing \
         there\n    CREATE EXTENSION pg_stat_statements;\n"
    );
}

#[test]
fn a_library_that_the_server_has_not_loaded_is_named() {
    for major in majors_among(&[10, 18]) {
        let cluster = Cluster::builder(major)
            .set("shared_preload_libraries", "auto_explain")
            .start();
        watcher(&cluster);
        cluster.psql("create role stranger login");
        // Not created: its library first.
        let found = doctor(&cluster, "watcher");
        let remedies = found.remedies();
        let load = "ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements', 'auto_explain'; -- then restart the server";
        assert_eq!(
            remedies,
            [load, "CREATE EXTENSION pg_stat_statements;"],
            "{major}"
        );

        // Created: the collector fails, and why is told.
        cluster.psql("create extension pg_stat_statements");
        let found = doctor(&cluster, "watcher");
        let [(what, remedies)] = found.problems.as_slice() else {
            panic!("{major}: {:?}", found.problems);
        };
        assert!(what.contains("collector pg_query fails in postgres"), "{what}");
        assert_eq!(
            (remedies.as_slice(), found.code),
            (&[load.to_owned()][..], Some(1))
        );
        assert!(found.advice.is_empty(), "{:?}", found.advice);
        let found = doctor(&cluster, "stranger");
        let told = found
            .problems
            .iter()
            .flat_map(|(_, all)| all)
            .any(|one| one.starts_with("-- add pg_stat_statements to shared_preload_libraries"));
        assert!(told, "{:?}", found.problems);

        cluster.psql(load);
        cluster.restart();
        assert_eq!(
            cluster.psql("show shared_preload_libraries"),
            "pg_stat_statements, auto_explain"
        );
        assert!(doctor(&cluster, "watcher").problems.is_empty());
    }
}

/// A replica takes no change of its catalogs from its clients. Its settings are its own.
#[test]
fn a_replica_sends_to_the_primary_what_can_be_done_only_there() {
    let cluster = Cluster::start(18);
    watcher(&cluster);
    cluster.psql("create role stranger login");
    let standby = cluster.standby();
    standby.psql("alter system set shared_preload_libraries = 'auto_explain'");
    standby.restart();
    let found = doctor(&standby, "watcher");
    let remedies = found.remedies();
    let load = "ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements', 'auto_explain'; -- then restart the server";
    assert_eq!(
        remedies,
        [load, "CREATE EXTENSION pg_stat_statements; -- on the primary"]
    );
    standby.psql(load);
    cluster.psql(remedies[1]);
    let url = format!(
        "postgresql://stranger@127.0.0.1:{}/postgres?sslmode=disable",
        standby.port()
    );
    let of_stranger = program(&url).args(["doctor", "--format=json"]).run();
    let problems = list(&json(&of_stranger.stdout)["problems"]);
    let grants: Vec<&String> = problems
        .iter()
        .flat_map(|(_, all)| all)
        .filter(|one| one.starts_with("GRANT "))
        .collect();
    assert!(!grants.is_empty(), "{problems:?}");
    assert!(
        grants.iter().all(|one| one.ends_with("; -- on the primary")),
        "{grants:?}"
    );
    for grant in grants {
        cluster.psql(grant);
    }
}

#[test]
fn a_schema_that_the_role_may_not_use_is_granted() {
    let cluster = Cluster::start(18);
    watcher(&cluster);
    cluster.psql("create schema \"Tucked away\"; create extension pg_stat_statements schema \"Tucked away\"");
    let found = doctor(&cluster, "watcher");
    let remedies: Vec<&str> = found
        .problems
        .iter()
        .flat_map(|(_, all)| all)
        .map(String::as_str)
        .collect();
    assert_eq!(remedies, ["GRANT USAGE ON SCHEMA \"Tucked away\" TO watcher;"]);
    cluster.psql(&remedies.join("\n"));
    assert!(doctor(&cluster, "watcher").problems.is_empty());
}
