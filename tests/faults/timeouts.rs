//! Statements that take longer than they may.

use crate::support::{
    Layer, SOON, State, answer, assert_nothing_of_the_target, builder, cluster, page_within, wait_for_state,
};
use crate::views::assert_quiet;

#[test]
fn every_statement_times_out() {
    let cluster = cluster();
    let slow = |name: &str, seconds: u32| {
        format!(
            "{name}:\n  query: SELECT 1 AS value FROM pg_catalog.pg_sleep({seconds})\n  metrics:\n    \
             - value: {{ usage: GAUGE, description: Always one. }}\n"
        )
    };
    let names: Vec<String> = (0..10).map(|number| format!("slow_{number}")).collect();
    let layer = Layer::new(&names.iter().map(|name| slow(name, 60)).collect::<String>());
    let exporter = builder(&cluster.url("postgres"))
        .args([layer.flag(), "--no-builtin".into()])
        .start();
    wait_for_state(&exporter, State::Primary, SOON);
    let (page, took) = page_within(&exporter, 10.0);
    assert_eq!(
        page.value("pg_up", &[]),
        Some(1.0),
        "the server answers, it is only slow"
    );
    for name in &names {
        let of = [("query", &**name), ("reason", "timeout")];
        assert_eq!(
            page.value("pg_exporter_query_failures_total", &of),
            Some(1.0),
            "{name}"
        );
    }
    // Each has 0.1 s by default.
    assert!((0.9..3.0).contains(&took.as_secs_f64()), "{took:?}");
    assert_eq!(
        cluster
            .log()
            .matches("canceling statement due to statement timeout")
            .count(),
        10
    );
    assert!(assert_quiet(&cluster) <= 2);
    wait_for_state(&exporter, State::Primary, SOON);
    // Made quick, all of them answer.
    layer.replace(&names.iter().map(|name| slow(name, 0)).collect::<String>());
    assert_eq!(exporter.get("/reload").status, 200);
    let (page, _) = page_within(&exporter, 10.0);
    for name in &names {
        assert_eq!(page.value(&format!("{name}_value"), &[]), Some(1.0), "{name}");
    }
    assert_eq!(page.value("pg_up", &[]), Some(1.0));
    wait_for_state(&exporter, State::Primary, SOON);
    assert_quiet(&cluster);
}

/// A fatal collector that fails: the target counts as down on the page, and not on the health paths.
#[test]
fn a_fatal_collector_times_out() {
    let cluster = cluster();
    let layer = Layer::new(
        "must:\n  query: SELECT 1 AS value FROM pg_catalog.pg_sleep(60)\n  fatal: true\n  metrics:\n    \
         - value: { usage: GAUGE, description: Always one. }\n",
    );
    let exporter = builder(&cluster.url("postgres"))
        .args([layer.flag(), "--no-builtin".into()])
        .start();
    wait_for_state(&exporter, State::Primary, SOON);
    for _ in 0..3 {
        assert_nothing_of_the_target(&page_within(&exporter, 5.0).0);
        assert_eq!(answer(&exporter, "/primary"), (200, "primary".into()));
    }
}
