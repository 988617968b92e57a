//! What a request must be to be answered at all, and what becomes of its body.
//!
//! No path takes a body. One that comes is read to its end and thrown away as it comes, within bounds, before the
//! request is acted upon: half a request has no effect.

use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use hyper::header::{CONNECTION, CONTENT_LENGTH, HOST, HeaderValue, TRANSFER_ENCODING};
use hyper::http::request::Parts;
use hyper::http::uri::Authority;
use hyper::{HeaderMap, Method, Response, StatusCode, Version};
use tokio::time::timeout;

use super::answer;
use super::body::Body;

/// Bytes of the longest body that is read.
const MAX_BODY: u64 = 64 * 1024;

/// Bytes of the longest path with its query: a selection of every collector has half of it.
const MAX_TARGET: usize = 8 * 1024;

/// Fields of a head. Over HTTP/1 hyper counts them as they come, over HTTP/2 it counts their bytes alone: 480 short ones make a map of
/// 70 kB.
const MAX_FIELDS: usize = 100;

/// Why a request is not acted upon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    status: StatusCode,
    text: &'static str,
}

const fn refusal(status: StatusCode, text: &'static str) -> Refusal {
    Refusal { status, text }
}

const HOSTS: Refusal = refusal(
    StatusCode::BAD_REQUEST,
    "a request of HTTP/1.1 has exactly one Host header, with a host\n",
);
const TARGET: Refusal = refusal(
    StatusCode::BAD_REQUEST,
    "the target of a request is a path, as in GET /metrics\n",
);
const LONG_TARGET: Refusal = refusal(
    StatusCode::URI_TOO_LONG,
    "the path and the query of a request have at most 8 KiB\n",
);
const MANY: Refusal = refusal(
    StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
    "the head of a request has at most 100 fields\n",
);
const TUNNEL: Refusal = refusal(StatusCode::NOT_IMPLEMENTED, "this server makes no tunnels\n");
const CODING: Refusal = refusal(
    StatusCode::NOT_IMPLEMENTED,
    "the only transfer coding here is chunked\n",
);
const BROKEN: Refusal = refusal(StatusCode::BAD_REQUEST, "the body of the request is broken\n");
const LONG: Refusal = refusal(
    StatusCode::PAYLOAD_TOO_LARGE,
    "nothing here takes a body, and this one is longer than 64 KiB\n",
);
const SLOW: Refusal = refusal(
    StatusCode::REQUEST_TIMEOUT,
    "the body of the request did not come in time\n",
);

impl Refusal {
    /// The answer, which is the connection's last: what follows the head cannot be told from another request.
    pub(super) fn answer(self, map: HeaderMap) -> Response<Body> {
        let mut response = answer::text(map, self.status, self.text);
        response
            .headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("close"));
        response
    }
}

/// Judges the head.
///
/// # Errors
/// Why the request is refused.
pub(super) fn check(head: &Parts) -> Result<(), Refusal> {
    if head.headers.len() > MAX_FIELDS {
        return Err(MANY);
    }
    if !names_its_host(head) {
        return Err(HOSTS);
    }
    if head.method == Method::CONNECT {
        return Err(TUNNEL);
    }
    if !is_target(head) {
        return Err(TARGET);
    }
    if head
        .uri
        .path_and_query()
        .is_some_and(|target| target.as_str().len() > MAX_TARGET)
    {
        return Err(LONG_TARGET);
    }
    let mut codings = head.headers.get_all(TRANSFER_ENCODING).into_iter();
    let coding = codings.next();
    if coding.is_some_and(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"chunked"))
        || codings.next().is_some()
    {
        return Err(CODING);
    }
    // A length beyond the bound is refused before the client was told to go on (`Expect: 100-continue`).
    let length = head
        .headers
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok());
    if length
        .and_then(|length| length.parse().ok())
        .is_some_and(|length: u64| length > MAX_BODY)
    {
        return Err(LONG);
    }
    Ok(())
}

/// HTTP/1.1 demands one `Host`; HTTP/1.0, which load balancers speak, has none or one.
fn names_its_host(head: &Parts) -> bool {
    let mut hosts = head.headers.get_all(HOST).into_iter();
    match (hosts.next(), hosts.next()) {
        (None, _) => head.version != Version::HTTP_11,
        // Empty is what a client sends whose URL names no host.
        (Some(host), None) => host.is_empty() || is_host(host),
        (Some(_), Some(_)) => false,
    }
}

fn is_host(host: &HeaderValue) -> bool {
    Authority::try_from(host.as_bytes()).is_ok_and(|authority| !authority.as_str().contains('@'))
}

/// A path, or a URL of this server as proxies send it; `*` only where the server as a whole is meant.
fn is_target(head: &Parts) -> bool {
    match head.uri.path() {
        "*" => head.method == Method::OPTIONS,
        path => {
            let scheme = head.uri.scheme_str();
            path.starts_with('/') && scheme.is_none_or(|scheme| matches!(scheme, "http" | "https"))
        }
    }
}

/// Reads a body and throws it away.
///
/// # Errors
/// When it is too long, not in the form that its head says, or not there within the time.
pub(super) async fn discard(mut body: Incoming, time: Duration) -> Result<(), Refusal> {
    let read = async {
        let mut left = MAX_BODY;
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| BROKEN)?;
            let length = frame.data_ref().map_or(0, |data| data.len() as u64);
            left = left.checked_sub(length).ok_or(LONG)?;
        }
        Ok(())
    };
    timeout(time, read).await.unwrap_or(Err(SLOW))
}

/// Whether a request has a body, be it of unknown length.
pub(super) fn has_body(body: &Incoming) -> bool {
    !body.is_end_stream()
}
