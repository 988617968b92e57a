//! Reloads under load.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;

use pg_exporter_lab::Folder;

use crate::support::{clock, database, exporter};

/// Reloads, each of a configuration that differs from the one before.
const RELOADS: u32 = 1000;
/// What memory may grow by from the first quarter's end on: a set of collectors kept per reload would be more.
const GROWTH: u64 = 4 * 1024 * 1024;

#[test]
fn no_scrape_and_no_probe_fails_while_the_configuration_is_reloaded() {
    let url = database("reload_load");
    let directory = Folder::of(&[("1.yml", &clock("kept", "")), ("2.yml", &clock("other", ""))]);
    let exporter = exporter(&url, &directory);
    assert_eq!(exporter.scrape().value("pg_up", &[]), Some(1.0));
    exporter.wait_for_status("/primary", 200, std::time::Duration::from_secs(60));
    let done = AtomicBool::new(false);
    let (scrapes, probes) = (AtomicU32::new(0), AtomicU32::new(0));
    let mut memory = Vec::new();
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let page = exporter.scrape();
                assert_eq!(page.value("pg_up", &[]), Some(1.0));
                assert!(page.value("kept_at", &[]).is_some(), "{:?}", page.samples);
                scrapes.fetch_add(1, Ordering::Relaxed);
            }
        });
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                assert_eq!(exporter.get("/primary").status, 200);
                probes.fetch_add(1, Ordering::Relaxed);
            }
        });
        for round in 0..RELOADS {
            directory.write(
                "2.yml",
                &clock(&format!("other_{}", round % 7), &format!("  ttl: {round}\n")),
            );
            assert_eq!(exporter.get("/reload").status, 200);
            if round % (RELOADS / 20) == 0 {
                memory.push(exporter.rss());
            }
        }
        done.store(true, Ordering::Relaxed);
    });
    assert!(scrapes.into_inner() > 20 && probes.into_inner() > 20);
    let (first, last) = (memory[5], exporter.rss());
    assert!(
        last < first + GROWTH,
        "memory grew from {first} to {last} bytes: {memory:?}"
    );
    let page = exporter.scrape();
    assert_eq!(
        page.value("pg_exporter_config_last_reload_successful", &[]),
        Some(1.0)
    );
    assert_eq!(page.value("pg_exporter_scrape_error_count", &[]), Some(0.0));
}
