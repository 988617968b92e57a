//! The keys of a target that are flags elsewhere: each holds for its target, and for no other one.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use pg_exporter_lab::{Layer, Page, wait_until};

use crate::support::{Fleet, Folder, PROGRAM, SOON, server, target};

/// A collector that somebody has to ask for, one that is slow, and one that lives long.
const LAYER: &str = "\
asked: { query: 'SELECT 1 AS value', tags: [mine], metrics: [ { value: { usage: GAUGE, description: One. } } ] }
slow: { query: 'SELECT 1 AS value FROM pg_catalog.pg_sleep(2)', tags: [slow], timeout: 8, metrics: [ { value: { usage: GAUGE, description: One. } } ] }
long: { query: 'SELECT 1 AS value', tags: [cluster], ttl: 3600, metrics: [ { value: { usage: GAUGE, description: One. } } ] }
";

/// The databases that a page has tables of.
fn databases(page: &Page) -> BTreeSet<String> {
    let of = |sample: &pg_exporter_lab::page::Sample| sample.label("datname").map(str::to_owned);
    let with_relations = page.all("pg_relkind_count").filter_map(of);
    with_relations.collect()
}

#[test]
fn each_key_holds_for_its_target_alone() {
    for name in ["fleet_keys_1", "fleet_keys_2", "fleet_keys_3"] {
        server().create_database(name);
    }
    let layer = Layer::new(LAYER);
    let found = ", auto_discovery: true, include_databases";
    let keys = [
        ("plain", String::new()),
        ("named", ", namespace: mine".to_owned()),
        ("tagged", ", tags: [mine]".to_owned()),
        ("skips", ", skip_collectors: [pg_setting, long]".to_owned()),
        ("included", format!("{found}: ['/^fleet_keys_/']")),
        (
            "excluded",
            format!("{found}: ['/^fleet_keys_/'], exclude_databases: [fleet_keys_2]"),
        ),
        ("uncached", ", disable_cache: true".to_owned()),
        ("hurried", ", tags: [slow], scrape_timeout: 1s".to_owned()),
        ("patient", ", tags: [slow], scrape_timeout: 20s".to_owned()),
    ];
    let targets: String = keys
        .iter()
        .map(|(name, more)| target(name, server().port(), more))
        .collect();
    let fleet = Fleet::start_with(&targets, |builder| builder.arg(layer.flag()));
    for (name, _) in &keys {
        fleet.wait_for(&format!("/primary?target={name}"), 200);
    }
    for (name, _) in &keys {
        let prefix = if *name == "named" { "mine" } else { "pg" };
        let begun = Instant::now();
        let (mut page, up) = (fleet.page(name), format!("{prefix}_up"));
        let took = begun.elapsed();
        assert_eq!(page.value(&up, &[]), Some(1.0), "{name}");
        for of in ["pg", "mine"] {
            let is_there = page
                .value(&format!("{of}_exporter_scrape_total_count"), &[])
                .is_some();
            assert_eq!(is_there, of == prefix, "{name}: {of}");
        }
        assert_eq!(
            page.value("asked_value", &[]).is_some(),
            *name == "tagged",
            "{name}"
        );
        let is_whole = page.value("pg_setting_max_connections", &[]).is_some();
        // What waits behind the slow one has no time left there.
        let is_cut = *name == "hurried" && !is_whole;
        assert!(is_cut || is_whole == (*name != "skips"), "{name}");
        assert_eq!(
            page.value("slow_value", &[]).is_some(),
            *name == "patient",
            "{name}"
        );
        match *name {
            "hurried" => assert!(took < Duration::from_millis(1_900), "{took:?}"),
            "patient" => assert!(took >= Duration::from_secs(2), "{took:?}"),
            _ => {}
        }
        if *name == "hurried" {
            continue;
        }
        let expected: &[&str] = match *name {
            "included" => &["fleet_keys_1", "fleet_keys_2", "fleet_keys_3"],
            "excluded" => &["fleet_keys_1", "fleet_keys_3"],
            _ => &[],
        };
        let expected: BTreeSet<String> = expected
            .iter()
            .chain(&["postgres"])
            .map(|one| (*one).to_owned())
            .collect();
        wait_until(&format!("{name} has its databases"), SOON, || {
            page = fleet.page(name);
            databases(&page) == expected
        });
    }
}

#[test]
fn what_is_kept_of_results_is_each_targets_own() {
    let layer = Layer::new(LAYER);
    let targets =
        target("keeps", server().port(), "") + &target("asks", server().port(), ", disable_cache: true");
    let fleet = Fleet::start_with(&targets, |builder| builder.arg(layer.flag()));
    for (name, hits) in [("keeps", 2.0), ("asks", 0.0)] {
        fleet.wait_for(&format!("/primary?target={name}"), 200);
        (0..2).for_each(|_| drop(fleet.page(name)));
        let page = fleet.page(name);
        let of = |metric: &str| {
            page.value(
                &format!("pg_exporter_query_scrape_{metric}"),
                &[("query", "long")],
            )
            .unwrap_or_default()
        };
        assert_eq!((of("total_count"), of("hit_count")), (3.0, hits), "{name}");
    }
}

/// Files may be named several times, by flags and by the variable, and are one whole.
#[test]
fn files_that_are_named_one_by_one_are_one_whole() {
    let files = Folder::new();
    let defaults = crate::support::DEFAULTS;
    let port = server().port();
    let paths = [
        files.write("defaults.yml", defaults),
        files.write("own.yml", &format!("targets:\n{}", target("own", port, ""))),
        files.write(
            "found.yml",
            &format!("- targets: ['127.0.0.1:{port}']\n  labels: {{ env: sd }}\n"),
        ),
    ];
    let found = format!("127.0.0.1-{port}");
    let flags =
        pg_exporter_lab::Exporter::builder(PROGRAM).args(paths.iter().flat_map(|path| ["--targets", path]));
    let variable = pg_exporter_lab::Exporter::builder(PROGRAM).env("PG_EXPORTER_TARGETS", paths.join(","));
    for builder in [flags, variable] {
        let exporter = builder.start();
        for name in ["own", &found] {
            exporter.wait_for_status(&format!("/primary?target={name}"), 200, SOON);
        }
        let page = Page::parse(&exporter.get(&format!("/metrics?target={found}")).text());
        assert_eq!(page.value("pg_up", &[("env", "sd")]), Some(1.0));
    }
    // One name in two of them is nobody's.
    let again = files.write("again.yml", &format!("targets:\n{}", target("own", port, "")));
    let ended = pg_exporter_lab::Exporter::builder(PROGRAM)
        .args(paths.iter().chain([&again]).flat_map(|path| ["--targets", path]))
        .arg("--web.listen-address=127.0.0.1:0")
        .run();
    assert!(!ended.status.success());
    assert!(
        ended.stderr.contains("again.yml:2:") && ended.stderr.contains("own"),
        "{}",
        ended.stderr
    );
}
