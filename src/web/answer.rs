//! Answers: status, headers, body.

use std::future::Future;
use std::pin::Pin;

use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{HeaderMap, Response, StatusCode};

use super::body::Body;

pub(super) const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
pub(super) const JSON: HeaderValue = HeaderValue::from_static("application/json");
pub(super) const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// An answer that is there, or one that takes its time.
pub(super) enum Answer {
    Now(Response<Body>),
    Later(Making),
}

/// An answer in the making.
pub(super) type Making = Pin<Box<dyn Future<Output = Response<Body>>>>;

impl Answer {
    /// The answer, when it is there.
    pub(super) async fn made(self) -> Response<Body> {
        match self {
            Self::Now(response) => response,
            Self::Later(future) => future.await,
        }
    }
}

/// Fields for which a map has room that is used again. One that had a hundred keeps 15 kB until the client takes the answer.
const ROOM: usize = 24;

/// Puts an answer together in the header map of its request.
///
/// hyper gives the map of an answer to the next request of the connection, so that a health check allocates nothing.
pub(super) fn with_type(
    mut map: HeaderMap,
    status: StatusCode,
    kind: HeaderValue,
    body: impl Into<Body>,
) -> Response<Body> {
    if map.capacity() > ROOM {
        map = HeaderMap::new();
    }
    map.clear();
    map.insert(CONTENT_TYPE, kind);
    map.insert(CACHE_CONTROL, NO_STORE);
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    *response.headers_mut() = map;
    response
}

/// An answer in plain text.
pub(super) fn text(map: HeaderMap, status: StatusCode, body: impl Into<Body>) -> Response<Body> {
    with_type(map, status, TEXT, body)
}

/// A refusal that does not last.
pub(super) fn later(body: impl Into<Body>) -> Response<Body> {
    let mut response = text(HeaderMap::new(), StatusCode::SERVICE_UNAVAILABLE, body);
    response
        .headers_mut()
        .insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

/// An answer that names the methods of a path.
pub(super) fn methods(map: HeaderMap, status: StatusCode, allow: HeaderValue) -> Response<Body> {
    let body = if status.is_success() {
        Body::default()
    } else {
        Body::from("this path does not take that method\n")
    };
    let mut response = text(map, status, body);
    response.headers_mut().insert(ALLOW, allow);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_map_is_not_kept() {
        for (room, is_kept) in [(12, true), (480, false)] {
            let response = text(HeaderMap::with_capacity(room), StatusCode::OK, "");
            assert_eq!(response.headers().capacity() >= room, is_kept, "{room}");
            assert!(response.headers().capacity() <= ROOM);
        }
    }
}
