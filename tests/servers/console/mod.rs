//! pgbouncer from 1.8 to 1.26: for each release that changed a table, the series are those of the contract, and each has
//! the value of its column, wherever that stands.

mod fake;

use std::collections::{BTreeMap, BTreeSet};

use pg_exporter_lab::Page;

use self::fake::{Console, Table};
use crate::expected::{BRANCHES, Branch};
use crate::layer::Layer;
use crate::support::{assert_healthy, thorough, value};

/// Releases, and what `SHOW` shows in them, by its documentation; before 1.16 and from 1.24 on there are more names for
/// the same.
const RELEASES: [&str; 9] = [
    "1.8.1", "1.12.0", "1.16.1", "1.17.0", "1.19.1", "1.23.1", "1.24.1", "1.25.0", "1.26.1",
];

/// What the contract has not, from 1.25 on.
const ADDED: [&str; 2] = [
    "pgbouncer_stat_avg_client_login_count",
    "pgbouncer_stat_total_client_login_count",
];

/// Columns of texts; all others hold numbers.
const TEXTS: [&str; 11] = [
    "name",
    "host",
    "port",
    "database",
    "force_user",
    "pool_mode",
    "user",
    "list",
    "peer_id",
    "load_balance_hosts",
    "new",
];

fn minor(release: &str) -> u32 {
    release.split('.').nth(1).unwrap().parse().unwrap()
}

/// The columns of those that are there from a release on, and up to one.
fn columns(minor: u32, all: &[(&'static str, std::ops::Range<u32>)]) -> Vec<&'static str> {
    let there = all.iter().filter(|(_, releases)| releases.contains(&minor));
    there.flat_map(|(names, _)| names.split_whitespace()).collect()
}

const EVER: u32 = 99;

fn databases(minor: u32) -> Vec<&'static str> {
    columns(
        minor,
        &[
            ("name host port database force_user pool_size", 8..EVER),
            ("min_pool_size", 16..EVER),
            ("reserve_pool", 8..24),
            ("reserve_pool_size", 24..EVER),
            ("server_lifetime", 23..EVER),
            ("pool_mode", 8..EVER),
            ("load_balance_hosts", 24..EVER),
            ("max_connections current_connections", 8..EVER),
            ("max_client_connections current_client_connections", 24..EVER),
            ("paused disabled", 8..EVER),
        ],
    )
}

fn pools(minor: u32) -> Vec<&'static str> {
    columns(
        minor,
        &[
            ("database user cl_active cl_waiting", 8..EVER),
            ("cl_cancel_req", 16..18),
            ("cl_active_cancel_req cl_waiting_cancel_req", 18..EVER),
            ("sv_active", 8..EVER),
            ("sv_active_cancel sv_being_canceled", 18..EVER),
            (
                "sv_idle sv_used sv_tested sv_login maxwait maxwait_us pool_mode",
                8..EVER,
            ),
            ("load_balance_hosts", 24..EVER),
        ],
    )
}

fn stats(minor: u32) -> Vec<&'static str> {
    columns(
        minor,
        &[
            ("database", 8..EVER),
            ("total_server_assignment_count", 23..EVER),
            (
                "total_xact_count total_query_count total_received total_sent total_xact_time total_query_time",
                8..EVER,
            ),
            ("total_wait_time", 8..EVER),
            (
                "total_client_parse_count total_server_parse_count total_bind_count",
                24..EVER,
            ),
            ("avg_server_assignment_count", 23..EVER),
            (
                "avg_xact_count avg_query_count avg_recv avg_sent avg_xact_time avg_query_time avg_wait_time",
                8..EVER,
            ),
            (
                "avg_client_parse_count avg_server_parse_count avg_bind_count",
                24..EVER,
            ),
            ("total_client_login_count avg_client_login_count", 25..EVER),
        ],
    )
}

/// One row: the number of its place in each column of numbers. A later release may have one column more, in front.
fn table(mut columns: Vec<&'static str>) -> Table {
    columns.insert(0, "new");
    let cell = |(at, name): (usize, &&str)| match TEXTS.contains(name) {
        true => format!("a {name}"),
        false => at.to_string(),
    };
    let row = columns.iter().enumerate().map(cell).collect();
    (columns, vec![row])
}

fn console(version: &'static str) -> Console {
    let minor = minor(version);
    let mut tables = BTreeMap::from([
        ("SHOW LISTS", table(vec!["list", "items"])),
        ("SHOW DATABASES", table(databases(minor))),
        ("SHOW POOLS", table(pools(minor))),
        ("SHOW STATS", table(stats(minor))),
        (
            "SHOW MEM",
            table(vec!["name", "size", "used", "free", "memtotal"]),
        ),
    ]);
    if minor >= 19 {
        tables.insert("SHOW PEERS", table(vec!["peer_id", "host", "port", "pool_size"]));
    }
    if minor >= 20 {
        let states = [("active", "no"), ("paused", "yes"), ("suspended", "no")];
        let rows = states.map(|(key, value)| vec!["0".to_owned(), key.to_owned(), value.to_owned()]);
        tables.insert("SHOW STATE", (vec!["new", "key", "value"], rows.into()));
    }
    Console { version, tables }
}

#[test]
fn every_release_yields_the_series_of_the_contract() {
    for release in RELEASES {
        let console = console(release);
        let url = console.clone().start();
        let exporter = thorough(&url, &Layer::patient(&["pgbouncer_peer"]));
        let page = exporter.scrape();
        assert_healthy(&exporter, &page);
        let version = f64::from(
            10_000 + minor(release) * 100 + release.split('.').nth(2).unwrap().parse::<u32>().unwrap(),
        );
        assert_eq!(value(&page, "pgbouncer_version", &[]), version, "{release}");
        let fits = |branch: &&Branch| branch.is_pgbouncer() && branch.fits_version(version as u32);
        let expected: Vec<&Branch> = BRANCHES.iter().filter(fits).collect();
        assert_eq!(expected.len(), 4, "{release}: a branch of each collector");
        for branch in &expected {
            assert_values(&page, &console, branch);
        }
        assert_names(&page, &expected, release);
        let peer = page.value(
            "pgbouncer_peer_pool_size",
            &[("peer_id", "a peer_id"), ("host", "a host")],
        );
        assert_eq!(peer, (minor(release) >= 19).then_some(4.0), "{release}");
        for (state, expected) in [("active", 0.0), ("paused", 1.0), ("suspended", 0.0)] {
            let found = page.value("pgbouncer_state_value", &[("state", state)]);
            assert_eq!(
                found,
                (minor(release) >= 20).then_some(expected),
                "{release}: {state}"
            );
        }
    }
}

fn assert_values(page: &Page, console: &Console, branch: &Branch) {
    let release = console.version;
    let command = match branch.collector.as_str() {
        "pgbouncer_list" => "SHOW LISTS",
        "pgbouncer_database" => "SHOW DATABASES",
        "pgbouncer_stat" => "SHOW STATS",
        _ => "SHOW POOLS",
    };
    let (columns, rows) = &console.tables[command];
    for metric in &branch.metrics {
        let place = columns.iter().position(|column| *column == metric.column);
        let place =
            place.unwrap_or_else(|| panic!("{release}: {} is of no column of {command}", metric.name));
        let expected = rows[0][place].parse::<f64>().unwrap() * metric.scale;
        let found = value(page, &metric.name, &[]);
        assert!(
            (found - expected).abs() < 1e-12,
            "{release}: {} is {found}, not {expected}",
            metric.name
        );
    }
    let sample = page.all(&branch.metrics[0].name).next().unwrap();
    let labels: Vec<_> = sample.labels.iter().map(|(name, _)| name.clone()).collect();
    assert_eq!(labels, branch.labels, "{release}: labels of {}", branch.collector);
}

/// No series of the contract's collectors but those of the release's branches.
fn assert_names(page: &Page, expected: &[&Branch], release: &str) {
    let names: BTreeSet<&str> = expected
        .iter()
        .flat_map(|branch| branch.metrics.iter().map(|metric| metric.name.as_str()))
        .chain(ADDED.into_iter().filter(|_| minor(release) >= 25))
        .collect();
    let of_contract = |name: &str| {
        ["list_", "database_", "stat_", "pool_"]
            .iter()
            .any(|part| name.starts_with(&format!("pgbouncer_{part}")))
    };
    let found: BTreeSet<&str> = page
        .samples
        .iter()
        .map(|sample| sample.name.as_str())
        .filter(|name| of_contract(name))
        .collect();
    assert_eq!(found, names, "{release}");
}
