//! The web configuration file of Prometheus' exporter toolkit: its keys, typed and with their places.
//!
//! What the values mean is the web server's business; here is only what is right of any such file. It is strict: an
//! unknown key is a mistake, since ignoring one would mean less protection than was asked for.

use std::sync::Arc;

use super::secret::Secret;
use super::text::{confidential, text};
use super::tls::TlsOptions;
use super::{keys, tls};
use crate::read::diagnostic::Diagnostic;
use crate::read::node::Node;
use crate::read::position::{At, Position};
use crate::read::report::{FileReport, Report, Strictness};
use crate::read::source::Source;
use crate::read::tree::tree;
use crate::read::value::{boolean, pairs, unknown_word, whole};

/// What a web configuration file says.
#[derive(Clone, Debug, Default)]
pub struct WebOptions {
    /// `tls_server_config`; `None` when it is absent or empty.
    pub tls: Option<TlsOptions>,
    /// `http2` of `http_server_config`.
    pub http2: Option<At<bool>>,
    /// `headers` of `http_server_config`: names and values, empty values left out.
    pub headers: Vec<(At<String>, At<String>)>,
    /// `rate_limit`, at the top or in `http_server_config`.
    pub rate_limit: Option<RateLimitOptions>,
    /// `basic_auth_users`: names and bcrypt hashes.
    pub users: Vec<(At<String>, At<Secret>)>,
}

/// How many requests are answered.
#[derive(Clone, Debug)]
pub struct RateLimitOptions {
    /// Where it begins.
    pub position: Position,
    /// Time between two requests, as Go writes durations.
    pub interval: Option<At<String>>,
    /// Requests that may come at once.
    pub burst: Option<At<i64>>,
}

/// Reads a web configuration file.
///
/// # Errors
/// All mistakes, when there is one.
pub fn web_options(source: &Source) -> Result<WebOptions, Vec<Diagnostic>> {
    let mut report = Report::new(Strictness::Strict);
    let file: Arc<str> = Arc::from(source.path.as_ref());
    let mut options = WebOptions::default();
    let in_file = &mut report.in_file(&file);
    if let Some(root) = tree(source, in_file) {
        for (key, value) in pairs(&root, "a web configuration file", in_file) {
            top_key(&mut options, key, value, in_file);
        }
    }
    if report.has_errors() {
        Err(report.into_sorted())
    } else {
        Ok(options)
    }
}

fn top_key(options: &mut WebOptions, key: &At<String>, value: &Node, report: &mut FileReport<'_>) {
    match key.value.as_str() {
        "tls_server_config" => options.tls = tls::read(value, report),
        "http_server_config" => http(options, value, report),
        "rate_limit" => rate_limit(options, key, value, report),
        "basic_auth_users" => options.users = users(value, report),
        _ => unknown_word(key, keys::TOP, "a web configuration file", report),
    }
}

fn http(options: &mut WebOptions, node: &Node, report: &mut FileReport<'_>) {
    for (key, value) in pairs(node, "`http_server_config`", report) {
        match key.value.as_str() {
            "http2" => options.http2 = boolean(value, "http2", report),
            "headers" => options.headers = headers(value, report),
            "rate_limit" => rate_limit(options, key, value, report),
            _ => unknown_word(key, keys::HTTP, "`http_server_config`", report),
        }
    }
}

fn headers(node: &Node, report: &mut FileReport<'_>) -> Vec<(At<String>, At<String>)> {
    pairs(node, "`headers`", report)
        .into_iter()
        .filter_map(|(key, value)| Some((key.clone(), text(value, &key.value, report)?)))
        .collect()
}

fn rate_limit(options: &mut WebOptions, key: &At<String>, node: &Node, report: &mut FileReport<'_>) {
    if let Some(first) = &options.rate_limit {
        let message = format!(
            "a second `rate_limit`, the first is on line {}; leave one",
            first.position.line
        );
        report.error(key.position, message);
    }
    let mut limit = RateLimitOptions {
        position: key.position,
        interval: None,
        burst: None,
    };
    for (key, value) in pairs(node, "`rate_limit`", report) {
        match key.value.as_str() {
            "interval" => limit.interval = text(value, "interval", report),
            "burst" => limit.burst = whole(value, "burst", report),
            _ => unknown_word(key, keys::RATE_LIMIT, "`rate_limit`", report),
        }
    }
    options.rate_limit = Some(limit);
}

fn users(node: &Node, report: &mut FileReport<'_>) -> Vec<(At<String>, At<Secret>)> {
    pairs(node, "`basic_auth_users`", report)
        .into_iter()
        .filter_map(|(name, hash)| Some((name.clone(), confidential(hash, &name.value, report)?)))
        .collect()
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
