//! Parts that are there as text: the exporter's own metrics.

use bytes::Bytes;

use super::messages;
use super::messages::MetricType;
use crate::scrape::page::format::{Family, Format, Names};

const TEXT: &str = "# HELP a_seconds_total Time.\n# TYPE a_seconds_total counter\na_seconds_total 1.5\n\
    # HELP nothing_total Nothing yet.\n# TYPE nothing_total counter\n\
    # TYPE b gauge\nb{x=\"# TYPE c gauge\"} 1\nb{x=\"\"} -1\n\
    # TYPE s summary\ns{quantile=\"0.5\"} 2\ns_sum 3\ns_count 1\n\
    # HELP u \\\\ \\n \"\n# TYPE u untyped\nu 1\n";

#[test]
fn is_taken_apart_by_heads() {
    let text = Bytes::from_static(TEXT.as_bytes());
    let families = Family::split(&text);
    let names: Vec<_> = families
        .iter()
        .map(|family| (family.head.name, family.head.kind))
        .collect();
    let expected = [
        ("a_seconds_total", "counter"),
        ("nothing_total", "counter"),
        ("b", "gauge"),
        ("s", "summary"),
        ("u", "untyped"),
    ];
    assert_eq!(names, expected);
    let lines: Vec<_> = families.iter().map(|family| family.lines.concat()).collect();
    assert_eq!(lines[0], b"a_seconds_total 1.5\n");
    assert_eq!(lines[1], b"");
    assert_eq!(lines[2], b"b{x=\"# TYPE c gauge\"} 1\nb{x=\"\"} -1\n");
    assert_eq!(
        Format::Text.convert(text.clone(), &Names::default()).concat(),
        TEXT.as_bytes()
    );
}

#[test]
fn in_open_metrics() {
    let text = Bytes::from_static(TEXT.as_bytes());
    let page = Format::OpenMetrics.convert(text, &Names::default()).concat();
    let expected = "# TYPE a_seconds counter\n# UNIT a_seconds seconds\n# HELP a_seconds Time.\na_seconds_total 1.5\n\
        # TYPE nothing counter\n# HELP nothing Nothing yet.\n\
        # TYPE b gauge\nb{x=\"# TYPE c gauge\"} 1\nb{x=\"\"} -1\n\
        # TYPE s summary\ns{quantile=\"0.5\"} 2\ns_sum 3\ns_count 1\n\
        # TYPE u unknown\n# HELP u \\\\ \\n \\\"\nu 1\n";
    assert_eq!(String::from_utf8(page).unwrap(), expected);
}

#[test]
fn in_protobuf_where_what_has_no_samples_is_left_out() {
    let text = Bytes::from_static(TEXT.as_bytes());
    let page = Format::Protobuf.convert(text, &Names::default()).concat();
    let families = messages::read(&page);
    let heads: Vec<_> = families
        .iter()
        .map(|family| {
            (
                family.name.as_deref().unwrap(),
                family.r#type.unwrap(),
                family.metric.len(),
            )
        })
        .collect();
    let expected = [
        ("a_seconds_total", MetricType::Counter as i32, 1),
        ("b", MetricType::Gauge as i32, 2),
        ("s", MetricType::Untyped as i32, 1),
        ("s_sum", MetricType::Untyped as i32, 1),
        ("s_count", MetricType::Untyped as i32, 1),
        ("u", MetricType::Untyped as i32, 1),
    ];
    assert_eq!(heads, expected);
    assert_eq!(families[5].help.as_deref(), Some("\\ \n \""));
}
