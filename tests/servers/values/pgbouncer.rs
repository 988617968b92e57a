//! pgbouncer's console.

use std::process::{Child, Command, Stdio};

use pg_exporter_lab::{Exporter, Page, Pgbouncer, majors, shared, tool, wait_until};

use crate::layer::Layer;
use crate::support::{PATIENCE, assert_healthy, thorough, value};

/// A client in the middle of a statement.
struct Client(Child);

impl Client {
    fn start(pgbouncer: &Pgbouncer) -> Self {
        let mut psql = Command::new(tool("psql"));
        psql.env_clear().args([
            "-X",
            "-w",
            "-d",
            &pgbouncer.url("pooled"),
            "-c",
            "select pg_sleep(50)",
        ]);
        Self(
            psql.stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap(),
        )
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A row of the console's answer whose first cell is this. The order of columns is that of 1.18.
fn row(pgbouncer: &Pgbouncer, command: &str, first: &str) -> Vec<String> {
    let answer = pgbouncer.admin(command);
    let mut rows = answer
        .lines()
        .map(|line| line.split('|').map(str::to_owned).collect::<Vec<_>>());
    rows.find(|cells| cells[0] == first)
        .unwrap_or_else(|| panic!("{command}: no {first} in {answer}"))
}

/// Metrics and the cells that they must equal.
fn assert_cells(
    page: &Page,
    collector: &str,
    labels: &[(&str, &str)],
    cells: &[String],
    places: &[(&str, usize)],
) {
    for (metric, place) in places {
        let expected: f64 = cells[*place].parse().unwrap();
        assert_eq!(
            value(page, &format!("{collector}_{metric}"), labels),
            expected,
            "{collector}_{metric}"
        );
    }
}

#[test]
fn pools_with_clients_that_wait() {
    let cluster = shared(majors()[0]);
    cluster.create_database("pooled");
    let pgbouncer = Pgbouncer::start(cluster);
    // Five connections to the server are allowed.
    let _clients: Vec<_> = (0..7).map(|_| Client::start(&pgbouncer)).collect();
    let is_full = || pgbouncer.admin("show pools").contains("pooled|postgres|5|2|");
    wait_until("five clients work and two wait", PATIENCE, is_full);
    let layer = Layer::patient(&["pgbouncer_client", "pgbouncer_server"]);
    let exporter = thorough(&pgbouncer.stats_url(), &layer);
    let page = exporter.scrape();
    assert_healthy(&exporter, &page);
    assert_pools(&page, &pgbouncer);
    assert_sessions(&page);
    assert_eq!(exporter.get("/primary").status, 200);
}

fn assert_pools(page: &Page, pgbouncer: &Pgbouncer) {
    let pool = [
        ("datname", "pooled"),
        ("user", "postgres"),
        ("pool_mode", "transaction"),
    ];
    let of = |name: &str| value(page, &format!("pgbouncer_pool_{name}"), &pool);
    assert_eq!(
        [of("active_clients"), of("waiting_clients"), of("active_servers")],
        [5.0, 2.0, 5.0]
    );
    let places = [
        ("active_cancel_clients", 4),
        ("cancel_clients", 5),
        ("active_cancel_servers", 7),
        ("cancel_servers", 8),
        ("idle_servers", 9),
        ("used_servers", 10),
        ("tested_servers", 11),
        ("login_servers", 12),
    ];
    assert_cells(
        page,
        "pgbouncer_pool",
        &pool,
        &row(pgbouncer, "show pools", "pooled"),
        &places,
    );
    let waited = of("maxwait") + of("maxwait_us") * 1e-6;
    assert!(
        waited > 0.0 && waited < 50.0 && of("maxwait_us") < 1e6,
        "{waited}"
    );

    let places = [
        ("pool_size", 5),
        ("min_pool_size", 6),
        ("reserve_pool", 7),
        ("max_connections", 9),
        ("current_connections", 10),
        ("paused", 11),
        ("disabled", 12),
    ];
    let database = [
        ("datname", "pooled"),
        ("host", "127.0.0.1"),
        ("real_datname", "pooled"),
    ];
    assert_cells(
        page,
        "pgbouncer_database",
        &database,
        &row(pgbouncer, "show databases", "pooled"),
        &places,
    );
    assert_eq!(value(page, "pgbouncer_database_pool_size", &database), 5.0);
    for list in ["databases", "users", "pools", "used_servers"] {
        let items: f64 = row(pgbouncer, "show lists", list)[1].parse().unwrap();
        assert_eq!(
            value(page, "pgbouncer_list_items", &[("list", list)]),
            items,
            "{list}"
        );
    }
}

fn assert_sessions(page: &Page) {
    let client = |state: &str| {
        [("datname", "pooled"), ("state", state), ("application", "psql")]
            .map(|label| (label.0, label.1.to_owned()))
    };
    for (state, expected) in [("active", 5.0), ("waiting", 2.0)] {
        let labels = client(state);
        let labels: Vec<_> = labels
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        assert_eq!(
            value(page, "pgbouncer_client_wait_seconds_count", &labels),
            expected,
            "{state}"
        );
    }
    let servers = [("datname", "pooled"), ("state", "active")];
    assert_eq!(value(page, "pgbouncer_server_connections_count", &servers), 5.0);
    assert!(value(page, "pgbouncer_memory_bytes", &[("cache", "user_cache")]) > 0.0);
}

#[test]
fn statistics_count_what_passed_through() {
    let cluster = shared(majors()[0]);
    let pgbouncer = Pgbouncer::start(cluster);
    let exporter: Exporter = thorough(&pgbouncer.stats_url(), &Layer::patient(&[]));
    let _ = exporter.scrape();
    let mut psql = Command::new(tool("psql"));
    psql.env_clear()
        .args(["-X", "-w", "-q", "-d", &pgbouncer.url("postgres")]);
    let statement = "select pg_sleep(0.1)";
    psql.args([
        "-c",
        statement,
        "-c",
        statement,
        "-c",
        "select repeat('x', 100000)",
    ])
    .stdout(Stdio::null());
    assert!(psql.status().unwrap().success());
    let cells = row(&pgbouncer, "show stats", "postgres");
    let page = exporter.scrape();
    let labels = [("datname", "postgres")];
    let places = [
        ("total_xact_count", 1),
        ("total_query_count", 2),
        ("total_received", 3),
        ("total_sent", 4),
    ];
    assert_cells(&page, "pgbouncer_stat", &labels, &cells, &places);
    assert_eq!(value(&page, "pgbouncer_stat_total_query_count", &labels), 3.0);
    assert!(value(&page, "pgbouncer_stat_total_sent", &labels) > 1e5);
    // Microseconds there, seconds here.
    for (metric, place) in [
        ("total_xact_time", 5),
        ("total_query_time", 6),
        ("total_wait_time", 7),
    ] {
        let expected = cells[place].parse::<f64>().unwrap() * 1e-6;
        let is = value(&page, &format!("pgbouncer_stat_{metric}"), &labels);
        assert!((is - expected).abs() < 1e-9, "{metric}: {is} {expected}");
    }
    let spent = value(&page, "pgbouncer_stat_total_query_time", &labels);
    assert!((0.2..10.0).contains(&spent), "{spent}");
}
