//! Folder that change: as a whole or not at all, and what means the same goes on.

use pg_exporter_lab::process::Signal;
use pg_exporter_lab::{Layer, wait_until};
use serde_json::Value;

use crate::credentials::with_passwords;
use crate::support::{Fleet, Folder, SOON, server, target};

/// Backends of the sessions of a name, with their beginnings.
fn sessions(name: &str) -> String {
    server().psql(&format!(
        "select string_agg(pid || ' ' || backend_start, ',' order by pid) from pg_stat_activity where application_name = '{name}'"
    ))
}

fn named(name: &str, more: &str) -> String {
    target(
        name,
        server().port(),
        &format!(", application_name: {name}{more}"),
    )
}

#[test]
fn what_means_the_same_goes_on() {
    // Connections of the probe that come and go are rare here.
    let same = named("reload-same", ", health_connect_interval: 1h");
    let layer = Layer::new(
        "long: { query: SELECT 1 AS value, tags: [cluster], ttl: 3600, metrics: [ { value: { usage: GAUGE, description: One. } } ] }\n",
    );
    let targets = same.clone() + &named("reload-other", "");
    let fleet = Fleet::start_with(&targets, |builder| builder.arg(layer.flag()));
    for name in ["reload-same", "reload-other"] {
        fleet.wait_for(&format!("/primary?target={name}"), 200);
        fleet.page(name);
    }
    let (before, count) = (
        sessions("reload-same"),
        fleet
            .page("reload-same")
            .value("pg_exporter_scrape_total_count", &[]),
    );
    assert!(!before.is_empty());
    // Another order, another spelling, a target more, one that is another.
    let spelled = same.replace("dbname: postgres", "dbname: \"postgres\"");
    let more = named("reload-more", "");
    fleet.rewrite(&(more + "  # a comment\n" + &named("reload-other", ", labels: { a: b }") + &spelled));
    wait_until("the new one is there", SOON, || {
        fleet.get("/primary?target=reload-more").status == 200
    });
    assert_eq!(sessions("reload-same"), before, "the same sessions");
    let again = fleet
        .page("reload-same")
        .value("pg_exporter_scrape_total_count", &[]);
    assert_eq!(again, count.map(|count| count + 1.0), "the same counts");
    let executions = |name: &str| {
        let page = fleet.page(name);
        let of = |metric: &str| {
            page.value(
                &format!("pg_exporter_query_scrape_{metric}"),
                &[("query", "long")],
            )
            .unwrap()
        };
        of("total_count") - of("hit_count")
    };
    assert_eq!(executions("reload-same"), 1.0, "the same results");
    wait_until("the other has its label", SOON, || {
        fleet.page("reload-other").value("pg_up", &[("a", "b")]) == Some(1.0)
    });
}

#[test]
fn what_is_removed_is_gone_at_once_and_leaves_no_session() {
    let fleet = Fleet::start(&(named("reload-stays", "") + &named("reload-goes", "")));
    fleet.wait_for("/primary?target=reload-goes", 200);
    fleet.page("reload-goes");
    assert!(!sessions("reload-goes").is_empty());
    fleet.rewrite(&named("reload-stays", ""));
    fleet.wait_for("/metrics?target=reload-goes", 404);
    assert_eq!(fleet.get("/primary?target=reload-goes").status, 404);
    wait_until("its sessions are closed", SOON, || {
        sessions("reload-goes").is_empty()
    });
    assert_eq!(fleet.own_page().value("pg_exporter_targets", &[]), Some(1.0));
}

#[test]
fn a_broken_file_changes_nothing_and_is_told_of() {
    let fleet = Fleet::start(&named("reload-kept", ", health_connect_interval: 1h"));
    fleet.wait_for("/primary?target=reload-kept", 200);
    fleet.page("reload-kept");
    let before = sessions("reload-kept");
    for broken in [
        named("reload-kept", ", sslmode: verify-ful"),
        named("reload-kept", "") + "  - { nam: x }\n",
        "targets: [".to_owned(),
        named("reload-kept", "") + &named("reload-kept", ""),
    ] {
        fleet.rewrite(&broken);
        wait_until("the mistake is told of", SOON, || {
            fleet
                .own_page()
                .value("pg_exporter_targets_last_reload_successful", &[])
                == Some(0.0)
        });
        assert_eq!(fleet.get("/primary?target=reload-kept").status, 200);
        assert!(fleet.get("/").text().contains("targets.yml:"), "people see where");
        let answer = fleet.exporter.request("POST", "/reload", &[]);
        assert!(
            answer.status == 500 && answer.text().contains("targets.yml:"),
            "{}",
            answer.text()
        );
        fleet.rewrite(&named("reload-kept", ", health_connect_interval: 1h"));
        wait_until("it is mended", SOON, || {
            fleet
                .own_page()
                .value("pg_exporter_targets_last_reload_successful", &[])
                == Some(1.0)
        });
    }
    assert_eq!(sessions("reload-kept"), before);
}

#[test]
fn a_dry_run_tells_the_difference() {
    let fleet = Fleet::start(&(named("dry-a", "") + &named("dry-b", "")));
    fleet.wait_for("/primary?target=dry-a", 200);
    // Compared with what was in force when it was asked for: a look at the files may come between.
    fleet.rewrite(&(named("dry-a", ", parallel: 2") + &named("dry-c", "")));
    let answer = fleet.exporter.request("POST", "/reload?dry_run=1", &[]);
    let told: Value = serde_json::from_str(&answer.text()).unwrap();
    let (added, removed, modified) = (
        &told["targets"]["added"],
        &told["targets"]["removed"],
        &told["targets"]["modified"],
    );
    let is_seen = *added == serde_json::json!(["dry-c"])
        && *removed == serde_json::json!(["dry-b"])
        && *modified == serde_json::json!(["dry-a"]);
    let is_done = *added == serde_json::json!([])
        && *removed == serde_json::json!([])
        && *modified == serde_json::json!([]);
    assert!(is_seen || is_done, "{told}");
    fleet.exporter.signal(Signal::HUP);
    fleet.wait_for("/primary?target=dry-c", 200);
    assert_eq!(fleet.get("/primary?target=dry-b").status, 404);
}

#[test]
fn a_service_file_is_watched_too() {
    let section = |name: &str, application: &str| {
        format!(
            "[{name}]\nhost=127.0.0.1\nport={}\ndbname=postgres\nuser=postgres\nsslmode=disable\napplication_name={application}\n",
            server().port()
        )
    };
    let files = Folder::new();
    let write = |changing: &str, more: &str| {
        files.write(
            "pg_service.conf",
            &(section("same", "service-same") + &section("changing", changing) + more),
        )
    };
    let path = write("service-before", "");
    let targets = "defaults: { auto_discovery: false, connect_timeout: 5s, health_connect_interval: 1h }\ntargets:\n  \
                   - { name: same, service: same }\n  - { name: changing, service: changing }\n";
    let fleet = Fleet::start_with(targets, |builder| builder.env("PGSERVICEFILE", path));
    for name in ["same", "changing"] {
        fleet.wait_for(&format!("/primary?target={name}"), 200);
        fleet.page(name);
    }
    let before = sessions("service-same");
    assert!(!before.is_empty() && !sessions("service-before").is_empty());
    write("service-after", "");
    wait_until("it is another server's", SOON, || {
        sessions("service-before").is_empty() && !sessions("service-after").is_empty()
    });
    // A broken one changes nothing, and is told of.
    let kept = sessions("service-after");
    files.write("pg_service.conf", &section("same", "service-same"));
    let reloaded = || {
        fleet
            .own_page()
            .value("pg_exporter_targets_last_reload_successful", &[])
    };
    wait_until("the mistake is told of", SOON, || reloaded() == Some(0.0));
    assert_eq!(fleet.get("/primary?target=changing").status, 200);
    write("service-after", "# mended\n");
    wait_until("it is mended", SOON, || reloaded() == Some(1.0));
    assert_eq!(sessions("service-same"), before, "the same sessions");
    assert_eq!(sessions("service-after"), kept, "the same sessions");
}

#[test]
fn a_password_that_a_service_file_gains_arrives() {
    let cluster = with_passwords();
    let files = Folder::new();
    let write = |more: &str| {
        let section = format!(
            "[it]\nhost=127.0.0.1\nport={}\ndbname=postgres\nuser=monitor\nsslmode=disable\n{more}",
            cluster.port()
        );
        files.write("pg_service.conf", &section)
    };
    let path = write("");
    let targets =
        "defaults: { auto_discovery: false, connect_timeout: 5s }\ntargets: [{ name: it, service: it }]\n";
    let fleet = Fleet::start_with(targets, |builder| builder.env("PGSERVICEFILE", path));
    wait_until("it has none", SOON, || {
        fleet.get("/?target=it").text().contains("password")
    });
    fleet.wait_for("/up?target=it", 503);
    write("password=f1rst-s3cret\n");
    fleet.wait_for("/primary?target=it", 200);
    assert_eq!(fleet.page("it").value("pg_up", &[]), Some(1.0));
}

/// What `docs/fleet.md` promises of another order and another spelling.
#[test]
fn what_is_written_otherwise_goes_on() {
    let port = server().port();
    let fleet = Fleet::start(&format!(
        "defaults: {{ auto_discovery: false, connect_timeout: 5s, health_connect_interval: 1h }}\n\
         credentials: {{ old: {{ user: postgres }} }}\n\
         targets:\n  - {{ name: spelled, host: 127.0.0.1, port: {port}, dbname: postgres, application_name: spelled, \
         credentials: old, labels: {{ b: c, a: b }} }}\n"
    ));
    fleet.wait_for("/primary?target=spelled", 200);
    let counted = || fleet.page("spelled").value("pg_exporter_scrape_total_count", &[]);
    let (count, before) = (counted(), sessions("spelled"));
    assert!(!before.is_empty());
    fleet.rewrite(&format!(
        "defaults: {{ labels: {{ a: b }}, auto_discovery: 'false', health_connect_interval: 60m }}\n\
         credentials: {{ new: {{ user: postgres }} }}\n\
         targets:\n  - {{ name: spelled, url: 'postgresql://127.0.0.1:{port}/postgres?connect_timeout=5&application_name=spelled', \
         labels: {{ b: c }}, credentials: new }}\n  \
         - {{ name: more, host: 127.0.0.1, port: {port}, user: postgres, dbname: postgres }}\n"
    ));
    fleet.wait_for("/primary?target=more", 200);
    assert_eq!(counted(), count.map(|count| count + 1.0), "the same counts");
    assert_eq!(sessions("spelled"), before, "the same sessions");
}
