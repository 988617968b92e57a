//! Clocks that jump by hours, the exporter's and the server's, there and back.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use pg_exporter_lab::exporter::Builder;
use pg_exporter_lab::{Cluster, Exporter, Page, newest_major, tool};

use crate::support::{
    Layer, SOON, State, answer, builder, cluster, page_within, wait_for, wait_for_page, wait_for_state,
    wrong_answers,
};
use crate::views::assert_quiet;

/// What the jumps must not be taken for: a pause of a minute or more.
const MOMENT: f64 = 60.0;

/// A clock that a process believes in, set by a file; time that only counts up is left alone, as clocks that are set do.
struct Clock(PathBuf);

impl Clock {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("pgx-faults-{}-{name}.clock", std::process::id()));
        let clock = Self(path);
        clock.jump("+0");
        clock
    }

    /// Sets it to the real time and so much, such as `+3h` or `-2h`. In one step: whoever reads it meanwhile has the old one.
    fn jump(&self, offset: &str) {
        let new = self.0.with_extension("new");
        fs::write(&new, format!("{offset}\n")).unwrap();
        let readable = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        fs::set_permissions(&new, readable).unwrap();
        fs::rename(&new, &self.0).unwrap();
    }

    fn variables(&self) -> [(&'static str, PathBuf); 6] {
        [
            ("LD_PRELOAD", tool("libfaketime.so.1")),
            ("FAKETIME_TIMESTAMP_FILE", self.0.clone()),
            ("FAKETIME_NO_CACHE", "1".into()),
            ("DONT_FAKE_MONOTONIC", "1".into()),
            ("NO_FAKE_STAT", "1".into()),
            ("FAKETIME_DISABLE_SHM", "1".into()),
        ]
    }

    fn exporter(&self, builder: Builder) -> Exporter {
        let variables = self.variables();
        variables
            .into_iter()
            .fold(builder, |builder, (name, value)| builder.env(name, value))
            .start()
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        // What is left of it is in the system's temporary folder.
        let _ = fs::remove_file(Path::new(&self.0));
    }
}

/// A collector that is cached for 2 seconds and counts its runs by the server's clock.
fn layer() -> Layer {
    Layer::new(
        "cached:\n  query: SELECT extract(epoch FROM clock_timestamp()) AS ran\n  tags: [cluster]\n  ttl: 2\n  metrics:\n    \
         - ran: { usage: GAUGE, description: When it ran. }\n",
    )
}

fn own_time(page: &Page) -> f64 {
    page.value("pg_exporter_last_scrape_time", &[]).unwrap()
}

/// Scrapes go on, each with all that a page has; what is cached is renewed after its ttl and not before.
#[track_caller]
fn assert_goes_on(exporter: &Exporter, cluster: &Cluster, what: &str) {
    let runs = |page: &Page| {
        page.value("cached_ran", &[])
            .unwrap_or_else(|| panic!("{what}: {}", exporter.stderr()))
    };
    // A first run after the jump, whenever that is due.
    let first = runs(&page_within(exporter, 5.0).0);
    let renewed = wait_for(exporter, "a cached result that is renewed", |page| {
        runs(page) != first
    });
    let again = page_within(exporter, 5.0).0;
    assert_eq!(runs(&again), runs(&renewed), "{what}: cached within its ttl");
    assert_eq!(again.value("pg_up", &[]), Some(1.0), "{what}");
    for page in [&renewed, &again] {
        for name in [
            "pg_exporter_scrape_duration",
            "pg_exporter_query_cache_age_seconds",
            "pg_exporter_uptime",
        ] {
            for sample in page.all(name) {
                assert!((0.0..MOMENT * 10.0).contains(&sample.value), "{what}: {sample:?}");
            }
        }
    }
    let failed: Vec<_> = again
        .all("pg_exporter_query_failures_total")
        .filter(|s| s.value > 0.0)
        .collect();
    assert!(failed.is_empty(), "{what}: {failed:?}");
    let wrong = wrong_answers(exporter, State::Primary);
    assert!(wrong.is_empty(), "{what}: {wrong:?}");
    // No limit and no age has gone by a clock: nothing runs on, and no connection was opened for another.
    assert_quiet(cluster);
}

#[test]
fn the_exporters_clock_jumps() {
    let (cluster, clock, layer) = (cluster(), Clock::new("exporter"), layer());
    let exporter = clock.exporter(builder(&cluster.url("postgres")).arg(layer.flag()));
    wait_for_state(&exporter, State::Primary, SOON);
    wait_for_page(&exporter, 1.0);
    let start = own_time(&page_within(&exporter, 5.0).0);
    for (offset, seconds) in [
        ("+5h", 18_000.0),
        ("-3h", -10_800.0),
        ("+40d", 3_456_000.0),
        ("+0", 0.0),
    ] {
        clock.jump(offset);
        assert_goes_on(&exporter, &cluster, offset);
        // It is the clock that the page shows, so it did jump.
        let jumped = own_time(&page_within(&exporter, 5.0).0) - start - seconds;
        assert!((-5.0..MOMENT).contains(&jumped), "{offset}: {jumped}");
    }
    assert!(exporter.terminate().success());
}

#[test]
fn the_servers_clock_jumps() {
    let (clock, layer) = (Clock::new("server"), layer());
    let variables = clock.variables().into_iter();
    let cluster = variables
        .fold(Cluster::builder(newest_major()), |builder, (name, value)| {
            builder.env(name, value)
        })
        .start();
    cluster.create_database("app");
    let exporter = builder(&cluster.url("postgres")).arg(layer.flag()).start();
    wait_for_state(&exporter, State::Primary, SOON);
    let start: f64 = wait_for_page(&exporter, 1.0).value("cached_ran", &[]).unwrap();
    for (offset, seconds) in [("+5h", 18_000.0), ("-3h", -10_800.0), ("+0", 0.0)] {
        clock.jump(offset);
        assert_goes_on(&exporter, &cluster, offset);
        let ran = page_within(&exporter, 5.0).0.value("cached_ran", &[]).unwrap();
        let jumped = ran - start - seconds;
        assert!((-5.0..MOMENT).contains(&jumped), "{offset}: {jumped}");
    }
    // The probe asks each second, and each answer counts by the exporter's own time.
    for _ in 0..20 {
        assert_eq!(answer(&exporter, "/up").0, 200);
        sleep(Duration::from_millis(100));
    }
}
