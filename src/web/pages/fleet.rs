//! `/` of a process that has many targets: all of them in one table.

use std::cmp::Ordering;
use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use hyper::http::request::Parts;
use hyper::{Response, StatusCode, Uri};

use super::figures::{bytes, count, seconds, version};
use super::fleet_options::{FleetOptions, Sort};
use super::frame;
use super::frame::{Frame, Made};
use super::order::{Chip, Head};
use crate::build_info::{BUILD_INFO, BuildInfo};
use crate::health::{Snapshot, State};
use crate::scrape::Summary;
use crate::web::backend::Backend;
use crate::web::body::Body;
use crate::web::context::Context;
use crate::web::people;

/// Rows shown unless all are asked for.
const ROWS: usize = 500;

#[derive(Template)]
#[template(path = "fleet.html")]
struct Page<'a> {
    frame: Frame<'a>,
    rows: Vec<Row>,
    /// Targets, shown or not.
    all: usize,
    /// Those that the filter leaves.
    left: usize,
    chips: Vec<Chip>,
    heads: Vec<Head>,
    options: FleetOptions,
    shard: Option<String>,
    paths: Vec<String>,
    failure: Option<Arc<str>>,
    build: &'static BuildInfo,
}

/// A row as it is shown.
struct Row {
    name: String,
    state: &'static str,
    tone: &'static str,
    reason: Option<Arc<str>>,
    server: String,
    labels: String,
    version: String,
    lag: String,
    connections: String,
    scraped: String,
    duration: String,
    series: String,
    failing: usize,
    errors: u64,
}

/// A target and what is known of it now.
struct Known<B> {
    target: Arc<B>,
    health: Snapshot,
    summary: Summary,
}

pub(in crate::web) async fn answer<B: Backend>(context: Arc<Context<B>>, request: Parts) -> Response<Body> {
    let turn = match people::turn(&context).await {
        Ok(turn) => turn,
        Err(why) => return frame::show(request.headers, Err(why)),
    };
    let uri = request.uri;
    let made = people::make(turn, move || made(&context, &uri));
    frame::show(request.headers, made.await)
}

fn made<B: Backend>(context: &Context<B>, uri: &Uri) -> Made {
    let options = FleetOptions::read(uri.query().unwrap_or_default());
    let all: Vec<Known<B>> = context.targets.now().iter().map(Known::new).collect();
    let number = all.len();
    let chips = chips(&all, &options);
    let filter = options.filter.to_lowercase();
    let mut kept: Vec<_> = all
        .into_iter()
        .filter(|known| known.is_meant(&options.state, &filter))
        .collect();
    kept.sort_by(|one, other| {
        let order = compare(one, other, options.order.column);
        let order = if options.order.descends() {
            order.reverse()
        } else {
            order
        };
        order.then_with(|| one.target.name().cmp(&other.target.name()))
    });
    let shown = if options.all { usize::MAX } else { ROWS };
    let fleet = context.fleet.as_deref();
    let page = Page {
        frame: Frame::of_exporter(context, uri.path()),
        all: number,
        left: kept.len(),
        rows: kept.iter().take(shown).map(Row::new).collect(),
        chips,
        heads: options.order.heads(|order| options.ordered(order).href()),
        options,
        shard: fleet
            .and_then(|fleet| fleet.shard())
            .map(|shard| shard.to_string()),
        paths: fleet
            .map(|fleet| {
                fleet
                    .paths()
                    .iter()
                    .map(|path| path.display().to_string())
                    .collect()
            })
            .unwrap_or_default(),
        failure: fleet.and_then(|fleet| fleet.status().failure.clone()),
        build: &BUILD_INFO,
    };
    (StatusCode::OK, page.render())
}

impl<B: Backend> Known<B> {
    fn new(target: &Arc<B>) -> Self {
        Self {
            health: target.health(),
            summary: target.summary(),
            target: Arc::clone(target),
        }
    }

    fn is_meant(&self, state: &str, filter: &str) -> bool {
        let has = |text: &str| text.to_lowercase().contains(filter);
        let is_found = || {
            let in_label = |(name, value): &(String, String)| has(&format!("{name}={value}"));
            has(self.target.name().unwrap_or_default())
                || has(self.target.server())
                || self.target.labels().iter().any(in_label)
                || self.health.reason.as_deref().is_some_and(has)
        };
        (state.is_empty() || state == self.health.state.word()) && (filter.is_empty() || is_found())
    }
}

fn compare<B: Backend>(one: &Known<B>, other: &Known<B>, sort: Sort) -> Ordering {
    let by = |of: fn(&Known<B>) -> u64| of(one).cmp(&of(other));
    match sort {
        Sort::Name => one.target.name().cmp(&other.target.name()),
        Sort::State => by(|known| place(known.health.state)),
        Sort::Version => by(|known| u64::from(known.summary.version)),
        Sort::Lag => lag(&one.health).cmp(&lag(&other.health)),
        Sort::Connections => by(|known| known.summary.connections as u64),
        // None is the oldest of all.
        Sort::Scraped => other.summary.ended.cmp(&one.summary.ended),
        Sort::Series => by(|known| known.summary.series),
        Sort::Errors => by(|known| known.summary.errors + known.summary.failing as u64),
    }
}

/// What needs attention first.
fn place(state: State) -> u64 {
    match state {
        State::Down => 0,
        State::Starting => 1,
        State::Unknown => 2,
        State::Replica => 3,
        State::Primary => 4,
    }
}

fn tone(state: State) -> &'static str {
    match state {
        State::Primary | State::Replica => "good",
        State::Starting | State::Unknown => "warn",
        State::Down => "bad",
    }
}

fn lag(health: &Snapshot) -> Option<Duration> {
    health.lag.time.filter(|_| health.state == State::Replica)
}

impl Row {
    fn new<B: Backend>(known: &Known<B>) -> Self {
        let Known {
            target,
            health,
            summary,
        } = known;
        let labels = target
            .labels()
            .iter()
            .map(|(name, value)| format!("{name}={value}"));
        let behind = match (lag(health), health.lag.bytes) {
            (Some(time), _) => seconds(time.as_secs_f64()),
            (None, Some(behind)) if health.state == State::Replica => bytes(behind),
            _ => "–".to_owned(),
        };
        let scraped = summary.ended.map(|ended| ended.elapsed().as_secs());
        Self {
            name: target.name().unwrap_or_default().to_owned(),
            state: health.state.word(),
            tone: tone(health.state),
            reason: health.reason.clone(),
            server: target.server().to_owned(),
            labels: labels.collect::<Vec<_>>().join(" "),
            version: if summary.version == 0 {
                String::new()
            } else {
                version(summary.version)
            },
            lag: behind,
            connections: summary.connections.to_string(),
            scraped: match scraped {
                None => "never".to_owned(),
                Some(0) => "just now".to_owned(),
                Some(age) => format!("{} ago", seconds(age as f64)),
            },
            duration: summary
                .ended
                .map(|_| seconds(summary.duration.as_secs_f64()))
                .unwrap_or_default(),
            series: count(summary.series),
            failing: summary.failing,
            errors: summary.errors,
        }
    }
}

fn chips<B: Backend>(all: &[Known<B>], options: &FleetOptions) -> Vec<Chip> {
    let chip = |label, state: &str, count| Chip {
        label,
        count,
        href: options.of_state(state).href(),
        is_current: options.state == state,
    };
    let of = |state: State| all.iter().filter(|known| known.health.state == state).count();
    let states = [
        (State::Down, "Down"),
        (State::Starting, "Starting"),
        (State::Unknown, "Unknown"),
        (State::Replica, "Replica"),
        (State::Primary, "Primary"),
    ];
    let counted = states.map(|(state, label)| (label, state.word(), of(state)));
    let shown = counted
        .into_iter()
        .filter(|(label, word, count)| *count > 0 || *label == "Down" || options.state == **word);
    std::iter::once(chip("All", "", all.len()))
        .chain(shown.map(|(label, word, count)| chip(label, word, count)))
        .collect()
}
