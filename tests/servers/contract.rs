//! Every collector on every major, on primary and standby, and on pgbouncer: names, types and labels of its series.

use std::collections::{BTreeMap, BTreeSet};

use pg_exporter::catalog::compiled::COLLECTORS;
use pg_exporter_lab::{Page, Pgbouncer, later_majors, majors, promtool_check, shared};

use crate::expected::{BRANCHES, Branch};
use crate::layer::Layer;
use crate::scene::{SKIPPED, scene};
use crate::support::{assert_healthy, thorough};

type Families = BTreeMap<String, (String, Vec<String>)>;

/// One test per major, so that they run side by side.
macro_rules! majors {
    ($($name:ident: $major:literal,)*) => {
        $(#[test] fn $name() { every_collector_yields_its_series($major); })*
    };
}

majors! {
    postgres_10: 10, postgres_11: 11, postgres_12: 12, postgres_13: 13, postgres_14: 14,
    postgres_15: 15, postgres_16: 16, postgres_17: 17, postgres_18: 18,
}

/// A release that is given beside those of the lab.
#[test]
fn later_releases() {
    for major in later_majors() {
        every_collector_yields_its_series(major);
    }
}

fn every_collector_yields_its_series(major: u32) {
    if !majors().contains(&major) {
        // The lab has said on standard error that this major is not tested; with CI=true it has failed.
        return;
    }
    for (cluster, in_recovery) in scene(major).servers() {
        let version: u32 = cluster.psql("show server_version_num").parse().unwrap();
        let exporter = thorough(&cluster.url("postgres"), &Layer::patient(&SKIPPED));
        let text = exporter.get("/metrics").text();
        let page = Page::parse(&text);
        assert_healthy(&exporter, &page);
        let fits = |branch: &&Branch| branch.fits(version, in_recovery) && !branch.needs_foreign_extension();
        compare(
            &page,
            BRANCHES.iter().filter(fits),
            &format!("{version}, in recovery: {in_recovery}"),
        );
        let findings = promtool_check(&text);
        assert!(findings.parses, "{:?}", findings.lines);
    }
}

#[test]
fn pgbouncer_1_18() {
    let pgbouncer = Pgbouncer::start(shared(majors()[0]));
    let exporter = thorough(
        &pgbouncer.stats_url(),
        &Layer::patient(&["pgbouncer_client", "pgbouncer_server"]),
    );
    let text = exporter.get("/metrics").text();
    let page = Page::parse(&text);
    assert_healthy(&exporter, &page);
    let version = page.value("pgbouncer_version", &[]).unwrap();
    assert!((10_800.0..20_000.0).contains(&version), "{version}");
    let fits = |branch: &&Branch| branch.is_pgbouncer() && branch.fits_version(version as u32);
    compare(
        &page,
        BRANCHES.iter().filter(fits),
        &format!("pgbouncer {version}"),
    );
    assert!(promtool_check(&text).parses);
}

/// All families of the branches are there, as the branches say, and none else but our own collectors' and the
/// exporter's.
fn compare<'a>(page: &Page, branches: impl Iterator<Item = &'a Branch>, server: &str) {
    let expected: Families = branches.flat_map(Branch::families).collect();
    let own = own_families();
    let found = families(page);
    let missing: Vec<_> = expected
        .keys()
        .filter(|name| !found.contains_key(*name))
        .collect();
    assert!(missing.is_empty(), "{server}: no series of {missing:?}");
    for (name, shapes) in &found {
        let shape = expected.get(name).or_else(|| own.get(name));
        let Some(shape) = shape else {
            assert!(
                is_builtin(name),
                "{server}: {name} is of no collector that is for this server"
            );
            continue;
        };
        assert_eq!(
            shapes,
            &BTreeSet::from([shape.clone()]),
            "{server}: type and labels of {name}"
        );
    }
}

/// Type and label names of each name on the page; more than one if series differ.
fn families(page: &Page) -> BTreeMap<String, BTreeSet<(String, Vec<String>)>> {
    let mut families: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for sample in &page.samples {
        let kind = page.types.get(&sample.name).cloned().unwrap_or_default();
        let labels = sample.labels.iter().map(|(name, _)| name.clone()).collect();
        families
            .entry(sample.name.clone())
            .or_default()
            .insert((kind, labels));
    }
    families
}

/// What the contract has not.
fn own_families() -> Families {
    let contract: BTreeSet<_> = BRANCHES
        .iter()
        .flat_map(|branch| branch.families().into_keys())
        .collect();
    let mut families = BTreeMap::new();
    for collector in COLLECTORS {
        let labels: Vec<_> = collector.labels().map(|label| label.name.to_string()).collect();
        for family in collector.values().flat_map(|column| column.families.iter()) {
            let kind = if family.head.contains(" counter\n") {
                "counter"
            } else {
                "gauge"
            };
            let is_bucket = family.name.ends_with("_bucket");
            let labels = labels
                .iter()
                .cloned()
                .chain(is_bucket.then(|| "le".to_owned()))
                .collect();
            families.insert(family.name.to_string(), (kind.to_owned(), labels));
        }
    }
    families.retain(|name, _| !contract.contains(name));
    families
}

/// See [`builtin`](crate::builtin) for what these are.
fn is_builtin(name: &str) -> bool {
    let bare = name
        .strip_prefix("pgbouncer_")
        .or_else(|| name.strip_prefix("pg_"));
    name.starts_with("process_")
        || bare.is_some_and(|bare| {
            bare.starts_with("exporter_") || ["up", "version", "in_recovery", "flavour_info"].contains(&bare)
        })
}
