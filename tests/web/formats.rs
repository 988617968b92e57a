//! Every format of the metrics page, and what clients get for what they accept.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::Duration;

use pg_exporter_lab::http::Response;
use pg_exporter_lab::prometheus::Prometheus;
use pg_exporter_lab::{Exporter, Haproxy, Page, open_metrics_check, promtool_check, wait_until};
use serde_json::Value;

use crate::support::{Folder, SOON, on_server};

const TEXT: &str = "text/plain;version=0.0.4";
const OPEN_METRICS: &str = "application/openmetrics-text;version=1.0.0";
const PROTOBUF: &str =
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";

/// What never changes, with every usage, and labels and values that need care.
const CONSTANT: &str = r#"
konst:
  query: |
    SELECT * FROM (VALUES ('a"b\c', 1::float8, 2::float8, 0.5::float8, 10::float8, 3::float8),
      (E'x\ny,{} =1', 'NaN', 'NaN', 'NaN', -1e-7, 2.5), ('', '-Infinity', 1e300, 4, 9007199254740993, 1),
      ('ünï 🐘', '-0', 7, 5, 0.1, 1e9), ('', 1, 1, 1, 1, 7))
      AS t(name, level_bytes, calls, busy_seconds_total, size, age_seconds)
  ttl: 3600
  metrics:
    - name: { usage: LABEL, description: Name. }
    - level_bytes: { usage: GAUGE, description: 'A "level" \ of things.' }
    - calls: { usage: COUNTER, description: Calls. }
    - busy_seconds_total: { usage: COUNTER, description: Busy. }
    - size: { usage: GAUGE, description: Size. }
    - age_seconds: { usage: HISTOGRAM, bucket: [1, 2.5, 1000000], description: Age. }
konst_counts:
  query: SELECT 'x' AS name, 3 AS reads_total, 4 AS reads, 5 AS writes_total
  ttl: 3600
  metrics:
    - name: { usage: LABEL, description: Name. }
    - reads_total: { usage: COUNTER, description: Reads. }
    - reads: { usage: GAUGE, description: Reads of another kind. }
    - writes_total: { usage: COUNTER, description: Writes. }
"#;

/// An exporter of all compiled collectors and the constant ones, whose results are there.
fn exporter() -> (Exporter, Folder) {
    let folder = Folder::new();
    let config = folder.at("constant.yml");
    fs::write(&config, CONSTANT).unwrap();
    let exporter = on_server()
        .arg("--auto-discovery")
        .arg(format!("--config={}", config.display()))
        .start();
    exporter.wait_for_status("/primary", 200, SOON);
    wait_until("the constant collectors have been read", SOON, || {
        exporter.scrape().all("konst_counts_reads").count() > 0
    });
    (exporter, folder)
}

fn accept(exporter: &Exporter, format: &str, encoding: &str) -> Response {
    let headers = [("Accept", format), ("Accept-Encoding", encoding)];
    let response = exporter.request("GET", "/metrics", &headers);
    assert_eq!(response.status, 200, "{format}");
    response
}

fn names(page: &str) -> BTreeSet<String> {
    Page::parse(page)
        .samples
        .into_iter()
        .map(|sample| sample.name)
        .collect()
}

/// The constant series as they stand on a page.
fn constant_lines(page: &str) -> Vec<&str> {
    page.lines().filter(|line| line.starts_with("konst_")).collect()
}

/// The constant families of a protobuf page.
fn constant_messages(mut page: &[u8]) -> Vec<&[u8]> {
    let mut messages = Vec::new();
    while !page.is_empty() {
        // The length: seven bits a byte, the lowest first, the last byte below 128.
        let end = page.iter().position(|byte| *byte < 128).unwrap();
        let length = page[..=end]
            .iter()
            .rev()
            .fold(0, |length, byte| length << 7 | usize::from(byte & 127));
        let (message, rest) = page[end + 1..].split_at(length);
        // It begins with the field `name`: key, length, text.
        if message[2..].starts_with(b"konst_") {
            messages.push(message);
        }
        page = rest;
    }
    messages
}

#[test]
fn the_reference_parsers_take_the_pages() {
    let (exporter, _folder) = exporter();
    let text = accept(&exporter, TEXT, "identity").text();
    let findings = promtool_check(&text);
    assert!(findings.parses, "{:?}", findings.lines);
    let page = accept(&exporter, OPEN_METRICS, "identity").text();
    let findings = open_metrics_check(&page);
    assert!(findings.parses, "{:?}", findings.lines);
    let has = |family: &str| findings.lines.iter().any(|line| line == family);
    for family in [
        "konst_level_bytes gauge bytes 4",
        "konst_calls unknown - 4",
        // A NaN is no count.
        "konst_busy_seconds_total unknown - 4",
        "konst_size gauge - 4",
        "konst_age_seconds gaugehistogram seconds 16",
        "konst_age_seconds_count gauge - 4",
        "konst_age_seconds_sum gauge - 4",
        "konst_counts_reads_total unknown - 1",
        "konst_counts_reads gauge - 1",
        "konst_counts_writes counter - 1",
        "process_cpu_seconds counter seconds 1",
        "pg_exporter_http_connections_rejected counter - 1",
        "pg_up gauge - 1",
        "pg_wal_bytes unknown bytes 1",
    ] {
        assert!(has(family), "{family}\n{}", findings.lines.join("\n"));
    }
    assert_eq!(names(&text), names(&page));
    assert_eq!(constant_lines(&text), constant_lines(&page));
}

#[test]
fn compressed_pages_are_the_same_pages() {
    let (exporter, _folder) = exporter();
    for (format, content_type) in [
        (TEXT, "text/plain; version=0.0.4; charset=utf-8"),
        (
            OPEN_METRICS,
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
        ),
        (
            PROTOBUF,
            "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited",
        ),
    ] {
        let plain = accept(&exporter, format, "identity");
        for encoding in ["gzip", "zstd"] {
            // The second page is of segments that were kept.
            for _ in 0..2 {
                let packed = accept(&exporter, format, encoding);
                assert_eq!(packed.header("content-encoding"), Some(encoding));
                assert_eq!(packed.header("content-type"), Some(content_type));
                assert_eq!(packed.header("vary"), Some("Accept, Accept-Encoding"));
                assert!(packed.body.len() * 4 < plain.body.len(), "{format} {encoding}");
                let (plain, packed) = (plain.content(), packed.content());
                if format == PROTOBUF {
                    assert_eq!(constant_messages(&plain).len(), 8);
                    assert_eq!(constant_messages(&plain), constant_messages(&packed));
                } else {
                    let (plain, packed) = (
                        String::from_utf8(plain).unwrap(),
                        String::from_utf8(packed).unwrap(),
                    );
                    assert_eq!(names(&plain), names(&packed));
                    assert_eq!(constant_lines(&plain), constant_lines(&packed));
                }
            }
        }
        let head = exporter.request(
            "HEAD",
            "/metrics",
            &[("Accept", format), ("Accept-Encoding", "zstd")],
        );
        assert_eq!(head.status, 200);
        assert_eq!(head.header("content-type"), Some(content_type));
        assert_eq!(head.header("content-encoding"), Some("zstd"));
    }
}

#[test]
fn a_selection_is_served_in_every_format() {
    let (exporter, _folder) = exporter();
    let ask = |format: &str| {
        let path = "/metrics?collect[]=konst";
        let response = exporter.request("GET", path, &[("Accept", format)]);
        assert_eq!(response.status, 200, "{format}");
        response.content()
    };
    let [text, page] = [TEXT, OPEN_METRICS].map(|format| String::from_utf8(ask(format)).unwrap());
    let findings = open_metrics_check(&page);
    assert!(findings.parses, "{:?}", findings.lines);
    for page in [&text, &page] {
        assert_eq!(constant_lines(page).len(), 4 * 4 + 6 * 4, "{page}");
        assert!(!page.contains("konst_counts"), "{page}");
    }
    assert_eq!(names(&text), names(&page));
    assert_eq!(constant_messages(&ask(PROTOBUF)).len(), 5);
}

/// Name, labels and value of each series that a Prometheus has stored; bounds as numbers.
fn stored(prometheus: &Prometheus, selector: &str) -> BTreeMap<String, String> {
    let answer: Value = serde_json::from_str(&prometheus.query(selector)).unwrap();
    assert_eq!(answer["status"], "success", "{answer}");
    let mut series = BTreeMap::new();
    for result in answer["data"]["result"].as_array().unwrap() {
        let labels = result["metric"].as_object().unwrap().iter();
        let labels = labels.filter(|(name, _)| !["instance", "job"].contains(&name.as_str()));
        let shown = labels.map(|(name, value)| match value.as_str().unwrap() {
            // Prometheus itself writes the bounds of protobuf's histograms: 1 as 1.0.
            bound if name == "le" => format!("le={:?}", bound.parse::<f64>().unwrap()),
            value => format!("{name}={value:?}"),
        });
        let value = result["value"][1].as_str().unwrap().to_owned();
        let before = series.insert(shown.collect::<Vec<_>>().join(","), value);
        assert_eq!(before, None, "a series twice");
    }
    series
}

/// The type of a metric as Prometheus was told.
fn told_type(prometheus: &Prometheus, metric: &str) -> Option<String> {
    let answer: Value = serde_json::from_str(&prometheus.ask("/api/v1/metadata")).unwrap();
    answer["data"][metric][0]["type"].as_str().map(str::to_owned)
}

fn wait_for_scrapes(prometheus: &Prometheus) {
    wait_until("Prometheus has scraped thrice", Duration::from_secs(60), || {
        let up = stored(prometheus, "count_over_time(up[60s]) >= 3");
        !up.is_empty()
    });
    let failed = stored(prometheus, "min_over_time(up[60s]) < 1");
    assert_eq!(failed, BTreeMap::new(), "a scrape failed");
}

#[test]
fn prometheus_stores_the_same_in_every_format() {
    let (exporter, _folder) = exporter();
    // It asks for OpenMetrics first, for protobuf with a feature flag, and for text never.
    let to_text = Haproxy::start_http(
        "http-request set-header Accept text/plain;version=0.0.4",
        exporter.port(),
    );
    let text = Prometheus::start(&[to_text.port()]);
    let open_metrics = Prometheus::start(&[exporter.port()]);
    let protobuf = Prometheus::start_with(&[exporter.port()], &["--enable-feature=native-histograms"]);
    let formats = [&text, &open_metrics, &protobuf];
    formats.into_iter().for_each(wait_for_scrapes);
    let told = formats.map(|prometheus| {
        ["konst_calls", "konst_age_seconds", "konst_age_seconds_bucket"]
            .map(|metric| told_type(prometheus, metric).unwrap_or_default())
    });
    let expected = [
        ["counter", "", "gauge"],
        ["unknown", "gaugehistogram", ""],
        ["counter", "histogram", ""],
    ];
    assert_eq!(told, expected);
    let constant = r#"{__name__=~"konst_.*"}"#;
    let expected = stored(&text, constant);
    assert_eq!(expected.len(), 4 * 4 + 4 * 4 + 2 * 4 + 3, "{expected:#?}");
    assert!(expected.values().any(|value| value == "NaN"), "{expected:#?}");
    assert_eq!(stored(&open_metrics, constant), expected);
    assert_eq!(stored(&protobuf, constant), expected);
    let names = r#"count by (__name__) ({__name__!~"scrape_.*",job="lab"})"#;
    let all = formats.map(|prometheus| stored(prometheus, names).into_keys().collect::<Vec<_>>());
    assert!(all[0].len() > 200, "{}", all[0].len());
    assert_eq!(all[0], all[1]);
    assert_eq!(all[0], all[2]);
}
