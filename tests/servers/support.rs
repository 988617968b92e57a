//! Exporters as the tests run them, and questions to their pages.

use std::time::Duration;

use pg_exporter_lab::exporter::Builder;
use pg_exporter_lab::page::Sample;
use pg_exporter_lab::{Exporter, Page};

use crate::layer::Layer;

/// What may take long on a machine that is busy with other tests.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// An exporter as its operator starts it, but for limits that a busy machine could break.
pub fn exporter(url: &str) -> Builder {
    let builder = Exporter::builder(env!("CARGO_BIN_EXE_pg_exporter"));
    builder
        .url(&format!("{url}?sslmode=disable"))
        .args(["--connect-timeout=30s", "--scrape-timeout=60s"])
}

/// An exporter that runs the shipped collectors, those skipped by default too where `with_skipped` says so, without
/// cache and with time enough for each.
pub fn thorough(url: &str, layer: &Layer) -> Exporter {
    exporter(url)
        .arg("--disable-cache")
        .arg("--config")
        .arg(layer.path())
        .start()
}

/// Everything that failed so far, as `database collector reason`.
pub fn failures(page: &Page) -> Vec<String> {
    let names = ["datname", "query", "reason"];
    let text = |sample: &Sample| names.map(|name| sample.label(name).unwrap_or_default()).join(" ");
    let mut failures: Vec<_> = page.all("pg_exporter_query_failures_total").map(text).collect();
    failures.sort();
    failures
}

/// The target is up and no collector has failed.
#[track_caller]
pub fn assert_healthy(exporter: &Exporter, page: &Page) {
    let errors: Vec<_> = page
        .samples
        .iter()
        .filter(|sample| sample.name.ends_with("_error_count") && sample.value > 0.0)
        .collect();
    let failures = failures(page);
    let up = page
        .value("pg_up", &[])
        .or_else(|| page.value("pgbouncer_up", &[]));
    assert!(
        up == Some(1.0) && errors.is_empty() && failures.is_empty(),
        "up {up:?}, {errors:?}, {failures:?}; the exporter wrote:\n{}",
        exporter.stderr()
    );
}

/// The value of a series that must be there.
#[track_caller]
pub fn value(page: &Page, name: &str, labels: &[(&str, &str)]) -> f64 {
    let found = page.value(name, labels);
    found.unwrap_or_else(|| {
        panic!(
            "no {name} {labels:?}; there is: {:?}",
            page.all(name).collect::<Vec<_>>()
        )
    })
}

/// A label's values over all series of a name, sorted.
pub fn label_values(page: &Page, name: &str, label: &str) -> Vec<String> {
    let mut values: Vec<_> = page
        .all(name)
        .map(|sample| sample.label(label).unwrap_or_default().to_owned())
        .collect();
    values.sort();
    values
}
