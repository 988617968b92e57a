//! Answers for load balancers and orchestrators, off the probe's last snapshot: `health::answer` has the rules.

use hyper::http::request::Parts;
use hyper::{Response, StatusCode};

use super::answer;
use super::backend::Backend;
use super::body::Body;
use crate::health::{Question, Verdict};

pub(super) fn answer<B: Backend>(backend: &B, question: Question, request: Parts) -> Response<Body> {
    let query = request.uri.query().unwrap_or_default();
    let (verdict, body) = question.answer(&backend.health(), || backend.is_alive(), query);
    let status = match verdict {
        Verdict::Yes => StatusCode::OK,
        Verdict::OtherRole => StatusCode::NOT_FOUND,
        Verdict::No => StatusCode::SERVICE_UNAVAILABLE,
        Verdict::Malformed => StatusCode::BAD_REQUEST,
    };
    answer::text(request.headers, status, body)
}
