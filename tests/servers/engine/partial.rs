//! `partial: true`: what came before an error is the result.

use std::time::{Duration, Instant};

use super::{Own, about, databases};
use crate::support::{failures, label_values, value};

/// The third row takes too long, or cannot be.
const CUT: &str = "
slow: { query: \"SELECT n::text AS name, CASE n WHEN 3 THEN (SELECT 1 FROM pg_sleep(20 + n)) ELSE n END AS value FROM generate_series(1, 5) AS n\", timeout: 1, ttl: 60, partial: true, metrics: [ { name: { usage: LABEL, description: Name. } }, { value: { usage: GAUGE, description: Value. } } ] }
odd: { query: \"SELECT n::text AS name, 1 / (3 - n) AS value FROM generate_series(1, 5) AS n\", ttl: 60, partial: true, metrics: [ { name: { usage: LABEL, description: Name. } }, { value: { usage: GAUGE, description: Value. } } ] }
whole: { query: \"SELECT n::text AS name, 1 / (3 - n) AS value FROM generate_series(1, 5) AS n\", ttl: 60, metrics: [ { name: { usage: LABEL, description: Name. } }, { value: { usage: GAUGE, description: Value. } } ] }
none: { query: \"SELECT n::text AS name, 1 / (1 - n) AS value FROM generate_series(1, 5) AS n\", ttl: 60, partial: true, metrics: [ { name: { usage: LABEL, description: Name. } }, { value: { usage: GAUGE, description: Value. } } ] }
good: { query: SELECT 1 AS one, priority: 9999, metrics: [ { one: { usage: GAUGE, description: One. } } ] }
";

#[test]
fn what_came_before_an_error_is_served() {
    for cluster in databases("partial") {
        let own = Own::start(cluster, "partial", CUT);
        let began = Instant::now();
        let page = own.scrape();
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
        for name in ["slow_value", "odd_value"] {
            assert_eq!(label_values(&page, name, "name"), ["1", "2"], "{name}");
        }
        assert_eq!(value(&page, "slow_value", &[("name", "2")]), 2.0);
        for name in ["whole_value", "none_value"] {
            assert_eq!(page.all(name).count(), 0, "{name}");
        }
        assert_eq!(value(&page, "good_one", &[]), 1.0, "the connection is of use");
        let expected = [
            "partial none cast",
            "partial odd cast",
            "partial slow timeout",
            "partial whole cast",
        ];
        assert_eq!(failures(&page), expected, "the failure is told all the same");
        let states = |state: &str| value(&page, "pg_exporter_collectors", &[("state", state)]);
        assert_eq!([states("good"), states("failed")], [3.0, 2.0]);
        // A result like any other: it is not asked for again within its ttl.
        let page = own.scrape();
        assert_eq!(label_values(&page, "slow_value", "name"), ["1", "2"]);
        assert_eq!(about(&page, "scrape_hit_count", "slow"), 1.0);
        assert_eq!(about(&page, "scrape_error_count", "slow"), 1.0);
        let stat = own.exporter.get("/stat").text();
        assert!(stat.contains("statement timeout"), "{stat}");
    }
}
