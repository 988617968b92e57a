//! Whatever collectors are called and yield: the page is valid, in every format.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::collections::HashSet;
use std::fmt::Write as _;
use std::hash::RandomState;
use std::rc::Rc;

use pg_exporter_lab::{open_metrics_check, promtool_check};
use pg_exporter_schema::{Collector, Source, Strictness, Usage, compile};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, TestRunner};

use super::*;
use crate::scrape::page::encode::Encoder;
use crate::scrape::page::format::tests::same;
use crate::scrape::page::series;
use crate::scrape::rows::batch::Batch;
use crate::self_metrics::{TABLE, UP, VERSION, Writer};

/// A collector, the label columns in some order, and rows of each database: labels and a number.
#[derive(Clone, Debug)]
struct Case {
    collectors: Vec<(usize, bool, Vec<u8>)>,
    rows: Vec<Vec<(u8, u8, f64)>>,
}

/// Collectors whose metrics meet: each other's, a histogram's parts, and the exporter's own.
const METRICS: [(&str, &str); 8] = [
    ("t", "a_b"),
    ("t_a", "b"),
    ("pg", "up"),
    ("pg", "version"),
    ("h", "secs"),
    ("h_secs", "sum"),
    ("h_secs", "count"),
    ("t", "c_total"),
];
const USAGES: [&str; 2] = ["GAUGE", "COUNTER"];

fn case() -> impl Strategy<Value = Case> {
    let collector = (
        0..METRICS.len(),
        any::<bool>(),
        proptest::collection::vec(0u8..2, 2),
    );
    let row = (0u8..3, 0u8..3, prop_oneof![Just(f64::NAN), Just(-1.0), 0.0..9.0]);
    let rows = proptest::collection::vec(row, 0..5);
    (
        proptest::collection::vec(collector, 1..7),
        proptest::collection::vec(rows, 1..4),
    )
        .prop_map(|(collectors, rows)| Case { collectors, rows })
}

fn live(case: &Case) -> Arc<Live> {
    let mut yaml = String::new();
    for (number, (metric, is_turned, kinds)) in case.collectors.iter().enumerate() {
        let (prefix, column) = METRICS[*metric];
        let usage = if column == "secs" {
            "HISTOGRAM, bucket: [1, 5]"
        } else {
            USAGES[usize::from(kinds[0])]
        };
        let labels = if *is_turned { ["y", "x"] } else { ["x", "y"] };
        let _ = write!(
            yaml,
            "c{number}:\n  name: {prefix}\n  query: SELECT 1\n  metrics:\n    - {}: {{ usage: LABEL }}\n    - {}: {{ usage: LABEL }}\n    \
             - {column}: {{ usage: {usage}, description: of {number} }}\n",
            labels[0], labels[1],
        );
    }
    let outcome = compile(&[Source::new("t.yml", yaml)], Strictness::Lenient);
    let mut seen = HashSet::new();
    // One branch of each name, as the planner has it.
    let collectors = outcome
        .collectors
        .into_iter()
        .filter(|one| seen.insert(one.name.to_string()));
    Arc::new(Live::new(collectors))
}

fn batch(collector: &Collector, rows: &[(u8, u8, f64)]) -> Batch {
    let values = collector.values().count();
    let mut batch = Batch::new(2, vec![false; values]);
    for (x, y, number) in rows {
        for label in collector
            .columns
            .iter()
            .filter(|column| column.usage == Usage::Label)
        {
            let value = if label.name == "x" { x } else { y };
            // 0 is an empty label.
            if *value > 0 {
                let _ = write!(batch.text(), "v{value}");
            }
            batch.end_label();
        }
        (0..values).for_each(|_| batch.push_value(*number));
        batch.end_row();
    }
    batch
}

/// The pages of a case in a format, at two moments: the second time the first database serves nothing.
fn pages(case: &Case, format: Format) -> [(Vec<u8>, u64); 2] {
    let live = live(case);
    let own: Vec<_> = TABLE.iter().collect();
    let mut made = Pages::default();
    made.follow(Arc::clone(&live), &own, "pg");
    let mut encoder = Encoder::new([]);
    let mut order: Vec<(String, Vec<Part>)> = Vec::new();
    for collector in &live.collectors {
        let parts = case.rows.iter().enumerate().map(|(database, rows)| Part {
            database: Rc::from(format!("db{database}")),
            collector: Arc::clone(collector),
            samples: Some(Arc::new(encoder.encode(collector, &batch(collector, rows)))),
        });
        order.push((collector.name.to_string(), parts.collect()));
    }
    let mut writer = Writer::new("pg", &[]);
    writer.single(&UP, 1.0);
    writer.single(&VERSION, 5.0);
    let text = writer.finish();
    [false, true].map(|fails| {
        if fails {
            for (_, parts) in &mut order {
                parts[0].samples = None;
            }
        }
        let mut duplicates = made.update(order.iter(), format);
        let gathered = made.gather(&order, |_| true);
        duplicates += gathered.duplicates;
        duplicates += made.left_out_for(&text, &gathered).values().sum::<u64>();
        let names = order.iter().map(|(name, _)| name.as_str());
        let page = made.page(text.clone(), &gathered, &names, format, Encoding::Identity);
        (page.chunks.concat(), duplicates)
    })
}

fn lines(page: &[u8]) -> Vec<String> {
    let text = std::str::from_utf8(page).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(str::to_owned).collect()
}

/// Heads that are there twice, families torn apart, series that are there twice.
fn faults(page: &[u8]) -> Vec<String> {
    let text = std::str::from_utf8(page).unwrap();
    let hasher = RandomState::new();
    let (mut heads, mut series) = (HashSet::new(), HashSet::new());
    let mut faults = Vec::new();
    let mut family = "";
    for line in text.lines() {
        if let Some(head) = line.strip_prefix("# TYPE ") {
            family = head.split(' ').next().unwrap_or_default();
            if !heads.insert(family) {
                faults.push(format!("twice: {line}"));
            }
        } else if !line.starts_with('#') {
            let name = line.split(['{', ' ']).next().unwrap_or_default();
            if !name.starts_with(family) {
                faults.push(format!("below {family}: {line}"));
            }
            if !series.insert((name.to_owned(), series::key(line.as_bytes(), None, &hasher))) {
                faults.push(format!("again: {line}"));
            }
        }
    }
    faults
}

fn check(case: &Case) {
    let ([(text, duplicates), (later, _)], [(open_metrics, _), _]) =
        (pages(case, Format::Text), pages(case, Format::OpenMetrics));
    assert_eq!(faults(&text), [""; 0]);
    assert_eq!(faults(&open_metrics), [""; 0]);
    let (mut of_text, mut of_open_metrics) = (lines(&text), lines(&open_metrics));
    of_text.sort();
    of_open_metrics.sort();
    assert_eq!(of_text, of_open_metrics);
    let [(protobuf, _), _] = pages(case, Format::Protobuf);
    let (mut of_protobuf, mut the_same) = (same::of_protobuf(&protobuf), same::of_text(&text));
    of_protobuf.sort();
    the_same.sort();
    assert_eq!(of_protobuf, the_same);
    let [alone, _] = pages(
        &Case {
            rows: vec![Vec::new()],
            ..case.clone()
        },
        Format::Text,
    );
    assert_eq!(alone.1, 0, "nothing is counted where nothing is");
    // While a database fails, its series are missing; none of them has another value.
    let before: HashSet<_> = of_text.into_iter().collect();
    let after = lines(&later);
    assert!(
        after.iter().all(|line| before.contains(line)),
        "{after:?} {before:?}"
    );
    assert!(duplicates < 10_000);
}

#[test]
fn families_and_series_are_there_once() {
    let mut runner = TestRunner::new(Config::with_cases(300));
    runner
        .run(&case(), |case| {
            check(&case);
            Ok(())
        })
        .unwrap();
}

/// The parsers that matter have the last word.
#[test]
fn the_parsers_of_prometheus_and_open_metrics_take_it() {
    let mut runner = TestRunner::deterministic();
    for _ in 0..8 {
        let case = case().new_tree(&mut runner).unwrap().current();
        let [(text, _), _] = pages(&case, Format::Text);
        let [(open_metrics, _), _] = pages(&case, Format::OpenMetrics);
        let found = promtool_check(std::str::from_utf8(&text).unwrap());
        assert!(found.parses, "{:?} {case:?}", found.lines);
        let found = open_metrics_check(std::str::from_utf8(&open_metrics).unwrap());
        assert!(found.parses, "{:?} {case:?}", found.lines);
    }
}
