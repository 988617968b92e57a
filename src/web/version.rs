//! What this binary was made from.

use hyper::http::request::Parts;
use hyper::{Response, StatusCode};

use super::answer;
use super::body::Body;
use super::negotiate;
use crate::build_info::BUILD_INFO;

pub(super) fn answer(request: Parts) -> Response<Body> {
    if !negotiate::wants_json(&request.headers, request.uri.query().unwrap_or_default()) {
        return answer::text(request.headers, StatusCode::OK, BUILD_INFO.text());
    }
    // A flat object of strings always serialises.
    let body = serde_json::to_string(&BUILD_INFO).unwrap_or_default();
    answer::with_type(request.headers, StatusCode::OK, answer::JSON, body)
}
