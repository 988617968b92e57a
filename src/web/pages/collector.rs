//! `/collector/NAME`: one collector's statement, plan, executions and values.

use std::sync::Arc;

use askama::Template;
use hyper::http::request::Parts;
use hyper::{Response, StatusCode, Uri};
use pg_exporter_schema::Collector;

use super::definition::{Definition, definitions};
use super::figures::{ago, count, seconds};
use super::frame;
use super::frame::{Frame, Made};
use super::metrics::{Metrics, metrics};
use super::options::Group;
use super::plot::{SPARK_WIDTH, spark};
use super::rows;
use super::rows::Row;
use crate::scrape::{CollectorOverview, DatabaseOverview, Overview};
use crate::web::backend::Backend;
use crate::web::body::Body;
use crate::web::context::Context;
use crate::web::query::percent_decoded;

/// Where these pages are: a collector's name follows.
pub(in crate::web) const NAMES: &str = "/collector/";

/// Databases listed, those in trouble first.
const DATABASES: usize = 100;

#[derive(Template)]
#[template(path = "collector.html")]
struct Page<'a> {
    frame: Frame<'a>,
    /// Whether the scrape thread told what it knows.
    is_known: bool,
    name: &'a str,
    desc: &'a str,
    /// Its row of the home page.
    row: Option<Row<'a>>,
    executions: Vec<Execution<'a>>,
    more_executions: usize,
    metrics: Metrics<'a>,
    definitions: Vec<Definition<'a>>,
}

#[derive(Template)]
#[template(path = "unknown.html")]
struct Unknown<'a> {
    frame: Frame<'a>,
    /// As the client meant it.
    name: String,
    names: Vec<&'a str>,
}

/// One row of the table of executions.
struct Execution<'a> {
    database: &'a str,
    branch: &'a str,
    group: Group,
    state: &'static str,
    last: String,
    duration: String,
    spark: Option<String>,
    average: String,
    executions: String,
    errors: String,
    hits: String,
    skips: String,
    series: String,
    age: String,
    error: Option<(String, String)>,
    /// What the last result lacked.
    gaps: Option<String>,
}

pub(in crate::web) async fn answer<B: Backend>(
    context: Arc<Context<B>>,
    target: Arc<B>,
    request: Parts,
) -> Response<Body> {
    frame::of_target(context, target, request, made).await
}

fn made<B: Backend>(context: &Context<B>, target: &B, uri: &Uri, known: Option<&Overview>) -> Made {
    // Names are plain words: they have one spelling, like all paths.
    let name = uri.path().strip_prefix(NAMES).unwrap_or_default();
    let snapshot = target.health();
    let frame = Frame::new(context, target, &snapshot, uri.path());
    let live = context.catalog.live();
    let branches: Vec<&Collector> = live
        .collectors
        .iter()
        .filter(|collector| collector.name == name)
        .map(|collector| &**collector)
        .collect();
    let Some(first) = branches.first() else {
        let mut names: Vec<&str> = live.collectors.iter().map(|collector| &*collector.name).collect();
        names.sort_unstable();
        names.dedup();
        let page = Unknown {
            frame,
            name: percent_decoded(name).unwrap_or_else(|| name.to_owned()),
            names,
        };
        return (StatusCode::NOT_FOUND, frame::html(&page));
    };
    let is_known = known.is_some();
    // Without the scrape thread's word there is still the definition.
    let without = Overview {
        collectors: live.collectors.clone(),
        ..Overview::default()
    };
    let overview = known.unwrap_or(&without);
    let row = rows::row_of(overview, name);
    let definitions = definitions(overview, name);
    let mut ordered = branches.clone();
    ordered.sort_by_key(|branch| {
        !definitions
            .iter()
            .any(|one| one.is_installed && one.branch == branch.branch)
    });
    let installed = installed(overview, name);
    let page = Page {
        frame,
        is_known,
        name,
        desc: row.as_ref().map_or(&*first.desc, |row| row.desc),
        more_executions: installed.len().saturating_sub(DATABASES),
        executions: installed
            .into_iter()
            .take(DATABASES)
            .map(|(database, collector)| execution(database, collector, &branches))
            .collect(),
        metrics: metrics(overview, name, &ordered),
        row,
        definitions,
    };
    (StatusCode::OK, frame::html(&page))
}

/// Where it is installed, those in trouble first.
fn installed<'a>(overview: &'a Overview, name: &str) -> Vec<(&'a DatabaseOverview, &'a CollectorOverview)> {
    let mut installed: Vec<_> = overview
        .databases
        .iter()
        .flat_map(|database| database.collectors.iter().map(move |one| (database, one)))
        .filter(|(_, one)| one.name == name)
        .collect();
    installed.sort_by_key(|(_, one)| rows::group(one.state));
    installed
}

fn execution<'a>(
    database: &'a DatabaseOverview,
    one: &'a CollectorOverview,
    branches: &[&Collector],
) -> Execution<'a> {
    let ttl = branches
        .iter()
        .find(|branch| branch.branch == one.branch)
        .map_or(0.0, |branch| branch.ttl.as_secs_f64());
    let figure = |value: f64| {
        if one.executions == 0 {
            "–".to_owned()
        } else {
            seconds(value)
        }
    };
    Execution {
        database: &database.name,
        branch: &one.branch,
        group: rows::group(one.state),
        state: one.state,
        last: one.last_execution.map_or_else(|| "never".to_owned(), ago),
        duration: figure(one.duration),
        spark: spark(&one.recent),
        average: figure(one.average_seconds()),
        executions: count(one.executions),
        errors: count(one.errors),
        hits: count(one.hits),
        skips: count(one.skips),
        series: count(one.series),
        age: rows::age(one.age, ttl),
        gaps: (!one.gaps.is_empty()).then(|| one.gaps.to_string()),
        error: one
            .last_error
            .as_ref()
            .map(|failure| (failure.to_string(), one.last_failed.map(ago).unwrap_or_default())),
    }
}
