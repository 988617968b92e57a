//! The exporter's own metrics about its target: names, labels and types as in pg_exporter 1.x, and some more.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;

use super::text::{block, push_number};
use crate::build_info::BUILD_INFO;
use crate::health::State;
use crate::postgres::failure::Reason;
use crate::scrape::run::collector_state::{CollectorState, Outcome, Stats};
use crate::scrape::run::database;
use crate::scrape::run::target::Target;
use crate::scrape::schedule::selection::Selection;

/// Writes families in order.
struct Page<'a> {
    namespace: &'a str,
    constant: &'a [(String, String)],
    out: Vec<u8>,
    /// The family whose samples are being written.
    family: String,
}

impl Page<'_> {
    fn family(&mut self, name: &str, kind: &str, help: &str) -> &mut Self {
        self.family = format!("{}_{name}", self.namespace);
        let family = &self.family;
        self.out
            .extend_from_slice(format!("# HELP {family} {help}\n# TYPE {family} {kind}\n").as_bytes());
        self
    }

    fn sample(&mut self, block: &[u8], value: f64) {
        self.out.extend_from_slice(self.family.as_bytes());
        self.out.extend_from_slice(block);
        self.out.push(b' ');
        push_number(value, &mut self.out);
        self.out.push(b'\n');
    }

    /// A sample with these labels and the constant ones; of equal names ours is meant.
    fn labelled(&mut self, labels: &[(&str, &str)], value: f64) {
        let is_ours = |name: &str| labels.iter().any(|(own, _)| *own == name);
        let constant = self
            .constant
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        let block = block(
            labels
                .iter()
                .copied()
                .chain(constant.filter(|(name, _)| !is_ours(name))),
            "",
        );
        self.sample(&block, value);
    }

    fn single(&mut self, name: &str, kind: &str, help: &str, value: f64) {
        self.family(name, kind, help).labelled(&[], value);
    }
}

/// The families about the target, its databases and its collectors, as the run begun at `start` knows them. `duplicates`
/// are the page's series that were dropped because another database has the same.
pub(in crate::scrape) fn render(
    target: &Target,
    selection: &Selection,
    start: Instant,
    duplicates: u64,
) -> Bytes {
    let mut process = Vec::new();
    target.process.usage().encode(&mut process);
    if !target.config.intro {
        return process.into();
    }
    let constant = &target.config.labels;
    let mut page = Page {
        namespace: &target.config.namespace,
        constant,
        out: Vec::new(),
        family: String::new(),
    };
    server(target, start, &mut page);
    exporter(target, &mut page, duplicates);
    databases(target, &mut page);
    collectors(target, selection, &mut page, start);
    configuration(target, &mut page);
    health(target, &mut page);
    if let Err(error) = target.surroundings.telemetry.encode(&mut page.out) {
        tracing::error!("{error}");
    }
    page.out.extend_from_slice(&process);
    page.out.into()
}

fn server(target: &Target, start: Instant, page: &mut Page<'_>) {
    let state = target.main.state.borrow();
    page.single(
        "up",
        "gauge",
        "Whether the target answers: 1 when its facts could be read, the connection held, and no fatal collector failed.",
        flag(state.is_up(start)),
    );
    page.single(
        "version",
        "gauge",
        "Version number of the target as server_version_num, 0 before it is known.",
        f64::from(state.facts.version),
    );
    page.single(
        "in_recovery",
        "gauge",
        "Whether the target was in recovery when it last answered.",
        flag(state.facts.in_recovery),
    );
}

fn exporter(target: &Target, page: &mut Page<'_>, duplicates: u64) {
    let runs = target.runs.borrow();
    build_info(page);
    page.single(
        "exporter_up",
        "gauge",
        "Always 1: the exporter serves this page.",
        1.0,
    );
    page.single(
        "exporter_uptime",
        "gauge",
        "Seconds since the exporter started.",
        target.created.elapsed().as_secs_f64(),
    );
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    page.single(
        "exporter_last_scrape_time",
        "gauge",
        "Unix time of the end of the current scrape, whole seconds.",
        now.as_secs() as f64,
    );
    page.single(
        "exporter_scrape_duration",
        "gauge",
        "Seconds that the current scrape took over all databases.",
        runs.duration.as_secs_f64(),
    );
    page.single(
        "exporter_scrape_total_count",
        "counter",
        "Scrapes so far, the current one included.",
        runs.count as f64,
    );
    page.single(
        "exporter_scrape_error_count",
        "counter",
        "Scrapes that ended with the target down.",
        runs.errors as f64,
    );
    page.single(
        "exporter_connections_open",
        "gauge",
        "Connections of scrapes to the target that are open, without the health probe's.",
        target.pool.open() as f64,
    );
    page.single(
        "exporter_duplicate_series",
        "gauge",
        "Series left out of this page because another database yields the same labels.",
        duplicates as f64,
    );
}

/// Names and labels as in pg_exporter 1.x, the compiler's version in place of Go's.
fn build_info(page: &mut Page<'_>) {
    let labels = [
        ("version", BUILD_INFO.version),
        ("revision", BUILD_INFO.revision),
        ("branch", BUILD_INFO.branch),
        ("builddate", BUILD_INFO.builddate),
        ("rustc", BUILD_INFO.rustc),
        ("goos", std::env::consts::OS),
        ("goarch", std::env::consts::ARCH),
        ("distribution", BUILD_INFO.distribution),
    ];
    page.family(
        "exporter_build_info",
        "gauge",
        "Always 1: what this exporter was built from, in its labels.",
    );
    // Here a constant label wins, as in pg_exporter 1.x.
    let is_constant = |name: &str| page.constant.iter().any(|(constant, _)| constant == name);
    let labels: Vec<_> = labels
        .into_iter()
        .filter(|(name, _)| !is_constant(name))
        .collect();
    page.labelled(&labels, 1.0);
}

fn databases(target: &Target, page: &mut Page<'_>) {
    let databases: Vec<_> = target
        .databases()
        .into_iter()
        .map(|database| (database.label(), database))
        .collect();
    let mut family = |name: &str, help: &str, value: &dyn Fn(&database::State) -> f64| {
        page.family(name, "gauge", help);
        for (label, database) in &databases {
            page.labelled(&[("datname", label)], value(&database.state.borrow()));
        }
    };
    family(
        "exporter_server_scrape_duration",
        "Seconds of the database's last scrape.",
        &|state| state.status.last.as_secs_f64(),
    );
    family(
        "exporter_server_scrape_total_seconds",
        "Seconds of all scrapes of the database.",
        &|state| state.status.total.as_secs_f64(),
    );
    family(
        "exporter_server_scrape_total_count",
        "Scrapes of the database.",
        &|state| state.status.scrapes as f64,
    );
    family(
        "exporter_server_scrape_error_count",
        "Failed scrapes of the database.",
        &|state| state.status.errors as f64,
    );
    page.family(
        "exporter_collectors",
        "gauge",
        "Installed collectors of the database by state of their last execution.",
    );
    for (label, database) in &databases {
        let state = database.state.borrow();
        for (name, is_in) in STATES {
            let count = state.slots.iter().filter(|slot| is_in(&slot.outcome)).count();
            page.labelled(&[("datname", label), ("state", name)], count as f64);
        }
    }
}

type InState = fn(&Outcome) -> bool;
const STATES: [(&str, InState); 4] = [
    ("good", |outcome| matches!(outcome, Outcome::Good)),
    ("skipped", |outcome| matches!(outcome, Outcome::PredicateSkipped)),
    ("failed", |outcome| matches!(outcome, Outcome::Failed(_))),
    ("waiting", |outcome| matches!(outcome, Outcome::Never)),
];

fn collectors(target: &Target, selection: &Selection, page: &mut Page<'_>, start: Instant) {
    let databases = target.databases();
    let each = |visit: &mut dyn FnMut(&CollectorState)| {
        for database in &databases {
            let state = database.state.borrow();
            state
                .slots
                .iter()
                .filter(|slot| selection.includes(&slot.collector.name))
                .for_each(&mut *visit);
        }
    };
    let mut family = |name: &str, help: &str, value: &dyn Fn(&CollectorState) -> Option<f64>| {
        page.family(name, "gauge", help);
        each(&mut |slot| {
            if let Some(value) = value(slot) {
                page.sample(&slot.block, value);
            }
        });
    };
    family(
        "exporter_query_cache_ttl",
        "Seconds left until the collector's result is asked for anew.",
        &|slot| Some(slot.ttl_left(start)),
    );
    family(
        "exporter_query_cache_age_seconds",
        "Seconds since the execution whose result is served.",
        &|slot| Some(slot.age(start)?.as_secs_f64()),
    );
    family(
        "exporter_query_scrape_total_count",
        "Times the collector was asked for, cache hits included.",
        &|slot| Some(slot.stats.collections as f64),
    );
    family(
        "exporter_query_scrape_hit_count",
        "Times the collector's cached result was served.",
        &|slot| Some(slot.stats.hits as f64),
    );
    family(
        "exporter_query_scrape_error_count",
        "Failed executions of the collector.",
        &|slot| Some(slot.stats.errors as f64),
    );
    family(
        "exporter_query_scrape_predicate_skip_count",
        "Times the collector's result was empty because a predicate did not hold.",
        &|slot| (!slot.collector.predicates.is_empty()).then_some(slot.stats.predicate_skips as f64),
    );
    family(
        "exporter_query_scrape_metric_count",
        "Series in the collector's current result.",
        &|slot| Some(slot.served(start).map_or(0, |samples| samples.series) as f64),
    );
    family(
        "exporter_query_scrape_duration",
        "Seconds the last execution of the collector took on the connection: from the end of the answer before it to the end of its own.",
        &|slot| Some(slot.stats.duration.as_secs_f64()),
    );
    drops(&databases, selection, page);
}

fn configuration(target: &Target, page: &mut Page<'_>) {
    let (status, live) = (target.catalog.status(), target.catalog.live());
    let succeeded_at = status.succeeded_at.duration_since(UNIX_EPOCH).unwrap_or_default();
    page.single(
        "exporter_config_last_reload_successful",
        "gauge",
        "Whether the last load of the configuration succeeded.",
        flag(status.successful),
    );
    page.single(
        "exporter_config_last_reload_success_timestamp_seconds",
        "gauge",
        "Unix time of the last successful load of the configuration.",
        succeeded_at.as_secs_f64(),
    );
    page.family(
        "exporter_config_info",
        "gauge",
        "Always 1: the configuration in force by the hash of its effective definitions.",
    );
    page.labelled(&[("hash", &live.hash)], 1.0);
    page.single(
        "exporter_config_collectors",
        "gauge",
        "Branches in the configuration in force, installed or not.",
        live.collectors.len() as f64,
    );
}

fn health(target: &Target, page: &mut Page<'_>) {
    let snapshot = target.surroundings.health.snapshot();
    page.family(
        "exporter_health_state",
        "gauge",
        "1 for the state that the health probe reports, 0 for the others.",
    );
    for state in State::ALL {
        page.labelled(&[("state", state.word())], flag(snapshot.state == state));
    }
    let took = snapshot.took.as_secs_f64();
    page.single(
        "exporter_health_probe_duration_seconds",
        "gauge",
        "Seconds that the last health probe took.",
        took,
    );
}

/// Failures by reason and dropped series: only those that occurred, as a full grid would be ten series per collector.
fn drops(databases: &[std::rc::Rc<database::Database>], selection: &Selection, page: &mut Page<'_>) {
    let mut counts = |name: &str, help: &str, of: &dyn Fn(&Stats) -> Vec<(&'static str, u64)>| {
        page.family(name, "counter", help);
        for database in databases {
            let label = database.label();
            let state = database.state.borrow();
            let shown = |slot: &&CollectorState| selection.includes(&slot.collector.name);
            for slot in state.slots.iter().filter(shown) {
                for (reason, count) in of(&slot.stats).into_iter().filter(|(_, count)| *count > 0) {
                    let query = &*slot.collector.name;
                    let labels = [("datname", &*label), ("query", query), ("reason", reason)];
                    page.labelled(&labels, count as f64);
                }
            }
        }
    };
    let failures = "Failed executions of the collector by reason.";
    counts("exporter_query_failures_total", failures, &|stats| {
        Reason::ALL
            .map(Reason::word)
            .into_iter()
            .zip(stats.reasons)
            .collect()
    });
    let dropped = "Series of the collector that were dropped, as duplicates or above its limit.";
    counts("exporter_query_dropped_series_total", dropped, &|stats| {
        vec![("duplicate", stats.duplicates), ("limit", stats.over_limit)]
    });
}

fn flag(value: bool) -> f64 {
    f64::from(u8::from(value))
}
