//! The page for people.

use std::sync::Arc;

use askama::Template;
use hyper::header::{CONTENT_SECURITY_POLICY, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use hyper::{HeaderMap, Response, StatusCode};
use tokio::time::timeout;

use super::answer;
use super::body::Body;
use super::report::PATIENCE;
use super::{Backend, Context};
use crate::build_info::{BUILD_INFO, BuildInfo};
use crate::scrape::{CollectorOverview, DatabaseOverview};
use crate::target::health::{Lag, Snapshot, State};

/// Nothing from elsewhere, no script: the page is one file.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
);

#[derive(Template)]
#[template(path = "home.html")]
struct Home<'a> {
    state: &'static str,
    is_up: bool,
    reason: Option<&'a str>,
    probe: String,
    lag: Option<String>,
    telemetry_path: &'a str,
    /// `None` when the scrape thread did not tell.
    databases: Option<Vec<Database<'a>>>,
    build: &'static BuildInfo,
}

/// One database, its figures as text.
struct Database<'a> {
    name: &'a str,
    version: String,
    error: Option<&'a str>,
    collectors: Vec<Collector<'a>>,
}

/// One row of a database's table.
struct Collector<'a> {
    facts: &'a CollectorOverview,
    is_bad: bool,
    duration: String,
    age: String,
}

pub(super) async fn answer<B: Backend>(context: Arc<Context<B>>, map: HeaderMap) -> Response<Body> {
    let overview = timeout(PATIENCE, context.backend.overview())
        .await
        .ok()
        .and_then(Result::ok);
    let snapshot = context.backend.health();
    let home = Home {
        state: snapshot.state.word(),
        is_up: snapshot.state.is_up(),
        reason: snapshot.reason.as_deref(),
        probe: probe(&snapshot),
        lag: (snapshot.state == State::Replica).then(|| lag(&snapshot.lag)),
        telemetry_path: &context.telemetry_path,
        databases: overview
            .as_ref()
            .map(|overview| overview.databases.iter().map(Database::new).collect()),
        build: &BUILD_INFO,
    };
    match home.render() {
        Ok(html) => {
            let mut response = answer::with_type(map, StatusCode::OK, answer::HTML, html);
            response.headers_mut().insert(CONTENT_SECURITY_POLICY, POLICY);
            response
                .headers_mut()
                .insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
            response
        }
        Err(error) => answer::text(
            map,
            StatusCode::INTERNAL_SERVER_ERROR,
            format!("this page cannot be shown: {error}\n"),
        ),
    }
}

impl<'a> Database<'a> {
    fn new(database: &'a DatabaseOverview) -> Self {
        Self {
            name: &database.name,
            version: version(database.version),
            error: database.error.as_deref(),
            collectors: database.collectors.iter().map(Collector::new).collect(),
        }
    }
}

impl<'a> Collector<'a> {
    fn new(facts: &'a CollectorOverview) -> Self {
        Self {
            facts,
            is_bad: matches!(facts.state, "failed" | "paused"),
            duration: seconds(facts.duration),
            age: facts.age.map_or_else(|| "–".to_owned(), seconds),
        }
    }
}

fn probe(snapshot: &Snapshot) -> String {
    if snapshot.state == State::Unknown {
        return "not probed yet".to_owned();
    }
    let age = seconds(snapshot.at.elapsed().as_secs_f64());
    format!("probed {age} ago, took {}", seconds(snapshot.took.as_secs_f64()))
}

fn lag(lag: &Lag) -> String {
    let time = lag
        .time
        .map_or_else(|| "unknown time".to_owned(), |time| seconds(time.as_secs_f64()));
    let bytes = lag
        .bytes
        .map_or_else(|| "unknown bytes".to_owned(), |bytes| format!("{bytes} bytes"));
    format!(
        "{time}, {bytes}{}",
        if lag.paused { ", replay is paused" } else { "" }
    )
}

/// A number of seconds in the unit that suits it.
fn seconds(seconds: f64) -> String {
    match seconds {
        s if s < 1.0 => format!("{:.1} ms", s * 1e3),
        s if s < 120.0 => format!("{s:.1} s"),
        s if s < 7200.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}

/// `server_version_num` as people know it: two parts from PostgreSQL 10 on, three before and for pgbouncer.
fn version(number: u32) -> String {
    match number {
        0 => "unknown version".to_owned(),
        100_000.. => format!("{}.{}", number / 10_000, number % 10_000),
        _ => format!("{}.{}.{}", number / 10_000, number / 100 % 100, number % 100),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_for_people() {
        assert_eq!(
            [150_018, 90_624, 11_800, 0].map(version),
            ["15.18", "9.6.24", "1.18.0", "unknown version"]
        );
        let table = [
            (0.0, "0.0 ms"),
            (0.0123, "12.3 ms"),
            (1.25, "1.2 s"),
            (600.0, "10 min"),
            (9000.0, "2.5 h"),
        ];
        for (value, expected) in table {
            assert_eq!(seconds(value), expected);
        }
    }
}
