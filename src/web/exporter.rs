//! The exporter's own page, and what orchestrators ask about the process, where it has many targets.

use std::sync::Arc;
use std::time::UNIX_EPOCH;

use hyper::header::{HeaderValue, VARY};
use hyper::http::request::Parts;
use hyper::{Response, StatusCode};

use super::answer;
use super::backend::Backend;
use super::body::Body;
use super::context::Context;
use super::metrics::coded;
use super::subject::NoSubject;
use super::{negotiate, people};
use crate::fleet::Fleet;
use crate::health::Question;
use crate::scrape::{ExporterPage, TargetLine, TargetsLoad};

/// `/metrics` without a target.
pub(super) async fn metrics<B: Backend>(context: Arc<Context<B>>, request: Parts) -> Response<Body> {
    let map = request.headers;
    let Some(fleet) = context.fleet.clone() else {
        return NoSubject::Unnamed.answer(map);
    };
    let negotiate::Offer { format, content_type } = negotiate::offer(&map);
    let encoding = negotiate::encoding(&map);
    // Thousands of targets are many lines: off the thread that answers probes.
    let turn = match people::turn(&context).await {
        Ok(turn) => turn,
        Err(why) => return answer::later(format!("{why}\n")),
    };
    let made = people::make(turn, move || {
        let targets: Vec<_> = context
            .targets
            .now()
            .iter()
            .map(|target| line(&**target))
            .collect();
        let base = fleet.base();
        let page = ExporterPage {
            namespace: base.namespace.as_deref().unwrap_or("pg"),
            labels: &base.config.labels,
            catalog: &context.catalog,
            telemetry: &context.telemetry,
            since: fleet.since(),
            load: load(&fleet),
            targets: &targets,
        };
        page.write(format, encoding)
    });
    match made.await {
        Ok(page) => {
            let mut response = answer::with_type(map, StatusCode::OK, content_type, page.chunks);
            let vary = HeaderValue::from_static("Accept, Accept-Encoding");
            response.headers_mut().insert(VARY, vary);
            coded(response, page.encoding)
        }
        Err(why) => answer::text(map, StatusCode::INTERNAL_SERVER_ERROR, format!("{why}\n")),
    }
}

/// What is asked about the process itself. No target stands for the others: whatever else is asked needs a name.
pub(super) fn health<B: Backend>(context: &Context<B>, question: Question, request: Parts) -> Response<Body> {
    let Some(fleet) = &context.fleet else {
        return NoSubject::Unnamed.answer(request.headers);
    };
    let (is_well, good, bad) = match question {
        Question::Readiness => (true, "the targets were read\n", ""),
        Question::Liveness => (fleet.engine.is_alive(), "alive\n", "a thread does not turn\n"),
        _ => return NoSubject::Unnamed.answer(request.headers),
    };
    if is_well {
        answer::text(request.headers, StatusCode::OK, good)
    } else {
        answer::text(request.headers, StatusCode::SERVICE_UNAVAILABLE, bad)
    }
}

fn line<B: Backend>(target: &B) -> TargetLine {
    TargetLine {
        name: target.name().unwrap_or_default().to_owned(),
        health: target.health(),
        summary: target.summary(),
    }
}

fn load(fleet: &Fleet) -> TargetsLoad {
    let status = fleet.status();
    let at = status.succeeded_at.duration_since(UNIX_EPOCH);
    TargetsLoad {
        successful: status.failure.is_none(),
        at: at.unwrap_or_default().as_secs_f64(),
    }
}
