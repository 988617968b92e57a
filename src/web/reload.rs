//! `/reload`: the configuration is read anew and swapped in, or it is said why not.

use std::sync::Arc;
use std::time::SystemTime;

use hyper::http::request::Parts;
use hyper::{HeaderMap, Response, StatusCode};
use serde_json::json;

use super::body::Body;
use super::context::Context;
use super::{answer, query};
use crate::catalog::{Change, reload_in_background};
use crate::scrape::overview::time;
use crate::values::boolean;
use crate::values::text::in_json;

pub(super) async fn answer<B>(context: Arc<Context<B>>, request: Parts) -> Response<Body> {
    let map = request.headers;
    if context.disable_reload {
        let message = "reload over HTTP is off (--web.disable-reload); send the process SIGHUP instead";
        return failed(map, StatusCode::FORBIDDEN, message);
    }
    if is_of_another_site(&map) {
        let message = "a page of another site may not reload this exporter";
        return failed(map, StatusCode::FORBIDDEN, message);
    }
    let dry_run = match dry_run(request.uri.query().unwrap_or_default()) {
        Ok(dry_run) => dry_run,
        Err(message) => return failed(map, StatusCode::BAD_REQUEST, &message),
    };
    match reload(context, dry_run).await {
        Ok((change, targets)) => succeeded(map, &change, targets.as_ref(), dry_run),
        Err(error) => failed(map, StatusCode::INTERNAL_SERVER_ERROR, &error),
    }
}

/// Files are read and compiled on a thread of their own: probes are answered meanwhile.
/// Collectors and targets are swapped only if both are sound.
async fn reload<B>(context: Arc<Context<B>>, dry_run: bool) -> Result<(Change, Option<Change>), String> {
    let catalog = Arc::clone(&context.catalog);
    let _told = (!dry_run).then(|| context.manager.reloading());
    let Some(fleet) = context.fleet.clone() else {
        let change = reload_in_background(catalog, dry_run, "HTTP").await;
        return change
            .map(|change| (change, None))
            .map_err(|error| error.to_string());
    };
    let tried = Arc::clone(&fleet).reload_in_background(true, "HTTP").await;
    let tried = tried.map_err(|error| error.to_string())?;
    let change = reload_in_background(catalog, dry_run, "HTTP").await;
    let change = change.map_err(|error| error.to_string())?;
    if dry_run {
        return Ok((change, Some(tried)));
    }
    let targets = fleet.reload_in_background(false, "HTTP").await;
    Ok((change, Some(targets.map_err(|error| error.to_string())?)))
}

/// Whether a browser asks for a page that is not ours: with the password that its user once gave, if there is one.
fn is_of_another_site(map: &HeaderMap) -> bool {
    map.get("sec-fetch-site").is_some_and(|site| site == "cross-site")
}

/// Without a value it is on. One that is neither on nor off must not end in a reload.
fn dry_run(query: &str) -> Result<bool, String> {
    let given = query::pairs(query)
        .filter(|(name, _)| name == "dry_run")
        .map(|(_, value)| value)
        .last();
    match given.as_deref() {
        None => Ok(false),
        Some("") => Ok(true),
        Some(value) => boolean(value).map_err(|advice| format!("dry_run={value}: {advice}")),
    }
}

fn succeeded(map: HeaderMap, change: &Change, targets: Option<&Change>, dry_run: bool) -> Response<Body> {
    let message = if dry_run {
        "Configuration is valid, nothing was changed"
    } else {
        "Configuration reloaded successfully"
    };
    let now = time(SystemTime::now());
    // Lists of strings always serialise.
    let changed = in_json(serde_json::to_string(change).unwrap_or_default());
    let targets = targets.map(|targets| in_json(serde_json::to_string(targets).unwrap_or_default()));
    let targets = targets
        .map(|targets| format!(r#","targets":{targets}"#))
        .unwrap_or_default();
    // Written out, since the contract has a blank that a JSON library would not write.
    let body = format!(
        r#"{{"status":"success","message":"{message}","timestamp":"{now}", "changed":{changed}{targets}}}"#
    );
    answer::with_type(map, StatusCode::OK, answer::JSON, body)
}

fn failed(map: HeaderMap, status: StatusCode, message: &str) -> Response<Body> {
    let now = time(SystemTime::now());
    let body = format!(
        r#"{{"status":"error","message":{},"timestamp":"{now}"}}"#,
        in_json(json!(message).to_string())
    );
    answer::with_type(map, status, answer::JSON, body)
}
