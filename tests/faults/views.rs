//! The server's own view of the exporter, and what the exporter's own pages say of a failure.

use std::thread;
use std::time::Duration;

use pg_exporter_lab::{Cluster, Exporter, Page, wait_until};

use crate::support::{SOON, State, wrong_answers};

/// Connections that an exporter opens at most, its probe's among them, where no flag says otherwise.
pub(crate) const CAP: u32 = 8;

/// The name under which the server knows an exporter whose URL gives none.
const NAME: &str = "pg_exporter";

/// A URL whose exporter the server tells from others: for servers that tests share.
pub(crate) fn named(url: &str, name: &str) -> String {
    format!("{url}?application_name={name}")
}

/// After a fault: none of our statements runs in the server, and there are no more backends than an exporter may have.
#[track_caller]
pub(crate) fn assert_quiet(cluster: &Cluster) -> u32 {
    assert_quiet_of(cluster, NAME)
}

/// The same of an exporter by its name; how many backends it has.
#[track_caller]
pub(crate) fn assert_quiet_of(cluster: &Cluster, name: &str) -> u32 {
    let sql = format!(
        "select count(*) filter (where state <> 'idle'), count(*) from pg_stat_activity where application_name = '{name}'"
    );
    let mut backends = 0;
    wait_until(
        "the server runs nothing of ours, over a few backends",
        SOON,
        || {
            let line = cluster.psql(&sql);
            let (busy, all) = line.split_once('|').unwrap();
            backends = all.parse().unwrap();
            busy == "0" && backends <= CAP
        },
    );
    backends
}

/// Does something while every health path goes on to say primary.
#[track_caller]
pub(crate) fn while_primary<T: Send>(exporter: &Exporter, work: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| {
        let work = scope.spawn(work);
        loop {
            let is_last = work.is_finished();
            let wrong = wrong_answers(exporter, State::Primary);
            assert!(wrong.is_empty(), "{wrong:?}\n{}", exporter.stderr());
            if is_last {
                return work.join().unwrap();
            }
            thread::sleep(Duration::from_millis(10));
        }
    })
}

/// A collector has failed for that reason, by the page that it failed in and by `/stat`.
#[track_caller]
pub(crate) fn assert_failed(exporter: &Exporter, page: &Page, query: &str, reason: &str, sqlstate: &str) {
    let of = [("query", query), ("reason", reason)];
    assert_eq!(
        page.value("pg_exporter_query_failures_total", &of),
        Some(1.0),
        "{query} for {reason}"
    );
    let stat = exporter.get("/stat").text();
    assert!(stat.contains(sqlstate), "no {sqlstate} in /stat:\n{stat}");
}
