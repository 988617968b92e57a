//! What a client is told that may not ask.

use std::time::Duration;

use hyper::header::{HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use hyper::{HeaderMap, Response, StatusCode};

use crate::web::answer;
use crate::web::body::Body;

/// Why a request is not answered.
#[derive(Debug)]
pub(in crate::web) enum Refusal {
    /// No name and password, or no right ones.
    Unknown,
    /// Too many requests; how long until the next may come.
    TooMany(Duration),
    /// Too many passwords to compare.
    Busy,
}

impl Refusal {
    /// What the client is told, in the header map of its request.
    pub(in crate::web) fn answer(&self, map: HeaderMap) -> Response<Body> {
        let again = |wait: Duration| HeaderValue::from(wait.as_secs_f64().ceil().max(1.0) as u64);
        let (status, body, name, value): (_, _, HeaderName, _) = match self {
            Self::Unknown => (
                StatusCode::UNAUTHORIZED,
                "this needs a name and a password\n",
                WWW_AUTHENTICATE,
                HeaderValue::from_static("Basic realm=\"pg_exporter\", charset=\"UTF-8\""),
            ),
            Self::TooMany(wait) => (
                StatusCode::TOO_MANY_REQUESTS,
                "too many requests\n",
                RETRY_AFTER,
                again(*wait),
            ),
            Self::Busy => (
                StatusCode::SERVICE_UNAVAILABLE,
                "too many passwords to compare\n",
                RETRY_AFTER,
                again(Duration::from_secs(1)),
            ),
        };
        let mut response = answer::text(map, status, body);
        response.headers_mut().insert(name, value);
        response
    }
}
