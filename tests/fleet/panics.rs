//! A panic in a target's run costs that run: the thread goes on, and so do the others on it, and the target itself. A thread that
//! hangs is told of.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use pg_exporter::Row;
use pg_exporter::catalog::{Catalog, Sources};
use pg_exporter::fleet::{Engine, Target, TargetSettings};
use pg_exporter::health::probe::Manner;
use pg_exporter::postgres::connect::Endpoint;
use pg_exporter::postgres::conninfo::{ConnInfo, ProcessEnvironment};
use pg_exporter::schema::Collector;
use pg_exporter::scrape::{Config, Encoding, Format, Request, RowHandlers, Selection};
use pg_exporter::self_metrics::Telemetry;
use pg_exporter_lab::page::Page;
use pg_exporter_lab::wait_until;

use crate::support::{SOON, server};

/// The database itself.
#[derive(Debug, Row)]
#[collector(
    query = "SELECT d.datname AS name, pg_catalog.count(*) AS count FROM pg_catalog.pg_database d \
             WHERE d.datname = pg_catalog.current_database() GROUP BY d.datname",
    timeout = 10
)]
#[expect(dead_code, reason = "its rows are counted, not read")]
struct OwnDatabase<'row> {
    /// Its name.
    #[column(usage = "LABEL")]
    name: &'row str,
    /// How often it is there.
    #[column(usage = "GAUGE")]
    count: Option<f64>,
}

static COLLECTORS: &[Collector] = &[OwnDatabase::COLLECTOR];

fn settings(database: &str) -> TargetSettings {
    let url = format!(
        "{}?sslmode=disable&application_name={database}",
        server().url(database)
    );
    let info = ConnInfo::parse(&url, &ProcessEnvironment::default()).unwrap();
    TargetSettings {
        name: Some(database.into()),
        labels: Vec::new(),
        endpoint: Endpoint::new(info, SOON).with_max_connections(4),
        config: Config {
            target: Some(database.into()),
            shares_process: true,
            cache: false,
            ..Config::default()
        },
        manner: Manner {
            interval: Duration::from_secs(1),
            connect_interval: Duration::from_secs(3600),
            has_two: true,
            writes: false,
        },
        scrape_timeout: SOON,
    }
}

async fn page(target: &Target) -> Page {
    let request = Request {
        deadline: Instant::now() + SOON,
        format: Format::Text,
        encoding: Encoding::Identity,
        selection: Selection::default(),
    };
    let page = target.scraper.page(request).await.unwrap();
    Page::parse(&String::from_utf8(page.chunks.concat()).unwrap())
}

#[test]
fn a_panic_costs_one_run() {
    const NAMES: [&str; 2] = ["fleet_panics", "fleet_calm"];
    NAMES.iter().for_each(|name| server().create_database(name));
    let (is_on, panics) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicUsize::new(0)));
    let rows = RowHandlers::default().on::<OwnDatabase<'_>>({
        let (is_on, panics) = (Arc::clone(&is_on), Arc::clone(&panics));
        move |rows| {
            if rows.database() == NAMES[0] && is_on.load(Ordering::SeqCst) {
                panics.fetch_add(1, Ordering::SeqCst);
                panic!("as the test wants it");
            }
        }
    });
    let sources = Sources {
        base: COLLECTORS,
        ..Sources::default()
    };
    let catalog = Arc::new(Catalog::open(sources).unwrap());
    let telemetry = Arc::new(Telemetry::new().unwrap());
    // One thread for both.
    let engine = Engine::start(1, catalog, telemetry, rows).unwrap();
    let [one, other] = NAMES.map(|name| engine.run(settings(name), Duration::ZERO).unwrap());
    let found = |page: &Page, name: &str| page.value("own_database_count", &[("name", name)]);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        for run in 1..=3 {
            let begun = Instant::now();
            let shown = page(&one).await;
            assert_eq!(found(&shown, NAMES[0]), None);
            assert!(
                begun.elapsed() < SOON,
                "who asked is answered before the deadline"
            );
            assert_eq!(panics.load(Ordering::SeqCst), run);
            assert_eq!(found(&page(&other).await, NAMES[1]), Some(1.0));
        }
        assert!(engine.is_alive());
        is_on.store(false, Ordering::SeqCst);
        let whole = page(&one).await;
        assert_eq!(
            found(&whole, NAMES[0]),
            Some(1.0),
            "the next run is as good as ever"
        );
        assert_eq!(whole.value("pg_up", &[]), Some(1.0));
    });
    wait_until("no session is left of the runs that ended so", SOON, || {
        let sql = "select count(*) from pg_stat_activity where application_name = 'fleet_panics'";
        server().psql(sql).parse::<u32>().unwrap() <= 2
    });
}

/// What `/liveness` says of the process.
#[test]
fn a_thread_that_hangs_is_told_of() {
    server().create_database("fleet_hangs");
    let hangs = Arc::new(AtomicBool::new(true));
    let rows = RowHandlers::default().on::<OwnDatabase<'_>>({
        let hangs = Arc::clone(&hangs);
        move |_| {
            while hangs.load(Ordering::SeqCst) {
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    });
    let sources = Sources {
        base: COLLECTORS,
        ..Sources::default()
    };
    let catalog = Arc::new(Catalog::open(sources).unwrap());
    let telemetry = Arc::new(Telemetry::new().unwrap());
    let engine = Engine::start(2, catalog, telemetry, rows).unwrap();
    let target = engine.run(settings("fleet_hangs"), Duration::ZERO).unwrap();
    let target = Arc::new(target);
    let asked = Arc::clone(&target);
    let asks = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(page(&asked))
    });
    wait_until("it is noticed", SOON * 2, || !engine.is_alive());
    assert!(target.health.state().is_up(), "the probe has a thread of its own");
    hangs.store(false, Ordering::SeqCst);
    asks.join().unwrap();
    wait_until("it turns again", SOON, || engine.is_alive());
}
