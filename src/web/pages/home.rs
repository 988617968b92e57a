//! `/`: the target, its databases and its collectors in one look.

use std::sync::Arc;

use askama::Template;
use hyper::http::request::Parts;
use hyper::{Response, StatusCode, Uri};

use super::figures::{ago, count, seconds, version};
use super::frame;
use super::frame::{Frame, Made};
use super::options::{Group, Options};
use super::order::{Chip, Head};
use super::plot::{Bars, HEIGHT, SPARK_WIDTH};
use super::rows;
use super::rows::Row;
use super::tiles::{Tile, tiles};
use crate::build_info::{BUILD_INFO, BuildInfo};
use crate::catalog::Status;
use crate::catalog::facts::Kind;
use crate::catalog::flavour::Flavour;
use crate::scrape::overview::time;
use crate::scrape::{DatabaseOverview, Overview};
use crate::web::backend::Backend;
use crate::web::body::Body;
use crate::web::context::Context;

/// Databases listed unless all are asked for.
const DATABASES: usize = 12;
/// Files of the configuration that are named.
const FILES: usize = 50;

#[derive(Template)]
#[template(path = "home.html")]
struct Home<'a> {
    frame: Frame<'a>,
    /// Version and role, as known.
    subtitle: String,
    /// Whether the scrape thread told what it knows.
    is_known: bool,
    tiles: Vec<Tile>,
    bars: Option<Bars>,
    databases: Vec<Database<'a>>,
    /// Databases that are not listed.
    more_databases: usize,
    rows: Vec<Row<'a>>,
    /// Number of collectors, shown or not.
    all: usize,
    chips: Vec<Chip>,
    heads: Vec<Head>,
    options: Options,
    configuration: Configuration<'a>,
    build: &'static BuildInfo,
    uptime: Option<String>,
}

/// One row of the table of databases.
struct Database<'a> {
    name: &'a str,
    tone: &'static str,
    state: &'static str,
    error: Option<&'a str>,
    /// What to tell of a connection that is less protected than it could be.
    warning: Option<String>,
    /// Whether a pooler that keeps no prepared statements is between.
    pooled: bool,
    scraped: String,
    duration: String,
    collectors: usize,
    failing: usize,
    series: String,
}

struct Configuration<'a> {
    path: Option<String>,
    files: &'a [pg_exporter_schema::Text],
    more_files: usize,
    hash: &'a str,
    /// Branches in force.
    collectors: usize,
    is_reload_off: bool,
    succeeded: String,
    succeeded_ago: String,
    failure: Option<(String, &'a str)>,
}

pub(in crate::web) async fn answer<B: Backend>(
    context: Arc<Context<B>>,
    target: Arc<B>,
    request: Parts,
) -> Response<Body> {
    frame::of_target(context, target, request, made).await
}

fn made<B: Backend>(context: &Context<B>, target: &B, uri: &Uri, overview: Option<&Overview>) -> Made {
    let snapshot = target.health();
    let catalog = &context.catalog;
    let (status, live) = (catalog.status(), catalog.live());
    let options = Options {
        target: target.name().map(str::to_owned),
        ..Options::read(uri.query().unwrap_or_default())
    };
    let all = overview.map(rows::rows).unwrap_or_default();
    let home = Home {
        frame: Frame::new(context, target, &snapshot, uri.path()),
        subtitle: overview.map(subtitle).unwrap_or_default(),
        is_known: overview.is_some(),
        tiles: tiles(overview, &snapshot, &all),
        bars: overview.and_then(|overview| Bars::new(&overview.runs)),
        more_databases: more_databases(overview, &options),
        databases: overview
            .as_ref()
            .map(|overview| databases(overview, options.all_databases))
            .unwrap_or_default(),
        chips: chips(&all, &options),
        heads: options.order.heads(|order| options.ordered(order).href()),
        all: all.len(),
        rows: shown(all, &options),
        options,
        configuration: Configuration {
            path: catalog.path().map(|path| path.display().to_string()),
            hash: &live.hash,
            collectors: live.collectors.len(),
            is_reload_off: context.disable_reload,
            ..Configuration::new(&status)
        },
        build: &BUILD_INFO,
        uptime: overview
            .as_ref()
            .map(|overview| seconds(overview.uptime.as_secs_f64())),
    };
    (StatusCode::OK, frame::html(&home))
}

fn subtitle(overview: &Overview) -> String {
    let server = &overview.server;
    match (server.version, &*server.user) {
        (0, _) => String::new(),
        (number, "") => format!("pgbouncer {}", version(number)),
        (number, user) => {
            let service = match server.flavour {
                Flavour::Postgres => String::new(),
                other => format!("{other}, "),
            };
            format!("{service}PostgreSQL {}, as role {user}", version(number))
        }
    }
}

/// Those in trouble first, then as they are scraped.
fn databases(overview: &Overview, all: bool) -> Vec<Database<'_>> {
    let mut sorted: Vec<&DatabaseOverview> = overview.databases.iter().collect();
    sorted.sort_by_key(|database| database.up != Some(false));
    let shown = if all { usize::MAX } else { DATABASES };
    sorted.into_iter().take(shown).map(Database::new).collect()
}

fn more_databases(overview: Option<&Overview>, options: &Options) -> usize {
    let all = overview.map_or(0, |overview| overview.databases.len());
    if options.all_databases {
        0
    } else {
        all.saturating_sub(DATABASES)
    }
}

impl<'a> Database<'a> {
    fn new(database: &'a DatabaseOverview) -> Self {
        let (tone, state) = match database.up {
            Some(true) => ("good", "up"),
            Some(false) => ("bad", "failed"),
            None => ("warn", "not scraped yet"),
        };
        let is_failing = |state: &str| rows::group(state) == Group::Failing;
        Self {
            name: &database.name,
            tone,
            state,
            error: database.error.as_deref(),
            warning: database.connection_warning(),
            pooled: database.kind == Some(Kind::Pooled),
            scraped: database.scraped.map_or_else(|| "never".to_owned(), ago),
            duration: seconds(database.duration.as_secs_f64()),
            collectors: database.collectors.len(),
            failing: database
                .collectors
                .iter()
                .filter(|one| is_failing(one.state))
                .count(),
            series: count(database.collectors.iter().map(|one| one.series).sum()),
        }
    }
}

/// The rows that the options ask for, in their order.
fn shown<'a>(mut rows: Vec<Row<'a>>, options: &Options) -> Vec<Row<'a>> {
    let filter = options.filter.to_lowercase();
    rows.retain(|row| options.group.is_none_or(|group| group == row.group) && row.matches(&filter));
    rows::sort(&mut rows, options);
    rows
}

fn chips(rows: &[Row<'_>], options: &Options) -> Vec<Chip> {
    let chip = |label, group: Option<Group>, count| Chip {
        label,
        count,
        href: options.grouped(group).href(),
        is_current: options.group == group,
    };
    let of = |group: Group| rows.iter().filter(|row| row.group == group).count();
    let groups = Group::ALL.iter().map(|group| (*group, of(*group)));
    // A group that is empty and not asked for says nothing, but that nothing fails is worth a word.
    let shown = groups
        .filter(|(group, count)| *count > 0 || *group == Group::Failing || options.group == Some(*group));
    std::iter::once(chip("All", None, rows.len()))
        .chain(shown.map(|(group, count)| chip(group.label(), Some(group), count)))
        .collect()
}

impl<'a> Configuration<'a> {
    fn new(status: &'a Status) -> Self {
        Self {
            path: None,
            files: status.files.get(..FILES).unwrap_or(&status.files),
            more_files: status.files.len().saturating_sub(FILES),
            hash: "",
            collectors: 0,
            is_reload_off: false,
            succeeded: time(status.succeeded_at),
            succeeded_ago: ago(status.succeeded_at),
            failure: status.failure.as_deref().map(|text| (ago(status.tried_at), text)),
        }
    }
}
