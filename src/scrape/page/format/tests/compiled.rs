//! The compiled collectors, whichever of them answer.

use std::collections::BTreeSet;
use std::sync::Arc;

use pg_exporter_lab::open_metrics_check;
use pg_exporter_schema::{Collector, Usage};

use super::{page, parts};
use crate::catalog::compiled::COLLECTORS;
use crate::scrape::page::format::{Format, Names};
use crate::self_metrics::TABLE;

/// Collectors that have no family in common: of each the first branch, and others with families of their own alone.
fn distinct() -> Vec<Collector> {
    let mut seen = BTreeSet::new();
    let mut distinct = Vec::new();
    for collector in COLLECTORS {
        let families = || collector.columns.iter().flat_map(|column| column.families.iter());
        if families().all(|family| !seen.contains(&family.name)) {
            seen.extend(families().map(|family| family.name.clone()));
            distinct.push(collector.clone());
        }
    }
    distinct
}

#[test]
fn their_names_do_not_clash_in_open_metrics() {
    let collectors = distinct();
    assert!(collectors.len() > 60, "{}", collectors.len());
    let names = Names::new(COLLECTORS, &TABLE.iter().collect::<Vec<_>>(), "pg");
    let mut whole = Vec::new();
    for collector in &collectors {
        let count =
            |is: fn(Usage) -> bool| collector.columns.iter().filter(|column| is(column.usage)).count();
        let labels = vec!["x"; count(|usage| usage == Usage::Label)];
        let row = (labels, vec![1.0; count(Usage::is_value)]);
        let parts = parts(&Arc::new(collector.clone()), &[vec![row]]);
        let part = page(&parts, Format::OpenMetrics, &names);
        whole.extend_from_slice(part.strip_suffix(b"# EOF\n").unwrap());
    }
    whole.extend(Format::OpenMetrics.end().unwrap());
    let findings = open_metrics_check(std::str::from_utf8(&whole).unwrap());
    assert!(findings.parses, "{:?}", findings.lines);
    let of_type = |kind: &str| findings.lines.iter().filter(|line| line.contains(kind)).count();
    assert!(of_type(" gaugehistogram ") > 2, "{:#?}", findings.lines);
    assert!(of_type(" counter ") > 0, "{:#?}", findings.lines);
}
