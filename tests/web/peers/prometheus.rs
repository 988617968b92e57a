//! Prometheus, scraping every second.

use std::thread;
use std::time::Duration;

use pg_exporter_lab::prometheus::Prometheus;
use pg_exporter_lab::wait_until;
use serde_json::Value;

use crate::support::{SOON, on_server};

/// The one value of an instant query.
fn value(prometheus: &Prometheus, expression: &str) -> Option<f64> {
    let answer: Value = serde_json::from_str(&prometheus.query(expression)).unwrap();
    assert_eq!(answer["status"], "success", "{answer}");
    answer["data"]["result"][0]["value"][1].as_str()?.parse().ok()
}

#[test]
fn a_minute_of_scrapes_without_a_gap() {
    let exporter = on_server().start();
    exporter.wait_for_status("/primary", 200, SOON);
    let prometheus = Prometheus::start(&[exporter.port()]);
    wait_until("a first scrape is there", SOON, || {
        value(&prometheus, "up").is_some()
    });
    thread::sleep(Duration::from_secs(62));
    let minute =
        |expression: &str| value(&prometheus, expression).unwrap_or_else(|| panic!("no {expression}"));
    // A window of 60 s at one scrape each second holds 60 samples, or 61 at its very edges.
    let scrapes = minute("count_over_time(up[60s])");
    assert!((59.0..=61.0).contains(&scrapes), "{scrapes} scrapes");
    assert_eq!(minute("min_over_time(up[60s])"), 1.0, "a scrape failed");
    assert_eq!(minute("min_over_time(pg_up[60s])"), 1.0);
    for series in [
        "pg_up",
        "pg_uptime",
        "pg_exporter_up",
        "pg_setting_max_connections",
    ] {
        let found = minute(&format!("count_over_time({series}[60s])"));
        assert!(
            (found - scrapes).abs() <= 1.0,
            "{series}: {found} samples of {scrapes} scrapes"
        );
    }
    let gap = minute("max_over_time((time() - timestamp(up))[60s:1s])");
    assert!(gap < 2.5, "{gap} s without a scrape");
    assert!(minute("min_over_time(scrape_samples_scraped[60s])") > 300.0);
    assert!(minute("max_over_time(scrape_duration_seconds[60s])") < 1.0);
    assert_eq!(minute("resets(process_start_time_seconds[60s])"), 0.0);
    // It keeps one connection for all of its scrapes.
    let page = exporter.scrape();
    assert!(page.value("pg_exporter_http_connections", &[]).unwrap() <= 2.0);
}
