//! The exporter's own metrics about its target: where each row of the table gets its value from.

use std::rc::Rc;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::build_info::BUILD_INFO;
use crate::catalog::Catalog;
use crate::catalog::facts::Kind;
use crate::health::State;
use crate::postgres::failure::Reason;
use crate::scrape::run::collector_state::{CollectorState, Outcome, Stats};
use crate::scrape::run::database;
use crate::scrape::run::database::Database;
use crate::scrape::run::target::Target;
use crate::scrape::schedule::run_id::RunStart;
use crate::scrape::schedule::selection::Selection;
use crate::self_metrics as own;
use crate::self_metrics::{Labels, Metric, Writer};

/// What a page's metrics about the target are of.
#[derive(Clone, Copy, Debug)]
pub(in crate::scrape) struct View<'a> {
    pub(in crate::scrape) target: &'a Target,
    /// Which collectors the page is about.
    pub(in crate::scrape) selection: &'a Selection,
    /// The run that results are judged by.
    pub(in crate::scrape) run: RunStart,
    /// Series that were left out of the page.
    pub(in crate::scrape) duplicates: u64,
}

/// Writes the families about the target, its databases and its collectors.
pub(in crate::scrape) fn write(view: View<'_>, page: &mut Writer<'_>) {
    let View { target, .. } = view;
    let databases = target.databases.distinct();
    server(view, page);
    if !target.config.shares_process {
        build(page);
    }
    exporter(view, page);
    scrapes(&databases, page);
    collectors(view, &databases, page);
    if !target.config.shares_process {
        configuration(&target.catalog, page);
    }
    health(target, page);
    if !target.config.shares_process {
        target.surroundings.telemetry.write(page);
    }
}

fn server(View { target, run, .. }: View<'_>, page: &mut Writer<'_>) {
    let state = target.databases.main.state.borrow();
    page.single(&own::UP, flag(state.is_up(run)));
    page.single(&own::VERSION, f64::from(state.facts.version));
    page.single(&own::IN_RECOVERY, flag(state.facts.in_recovery));
    let is_server = state.kind.is_some_and(|kind| kind != Kind::Pgbouncer);
    if is_server && state.was_reached(run.id) && state.failure(run.id).is_none() {
        let flavour = state.facts.flavour;
        page.family(&own::FLAVOUR)
            .sample(&[flavour.word(), &flavour.to_string()], 1.0);
    }
}

/// What the exporter was built from.
pub(in crate::scrape) fn build(page: &mut Writer<'_>) {
    let build = [
        BUILD_INFO.version,
        BUILD_INFO.revision,
        BUILD_INFO.branch,
        BUILD_INFO.builddate,
        BUILD_INFO.rustc,
        std::env::consts::OS,
        go_architecture(std::env::consts::ARCH),
        BUILD_INFO.distribution,
    ];
    page.family(&own::BUILD_INFO).sample(&build, 1.0);
}

/// A processor by the name that the label `goarch` always had, which is Go's.
fn go_architecture(name: &'static str) -> &'static str {
    match name {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "386",
        "powerpc64" if cfg!(target_endian = "little") => "ppc64le",
        "powerpc64" => "ppc64",
        "loongarch64" => "loong64",
        other => other,
    }
}

fn exporter(
    View {
        target, duplicates, ..
    }: View<'_>,
    page: &mut Writer<'_>,
) {
    let runs = target.runs.borrow();
    page.single(&own::EXPORTER_UP, 1.0);
    page.single(&own::UPTIME, target.created.elapsed().as_secs_f64());
    page.single(&own::LAST_SCRAPE_TIME, unix(SystemTime::now()).floor());
    page.single(&own::SCRAPE_DURATION, runs.duration.as_secs_f64());
    page.single(&own::SCRAPE_COUNT, runs.count as f64);
    page.single(&own::SCRAPE_ERRORS, runs.errors as f64);
    page.single(&own::CONNECTIONS_OPEN, target.pool.open() as f64);
    page.single(
        &own::OLDEST_RESULT_AGE,
        target.databases.longest_wait().as_secs_f64(),
    );
    page.single(&own::DUPLICATE_SERIES, duplicates as f64);
}

fn scrapes(databases: &[Rc<Database>], page: &mut Writer<'_>) {
    let labels: Vec<_> = databases.iter().map(|database| database.label()).collect();
    let mut family = |metric: &Metric, value: &dyn Fn(&database::State) -> f64| {
        let mut family = page.family(metric);
        for (label, database) in labels.iter().zip(databases) {
            family.sample(&[label], value(&database.state.borrow()));
        }
    };
    family(&own::SERVER_SCRAPE_DURATION, &|state| {
        state.status.last.as_secs_f64()
    });
    family(&own::SERVER_SCRAPE_SECONDS, &|state| {
        state.status.total.as_secs_f64()
    });
    family(&own::SERVER_SCRAPES, &|state| state.status.scrapes as f64);
    family(&own::SERVER_SCRAPE_ERRORS, &|state| state.status.errors as f64);
    let mut family = page.family(&own::CONNECTION_TLS);
    for (label, database) in labels.iter().zip(databases) {
        if let Some(encryption) = &database.state.borrow().encryption {
            family.sample(&[label], flag(encryption.is_tls()));
        }
    }
    let mut family = page.family(&own::COLLECTORS);
    for (label, database) in labels.iter().zip(databases) {
        let state = database.state.borrow();
        for (name, is_in) in STATES {
            let count = state.collectors.iter().filter(|one| is_in(one.outcome())).count();
            family.sample(&[label, name], count as f64);
        }
    }
}

type InState = fn(&Outcome) -> bool;
const STATES: [(&str, InState); 4] = [
    ("good", |outcome| matches!(outcome, Outcome::Good)),
    ("skipped", |outcome| matches!(outcome, Outcome::Skipped)),
    ("failed", |outcome| outcome.failure().is_some()),
    ("waiting", |outcome| matches!(outcome, Outcome::Never)),
];

/// Visits each collector that the page is about, with the database's label.
type Each<'a> = dyn Fn(&mut dyn FnMut(&str, &CollectorState)) + 'a;

fn collectors(view: View<'_>, databases: &[Rc<Database>], page: &mut Writer<'_>) {
    let View { selection, run, .. } = view;
    let each = |visit: &mut dyn FnMut(&str, &CollectorState)| {
        for database in databases {
            let label = database.label();
            let state = database.state.borrow();
            let shown = |one: &&CollectorState| selection.includes(&one.collector.name);
            let collectors = state.collectors.iter().filter(shown);
            collectors.for_each(|one| visit(&label, one));
        }
    };
    // The same in all families, so written once.
    let mut labels: Vec<Labels> = Vec::new();
    each(&mut |label, one| labels.push(page.labels(&own::QUERY_SCRAPES, &[label, &one.collector.name])));
    let start = run.at;
    let mut family = |metric: &Metric, value: &dyn Fn(&CollectorState) -> Option<f64>| {
        let mut family = page.family(metric);
        let mut labels = labels.iter();
        each(&mut |_, one| {
            if let (Some(labels), Some(value)) = (labels.next(), value(one)) {
                family.labelled(labels, value);
            }
        });
    };
    family(&own::QUERY_CACHE_TTL, &|one| Some(one.ttl_left(start)));
    family(&own::QUERY_CACHE_AGE, &|one| Some(one.age(start)?.as_secs_f64()));
    family(&own::QUERY_SCRAPES, &|one| Some(one.stats.collections as f64));
    family(&own::QUERY_HITS, &|one| Some(one.stats.hits as f64));
    family(&own::QUERY_ERRORS, &|one| Some(one.stats.errors as f64));
    family(&own::QUERY_PREDICATE_SKIPS, &|one| {
        (!one.collector.predicates.is_empty()).then_some(one.stats.predicate_skips as f64)
    });
    family(&own::QUERY_SERIES, &|one| {
        Some(one.served(start).map_or(0, |samples| samples.series) as f64)
    });
    family(&own::QUERY_DURATION, &|one| {
        Some(one.stats.duration.as_secs_f64())
    });
    family(&own::QUERY_MISSING_COLUMNS, &|one| {
        let missing = one.gaps.missing.len();
        (missing > 0).then_some(missing as f64)
    });
    family(&own::QUERY_DENIED_FUNCTIONS, &|one| {
        let denied = one.gaps.without.len();
        (denied > 0).then_some(denied as f64)
    });
    counts(&each, page, &own::QUERY_FAILURES, &|stats| {
        let reasons = Reason::ALL.map(Reason::word).into_iter();
        reasons.zip(stats.reasons).collect()
    });
    counts(&each, page, &own::QUERY_DROPPED_SERIES, &|stats| {
        vec![("duplicate", stats.duplicates), ("limit", stats.over_limit)]
    });
}

/// Counts by reason: only those that occurred, as a full grid would be ten series per collector.
fn counts(
    each: &Each<'_>,
    page: &mut Writer<'_>,
    metric: &Metric,
    of: &dyn Fn(&Stats) -> Vec<(&'static str, u64)>,
) {
    let mut family = page.family(metric);
    each(&mut |label, one| {
        for (reason, count) in of(&one.stats).into_iter().filter(|(_, count)| *count > 0) {
            family.sample(&[label, &one.collector.name, reason], count as f64);
        }
    });
}

/// The collectors in force, and how they were loaded.
pub(in crate::scrape) fn configuration(catalog: &Catalog, page: &mut Writer<'_>) {
    let (status, live) = (catalog.status(), catalog.live());
    page.single(&own::RELOAD_SUCCESSFUL, flag(status.successful));
    page.single(&own::RELOAD_TIME, unix(status.succeeded_at));
    page.family(&own::CONFIG_INFO).sample(&[&live.hash], 1.0);
    page.single(&own::CONFIG_COLLECTORS, live.collectors.len() as f64);
}

fn health(target: &Target, page: &mut Writer<'_>) {
    let snapshot = target.surroundings.health.snapshot();
    let mut family = page.family(&own::HEALTH_STATE);
    for state in State::ALL {
        family.sample(&[state.word()], flag(snapshot.state == state));
    }
    page.single(&own::HEALTH_PROBE_DURATION, snapshot.took.as_secs_f64());
}

/// Seconds since 1970.
fn unix(moment: SystemTime) -> f64 {
    moment
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs_f64()
}

fn flag(value: bool) -> f64 {
    f64::from(u8::from(value))
}
