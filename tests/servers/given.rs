//! Servers before 10, where `PG_EXPORTER_TEST_SERVERS` gives some: no package client has them. The legacy set has no failure on a
//! primary and a standby, as a superuser and as a role without any privilege it answers, and health is right.

use std::path::Path;

use pg_exporter_lab::{Cluster, legacy_majors, wait_until};

use crate::support::{PATIENCE, exporter, failures, value};

#[test]
fn releases_before_ten_that_are_given_are_served() {
    let majors = legacy_majors();
    if majors.is_empty() {
        println!("PG_EXPORTER_TEST_SERVERS gives no server before 10: the legacy set was run on none");
    }
    for major in majors {
        let primary = Cluster::start(major);
        primary.psql("create role stranger login; create table t (a int); insert into t values (1)");
        let standby = primary.standby();
        standby.wait_for("select count(*) from pg_roles where rolname = 'stranger'", "1");
        for role in ["postgres", "stranger"] {
            is_served(
                &primary,
                role,
                &[("/primary", 200), ("/replica", 503), ("/health", 200)],
            );
            is_served(
                &standby,
                role,
                &[("/primary", 503), ("/replica", 200), ("/health", 200)],
            );
            // Only 9.6 tells of the receiver, without which the lag is not known.
            let status = if major == 6 { 200 } else { 503 };
            is_served(
                &standby,
                role,
                &[("/replica?lag=1GB", status), ("/replica?lag=1h", status)],
            );
        }
    }
}

fn is_served(cluster: &Cluster, role: &str, answers: &[(&str, u16)]) {
    let place = format!("9.{}, {role}", cluster.major());
    let legacy = Path::new(env!("CARGO_MANIFEST_DIR")).join("collectors/legacy");
    let url = cluster.url("postgres").replace("postgres@", &format!("{role}@"));
    let exporter = exporter(&url)
        .args(["--no-builtin", "--config"])
        .arg(&legacy)
        .start();
    let page = exporter.scrape();
    assert_eq!(value(&page, "pg_up", &[]), 1.0, "{place}: {}", exporter.stderr());
    let failed = failures(&page);
    let is_denied = |failure: &String| failure.ends_with(" permission");
    assert!(
        failed
            .iter()
            .all(|failure| role == "stranger" && is_denied(failure)),
        "{place}: {failed:?}"
    );
    for (path, status) in answers {
        wait_until(&format!("{place}: {path} is {status}"), PATIENCE, || {
            exporter.get(path).status == *status
        });
    }
}
