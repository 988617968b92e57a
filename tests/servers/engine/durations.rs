//! What is said of how long statements take. Answers of a pipeline come in together, and the server goes on while one is read.

use std::time::Duration;

use pg_exporter_lab::{FaultProxy, Page};
use serde_json::Value;

use super::{Own, about, database};
use crate::layer::Layer;
use crate::support::exporter;

/// Seconds that the slow statement takes at least.
const SLOW: f64 = 0.05;

/// A collector of that name; they run in the order of their names. `slow` sleeps. `large` has so many rows that the exporter is at them
/// when the server is done with what comes behind. All others take next to nothing.
fn collector(name: &str) -> String {
    let (query, labels) = match name {
        name if name.contains("slow") => ("SELECT 1 AS one FROM pg_catalog.pg_sleep(0.05)", ""),
        name if name.contains("large") => (
            "SELECT n AS number, 1 AS one FROM pg_catalog.generate_series(1, 50000) AS n",
            "{ number: { usage: LABEL, description: Number. } }, ",
        ),
        _ => ("SELECT 1 AS one", ""),
    };
    format!(
        "{name}: {{ query: '{query}', timeout: 30, metrics: [ {labels}{{ one: {{ usage: GAUGE, description: One. }} }} ] }}\n"
    )
}

fn took(page: &Page, name: &str) -> f64 {
    about(page, "scrape_duration", name)
}

/// What a page says of cheap statements that took as long as a slow one. What is said of slow ones, or of any, may never be
/// too little.
#[track_caller]
fn too_long(page: &Page, names: &[&str]) -> Vec<String> {
    let mut wrong = Vec::new();
    for name in names {
        let seconds = took(page, name);
        assert!(seconds >= 0.000_1, "{name}: {seconds}");
        if name.contains("slow") {
            assert!(seconds >= SLOW, "{name} of {names:?}: {seconds}");
        } else if !name.contains("large") && seconds >= SLOW {
            wrong.push(format!("{name} of {names:?}: {seconds}"));
        }
    }
    wrong
}

/// Scrapes with and without marks around the statements: each duration is the statement's own, whatever is in front of it and behind it.
/// On a busy machine a cheap statement may once take long indeed, but not in one exporter after the other.
#[test]
fn what_a_statement_takes_is_its_own_wherever_it_is() {
    let cluster = database("own_durations");
    for names in [
        ["a_slow", "b", "c", "d"],
        ["a", "b_slow", "c", "d"],
        ["a", "b", "c", "d_slow"],
        ["a_slow", "b", "c_slow", "d"],
        ["a_large", "b_slow", "c", "d"],
        ["a", "b_large", "c", "d_slow"],
    ] {
        let yaml: String = names.iter().map(|name| collector(name)).collect();
        let wrong: Vec<_> = (0..3)
            .map_while(|_| {
                let own = Own::start(cluster, "own_durations", &yaml);
                let wrong: Vec<_> = (0..5).flat_map(|_| too_long(&own.scrape(), &names)).collect();
                (!wrong.is_empty()).then_some(wrong)
            })
            .collect();
        assert!(wrong.len() < 3, "{wrong:?}");
    }
}

/// The way to the server is no statement's.
#[test]
fn a_long_line_makes_no_statement_slow() {
    let cluster = database("far_durations");
    let proxy = FaultProxy::start(cluster.port());
    let names = ["a", "b_slow", "c"];
    let yaml: String = names.iter().map(|name| collector(name)).collect();
    let layer = Layer::new(&yaml);
    proxy.latency(Duration::from_millis(40));
    let wrong: Vec<_> = (0..3)
        .map_while(|_| {
            let builder = exporter(&proxy.url("far_durations")).args([
                "--no-builtin",
                "--auto-discovery=false",
                "--connect-timeout=5s",
            ]);
            let exporter = builder.arg("--config").arg(layer.path()).start();
            let wrong: Vec<_> = (0..5)
                .flat_map(|_| too_long(&exporter.scrape(), &names))
                .collect();
            (!wrong.is_empty()).then_some(wrong)
        })
        .collect();
    assert!(wrong.len() < 3, "{wrong:?}");
}

/// Nothing finer is shown than is known, in a metric, in `/stat` or on a page for people: a tenth of a millisecond.
#[test]
fn durations_are_no_finer_than_they_are_known() {
    let names = ["a_before", "b_slow", "c_behind"];
    let yaml: String = names.iter().map(|name| collector(name)).collect();
    let own = Own::start(database("durations"), "durations", &yaml);
    let is_known = |seconds: f64| {
        let tenths = seconds * 1e4;
        (tenths - tenths.round()).abs() < 1e-6 && seconds >= 0.000_1
    };
    for _ in 0..4 {
        let page = own.scrape();
        for name in names {
            assert!(is_known(took(&page, name)), "{name}: {}", took(&page, name));
            let text = own.exporter.get(&format!("/collector/{name}")).text();
            assert!(!text.contains("µs"), "{name}: {text}");
        }
        let text = own.exporter.get("/stat").text();
        assert!(text.contains("Duration") && !text.contains("µs"), "{text}");
        let json = own.exporter.get("/stat?format=json").text();
        let json: Value = serde_json::from_str(&json).unwrap();
        let all = json.as_array().unwrap();
        assert_eq!(all.len(), 3, "{json}");
        for of_one in all {
            for key in ["avg_duration_seconds", "last_duration_seconds"] {
                let seconds = of_one.get(key).and_then(Value::as_f64).unwrap();
                assert!(is_known(seconds), "{key}: {of_one}");
            }
        }
    }
}
