//! Every format holds the same samples.

use std::sync::Arc;

use pg_exporter_lab::Page;
use proptest::prelude::*;

use super::messages;
use super::messages::{Metric, MetricFamily};
use super::{Row, collectors, page, parts};
use crate::scrape::page::format::{Format, Names};

const DEFINITION: &str = "
t:
  query: SELECT 1
  metrics:
    - x: { usage: LABEL }
    - age: { usage: HISTOGRAM, bucket: [-1, 0.5, 1000000] }
    - y: { usage: LABEL }
    - calls: { usage: COUNTER }
    - reads_total: { usage: COUNTER }
    - size: { usage: GAUGE }
";

/// A series and its value's bits, all NaN being equal. Bounds are compared as numbers: protobuf has them so.
pub(in crate::scrape) type Series = (String, Vec<(String, String)>, u64);

fn series(name: &str, mut labels: Vec<(String, String)>, value: f64) -> Series {
    for (name, value) in &mut labels {
        if name == "le" {
            *value = format!("{:?}", value.parse::<f64>().unwrap());
        }
    }
    // -0 is 0 in the text format, where integers have no sign of their own.
    let value = if value.is_nan() { f64::NAN } else { value + 0.0 };
    (name.to_owned(), labels, value.to_bits())
}

pub(in crate::scrape) fn of_text(page: &[u8]) -> Vec<Series> {
    let page = Page::parse(std::str::from_utf8(page).unwrap());
    let samples = page.samples.into_iter();
    samples
        .map(|sample| series(&sample.name, sample.labels, sample.value))
        .collect()
}

pub(in crate::scrape) fn of_protobuf(page: &[u8]) -> Vec<Series> {
    messages::read(page).iter().flat_map(of_family).collect()
}

fn of_family(family: &MetricFamily) -> Vec<Series> {
    let name = family.name.as_deref().unwrap();
    family
        .metric
        .iter()
        .flat_map(|metric| of_metric(name, metric))
        .collect()
}

fn of_metric(name: &str, metric: &Metric) -> Vec<Series> {
    let pairs = metric.label.iter();
    let labels: Vec<_> = pairs
        .map(|pair| (pair.name.clone().unwrap(), pair.value.clone().unwrap()))
        .collect();
    let Some(histogram) = &metric.histogram else {
        let value = [&metric.gauge, &metric.counter, &metric.untyped]
            .into_iter()
            .flatten()
            .next();
        return vec![series(name, labels, value.unwrap().value.unwrap())];
    };
    let count = histogram.sample_count.unwrap() as f64;
    let bounds = histogram.bucket.iter().map(|bucket| {
        (
            bucket.upper_bound.unwrap(),
            bucket.cumulative_count.unwrap() as f64,
        )
    });
    let buckets = bounds.chain([(f64::INFINITY, count)]).map(|(bound, count)| {
        let mut labels = labels.clone();
        labels.push(("le".to_owned(), bound.to_string()));
        series(&format!("{name}_bucket"), labels, count)
    });
    let mut all: Vec<_> = buckets.collect();
    all.push(series(&format!("{name}_count"), labels.clone(), count));
    all.push(series(
        &format!("{name}_sum"),
        labels,
        histogram.sample_sum.unwrap(),
    ));
    all
}

fn value() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<f64>(),
        (-3i32..2000).prop_map(f64::from),
        Just(f64::NAN),
        Just(f64::INFINITY),
    ]
}

/// Labels that repeat, and labels with everything in them.
fn label() -> impl Strategy<Value = String> {
    prop_oneof!["[ab]?", r#"["\\,={} \n#\x00ä€]{0,6}"#, any::<String>()]
}

fn rows() -> impl Strategy<Value = Vec<((String, String), Vec<f64>)>> {
    proptest::collection::vec(((label(), label()), proptest::collection::vec(value(), 4)), 0..12)
}

proptest! {
    #[test]
    fn in_every_format(databases in proptest::collection::vec(rows(), 0..4)) {
        let collectors = collectors(DEFINITION);
        let names = Names::new(&collectors, &[], "pg");
        let collector = Arc::new(collectors[0].clone());
        let databases: Vec<Vec<Row<'_>>> = databases.iter().map(|rows| {
            rows.iter().map(|((x, y), values)| (vec![x.as_str(), y], values.clone())).collect()
        }).collect();
        let parts = parts(&collector, &databases);
        let text = page(&parts, Format::Text, &names);
        let open_metrics = page(&parts, Format::OpenMetrics, &names);
        let expected = of_text(&text);
        prop_assert_eq!(&of_text(&open_metrics), &expected);
        let is_sample = |line: &&[u8]| !line.starts_with(b"#");
        let lines = |page: &'_ [u8]| page.split(|byte| *byte == b'\n').filter(is_sample).collect::<Vec<_>>().concat();
        prop_assert_eq!(lines(&text), lines(&open_metrics));
        let mut of_protobuf = of_protobuf(&page(&parts, Format::Protobuf, &names));
        let mut expected = expected;
        of_protobuf.sort_unstable();
        expected.sort_unstable();
        prop_assert_eq!(of_protobuf, expected);
    }
}
