//! The compiled set, without a server: what the contract says, and what the files say.

use std::collections::BTreeSet;
use std::path::Path;

use pg_exporter::catalog::compiled::COLLECTORS;
use pg_exporter::schema::{
    Collector, LOCK_FILE, Locks, Severity, Strictness, Usage, compile, read_dir, read_lock,
};

use crate::expected::{BRANCHES, Branch};

#[test]
fn every_branch_of_the_contract_is_compiled_as_it_says() {
    for expected in BRANCHES.iter() {
        let found = COLLECTORS
            .iter()
            .find(|collector| collector.branch == expected.branch);
        let found = found.unwrap_or_else(|| panic!("no branch {}", expected.branch));
        compare(expected, found);
    }
}

fn compare(expected: &Branch, found: &Collector) {
    let branch = &expected.branch;
    assert_eq!(found.name, expected.collector, "{branch}");
    assert_eq!(
        (found.min_version, found.max_version),
        (expected.min, expected.max),
        "{branch}: versions"
    );
    let tags: BTreeSet<_> = found.tags.iter().map(ToString::to_string).collect();
    assert_eq!(tags, expected.tags.iter().cloned().collect(), "{branch}: tags");
    assert_eq!(found.ttl.as_secs_f64(), expected.ttl, "{branch}: ttl");
    assert_eq!(
        found.timeout.unwrap().as_secs_f64(),
        expected.timeout,
        "{branch}: timeout"
    );
    assert_eq!(
        (found.fatal, found.skip),
        (expected.fatal, expected.skip),
        "{branch}: fatal, skip"
    );
    let predicates: Vec<_> = found
        .predicates
        .iter()
        .map(|predicate| predicate.name.to_string())
        .collect();
    assert_eq!(predicates, expected.predicates, "{branch}: predicates");
    let labels: Vec<_> = found.labels().map(|label| label.name.to_string()).collect();
    assert_eq!(labels, expected.labels, "{branch}: labels");
    let names: Vec<_> = found.values().map(|value| value.name.to_string()).collect();
    let expected_names: Vec<_> = expected
        .metrics
        .iter()
        .map(|metric| metric.name.clone())
        .collect();
    assert!(
        names.starts_with(&expected_names),
        "{branch}: metrics {names:?} do not begin with {expected_names:?}"
    );
    for (metric, column) in expected.metrics.iter().zip(found.values()) {
        let name = &metric.name;
        assert_eq!(column.column, metric.column, "{branch}: column of {name}");
        assert_eq!(usage(column.usage), metric.kind, "{branch}: type of {name}");
        assert_eq!(column.scale, metric.scale, "{branch}: scale of {name}");
        assert_eq!(column.default, metric.default, "{branch}: default of {name}");
        let buckets: Vec<_> = column.buckets.iter().map(|bucket| bucket.bound).collect();
        assert_eq!(buckets, metric.buckets, "{branch}: buckets of {name}");
    }
}

fn usage(usage: Usage) -> &'static str {
    match usage {
        Usage::Gauge => "gauge",
        Usage::Counter => "counter",
        Usage::Histogram => "histogram",
        Usage::Label | Usage::Discard => panic!("no value"),
    }
}

/// A collector of ours may have any branches; one of the contract has those of the contract and no more. Its metrics may
/// be followed by others.
#[test]
fn collectors_of_the_contract_have_no_other_branches() {
    for collector in COLLECTORS
        .iter()
        .filter(|collector| crate::expected::knows(&collector.name))
    {
        assert!(
            BRANCHES.iter().any(|branch| branch.branch == collector.branch),
            "{}",
            collector.branch
        );
    }
}

#[test]
fn metrics_beyond_the_contract_have_names_of_their_own() {
    let contract: BTreeSet<_> = BRANCHES
        .iter()
        .flat_map(|branch| branch.families().into_keys())
        .collect();
    let mut families = 0;
    for collector in COLLECTORS {
        let of_contract = BRANCHES
            .iter()
            .find(|branch| branch.branch == collector.branch)
            .map_or(0, |branch| branch.metrics.len());
        let ours = collector.values().skip(of_contract);
        for family in ours.flat_map(|column| column.families.iter()) {
            assert!(!contract.contains(&*family.name), "{}", family.name);
            families += 1;
        }
    }
    assert!(families > 0);
}

#[test]
fn compiled_definitions_equal_the_files() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("collectors");
    let mut outcome = compile(&read_dir(&directory, "collectors").unwrap(), Strictness::Strict);
    let lock = read_lock(&directory, "collectors", LOCK_FILE).unwrap();
    Locks::read(&[lock.unwrap()]).attach(&mut outcome.collectors);
    let errors: Vec<_> = outcome
        .diagnostics
        .iter()
        .filter(|found| found.severity == Severity::Error)
        .collect();
    assert!(errors.is_empty(), "{errors:?}");
    assert_eq!(outcome.collectors.len(), COLLECTORS.len());
    for (parsed, compiled) in outcome.collectors.iter().zip(COLLECTORS) {
        assert_eq!(parsed, compiled);
    }
}
