//! Servers before 10, where `PG_EXPORTER_TEST_SERVERS` gives some: no package client has them. The legacy set has no failure on a
//! primary, as a superuser and as a role without any privilege it answers, and health is right.

use std::path::Path;

use pg_exporter_lab::{Cluster, legacy_majors};

use crate::support::{exporter, failures, value};

#[test]
fn releases_before_ten_that_are_given_are_served() {
    let majors = legacy_majors();
    if majors.is_empty() {
        println!("PG_EXPORTER_TEST_SERVERS gives no server before 10: the legacy set was run on none");
    }
    for major in majors {
        let cluster = Cluster::start(major);
        cluster.psql("create role stranger login; create table t (a int); insert into t values (1)");
        let legacy = Path::new(env!("CARGO_MANIFEST_DIR")).join("collectors/legacy");
        for role in ["postgres", "stranger"] {
            let url = cluster.url("postgres").replace("postgres@", &format!("{role}@"));
            let exporter = exporter(&url)
                .args(["--no-builtin", "--config"])
                .arg(&legacy)
                .start();
            let page = exporter.scrape();
            assert_eq!(
                value(&page, "pg_up", &[]),
                1.0,
                "9.{major}, {role}: {}",
                exporter.stderr()
            );
            let failed = failures(&page);
            let is_denied = |failure: &String| failure.ends_with(" permission");
            assert!(
                failed
                    .iter()
                    .all(|failure| role == "stranger" && is_denied(failure)),
                "9.{major}, {role}: {failed:?}"
            );
            for (path, status) in [("/primary", 200), ("/replica", 503), ("/health", 200)] {
                assert_eq!(exporter.get(path).status, status, "9.{major}, {role}: {path}");
            }
        }
    }
}
