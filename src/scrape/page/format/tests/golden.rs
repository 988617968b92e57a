//! What a collector with every usage looks like.

use std::sync::Arc;

use super::messages;
use super::messages::{MetricFamily, MetricType};
use super::{Row, collectors, page, parts};
use crate::scrape::page::format::{Format, Names};
use crate::self_metrics::TABLE;

const DEFINITION: &str = r#"
t:
  query: SELECT 1
  metrics:
    - name: { usage: LABEL, description: Name. }
    - size_bytes: { usage: GAUGE, description: 'Size of "it" \ all.' }
    - calls: { usage: COUNTER, description: Calls. }
    - reads_total: { usage: COUNTER, description: Reads. }
    - time_seconds_total: { usage: COUNTER, description: Time. }
    - age_seconds: { usage: HISTOGRAM, bucket: [1, 2.5], description: Age. }
"#;

fn rows() -> Vec<Row<'static>> {
    vec![
        (vec!["a\\b"], vec![8192.0, 7.0, 3.0, 0.25, 2.0]),
        (vec!["ü\n"], vec![f64::NAN, f64::NAN, 4.0, 1e300, 60.0]),
    ]
}

fn written(definition: &str, rows: Vec<Row<'_>>, format: Format) -> Vec<u8> {
    let collectors = collectors(definition);
    let names = Names::new(&collectors, &TABLE.iter().collect::<Vec<_>>(), "pg");
    let first = Arc::new(collectors[0].clone());
    page(&parts(&first, &[rows]), format, &names)
}

fn text(definition: &str, rows: Vec<Row<'_>>, format: Format) -> String {
    String::from_utf8(written(definition, rows, format)).unwrap()
}

#[test]
fn as_text() {
    let expected = r#"# HELP t_size_bytes Size of "it" \\ all.
# TYPE t_size_bytes gauge
t_size_bytes{name="a\\b",cls="c\"1"} 8192
t_size_bytes{name="ü\n",cls="c\"1"} NaN
# HELP t_calls Calls.
# TYPE t_calls counter
t_calls{name="a\\b",cls="c\"1"} 7
t_calls{name="ü\n",cls="c\"1"} NaN
# HELP t_reads_total Reads.
# TYPE t_reads_total counter
t_reads_total{name="a\\b",cls="c\"1"} 3
t_reads_total{name="ü\n",cls="c\"1"} 4
# HELP t_time_seconds_total Time.
# TYPE t_time_seconds_total counter
t_time_seconds_total{name="a\\b",cls="c\"1"} 0.25
t_time_seconds_total{name="ü\n",cls="c\"1"} 1e+300
# HELP t_age_seconds_bucket Age. (observations up to the bound)
# TYPE t_age_seconds_bucket gauge
t_age_seconds_bucket{name="a\\b",cls="c\"1",le="1"} 0
t_age_seconds_bucket{name="a\\b",cls="c\"1",le="2.5"} 1
t_age_seconds_bucket{name="a\\b",cls="c\"1",le="+Inf"} 1
t_age_seconds_bucket{name="ü\n",cls="c\"1",le="1"} 0
t_age_seconds_bucket{name="ü\n",cls="c\"1",le="2.5"} 0
t_age_seconds_bucket{name="ü\n",cls="c\"1",le="+Inf"} 1
# HELP t_age_seconds_count Age. (number of observations)
# TYPE t_age_seconds_count gauge
t_age_seconds_count{name="a\\b",cls="c\"1"} 1
t_age_seconds_count{name="ü\n",cls="c\"1"} 1
# HELP t_age_seconds_sum Age. (sum of observations)
# TYPE t_age_seconds_sum gauge
t_age_seconds_sum{name="a\\b",cls="c\"1"} 2
t_age_seconds_sum{name="ü\n",cls="c\"1"} 60
"#;
    assert_eq!(text(DEFINITION, rows(), Format::Text), expected);
}

#[test]
fn as_open_metrics() {
    let expected = r#"# TYPE t_size_bytes gauge
# UNIT t_size_bytes bytes
# HELP t_size_bytes Size of \"it\" \\ all.
t_size_bytes{name="a\\b",cls="c\"1"} 8192
t_size_bytes{name="ü\n",cls="c\"1"} NaN
# TYPE t_calls unknown
# HELP t_calls Calls.
t_calls{name="a\\b",cls="c\"1"} 7
t_calls{name="ü\n",cls="c\"1"} NaN
# TYPE t_reads counter
# HELP t_reads Reads.
t_reads_total{name="a\\b",cls="c\"1"} 3
t_reads_total{name="ü\n",cls="c\"1"} 4
# TYPE t_time_seconds counter
# UNIT t_time_seconds seconds
# HELP t_time_seconds Time.
t_time_seconds_total{name="a\\b",cls="c\"1"} 0.25
t_time_seconds_total{name="ü\n",cls="c\"1"} 1e+300
# TYPE t_age_seconds gaugehistogram
# UNIT t_age_seconds seconds
# HELP t_age_seconds Age. (observations up to the bound)
t_age_seconds_bucket{name="a\\b",cls="c\"1",le="1"} 0
t_age_seconds_bucket{name="a\\b",cls="c\"1",le="2.5"} 1
t_age_seconds_bucket{name="a\\b",cls="c\"1",le="+Inf"} 1
t_age_seconds_bucket{name="ü\n",cls="c\"1",le="1"} 0
t_age_seconds_bucket{name="ü\n",cls="c\"1",le="2.5"} 0
t_age_seconds_bucket{name="ü\n",cls="c\"1",le="+Inf"} 1
# TYPE t_age_seconds_count gauge
# HELP t_age_seconds_count Age. (number of observations)
t_age_seconds_count{name="a\\b",cls="c\"1"} 1
t_age_seconds_count{name="ü\n",cls="c\"1"} 1
# TYPE t_age_seconds_sum gauge
# HELP t_age_seconds_sum Age. (sum of observations)
t_age_seconds_sum{name="a\\b",cls="c\"1"} 2
t_age_seconds_sum{name="ü\n",cls="c\"1"} 60
# EOF
"#;
    assert_eq!(text(DEFINITION, rows(), Format::OpenMetrics), expected);
}

#[test]
fn a_family_with_what_no_counter_can_be_is_of_no_type() {
    let type_with = |reads: f64| {
        let page = text(
            DEFINITION,
            vec![(vec!["x"], vec![0.0, 0.0, reads, 0.0, 0.0])],
            Format::OpenMetrics,
        );
        let line = page.lines().find(|line| line.starts_with("# TYPE t_reads"));
        line.unwrap().to_owned()
    };
    for reads in [0.0, 1.5, f64::INFINITY] {
        assert_eq!(type_with(reads), "# TYPE t_reads counter");
    }
    for reads in [f64::NAN, -1.0, f64::NEG_INFINITY] {
        assert_eq!(type_with(reads), "# TYPE t_reads_total unknown");
    }
}

#[test]
fn a_name_belongs_to_one_family() {
    let definition = "
t:
  query: SELECT 1
  metrics:
    - reads_total: { usage: COUNTER }
    - reads: { usage: GAUGE }
    - writes_total: { usage: COUNTER }
    - writes_created: { usage: GAUGE }
    - age: { usage: HISTOGRAM, bucket: [1] }
    - hits_total: { usage: COUNTER }
u:
  query: SELECT 1
  name: t_age
  metrics:
    - gcount: { usage: GAUGE }
";
    let row = vec![(vec![], vec![1.0; 6])];
    let page = text(definition, row, Format::OpenMetrics);
    let types: Vec<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
        .collect();
    let expected = [
        "t_reads_total unknown",
        "t_reads gauge",
        "t_writes_total unknown",
        "t_writes_created gauge",
        "t_age_bucket gauge",
        "t_age_count gauge",
        "t_age_sum gauge",
        "t_hits counter",
    ];
    assert_eq!(types, expected);
}

fn kind(family: &MetricFamily) -> MetricType {
    MetricType::try_from(family.r#type.unwrap()).unwrap()
}

#[test]
fn as_protobuf() {
    let families = messages::read(&written(DEFINITION, rows(), Format::Protobuf));
    let heads: Vec<_> = families
        .iter()
        .map(|family| {
            let name = family.name.as_deref().unwrap();
            (name, kind(family), family.help.as_deref(), family.unit.as_deref())
        })
        .collect();
    let expected = [
        (
            "t_size_bytes",
            MetricType::Gauge,
            Some("Size of \"it\" \\ all."),
            Some("bytes"),
        ),
        ("t_calls", MetricType::Counter, Some("Calls."), None),
        ("t_reads_total", MetricType::Counter, Some("Reads."), None),
        (
            "t_time_seconds_total",
            MetricType::Counter,
            Some("Time."),
            Some("seconds"),
        ),
        (
            "t_age_seconds",
            MetricType::Histogram,
            Some("Age."),
            Some("seconds"),
        ),
    ];
    assert_eq!(heads, expected);
    for family in &families {
        let labels: Vec<_> = family.metric.iter().map(|metric| &metric.label).collect();
        assert_eq!(labels.len(), 2);
        for (labels, name) in labels.into_iter().zip(["a\\b", "ü\n"]) {
            let labels: Vec<_> = labels
                .iter()
                .map(|pair| (pair.name.as_deref().unwrap(), pair.value.as_deref().unwrap()))
                .collect();
            assert_eq!(labels, [("name", name), ("cls", "c\"1")]);
        }
    }
    let histogram = families[4].metric[1].histogram.as_ref().unwrap();
    assert_eq!(
        (histogram.sample_count, histogram.sample_sum),
        (Some(1), Some(60.0))
    );
    let buckets: Vec<_> = histogram
        .bucket
        .iter()
        .map(|bucket| (bucket.upper_bound.unwrap(), bucket.cumulative_count.unwrap()))
        .collect();
    assert_eq!(buckets, [(1.0, 0), (2.5, 0)]);
}
