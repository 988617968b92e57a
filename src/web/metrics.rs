//! The metrics page.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::header::{CONTENT_ENCODING, HeaderValue, VARY};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Response, StatusCode};
use tokio::time::timeout_at;

use super::answer;
use super::backend::Backend;
use super::body::Body;
use super::context::Context;
use super::{negotiate, selection};
use crate::scrape::{Encoding, Request};

const TIMEOUT_HEADER: &str = "x-prometheus-scrape-timeout-seconds";

/// Longest scrape that a client can ask for.
const LONGEST: Duration = Duration::from_secs(3600);

/// How long after its deadline a page is still waited for: then the scrape thread is stuck.
const GRACE: Duration = Duration::from_secs(1);

/// Answers with a page, from the run that is on or from a new one.
pub(super) async fn answer<B: Backend>(
    context: Arc<Context<B>>,
    target: Arc<B>,
    request: Parts,
) -> Response<Body> {
    let query = request.uri.query().unwrap_or_default();
    let map = request.headers;
    let selection = match selection::read(query, &context.catalog.live()) {
        Ok(selection) => selection,
        Err(advice) => return answer::text(map, StatusCode::BAD_REQUEST, advice),
    };
    let deadline = Instant::now() + time(&map, target.scrape_timeout());
    let negotiate::Offer { format, content_type } = negotiate::offer(&map);
    let page = target.page(Request {
        deadline,
        format,
        encoding: negotiate::encoding(&map),
        selection,
    });
    let page = match timeout_at((deadline + GRACE).into(), page).await {
        Ok(Ok(page)) => page,
        Ok(Err(gone)) => return answer::text(map, StatusCode::SERVICE_UNAVAILABLE, format!("{gone}\n")),
        Err(_) => {
            let body = "the scrape thread did not answer in time\n";
            return answer::text(map, StatusCode::SERVICE_UNAVAILABLE, body);
        }
    };
    let mut response = answer::with_type(map, StatusCode::OK, content_type, page.chunks);
    let vary = HeaderValue::from_static("Accept, Accept-Encoding");
    response.headers_mut().insert(VARY, vary);
    coded(response, page.encoding)
}

/// Says how the body is compressed.
pub(super) fn coded(mut response: Response<Body>, encoding: Encoding) -> Response<Body> {
    let coding = match encoding {
        Encoding::Identity => return response,
        Encoding::Gzip => "gzip",
        Encoding::Zstd => "zstd",
    };
    response
        .headers_mut()
        .insert(CONTENT_ENCODING, HeaderValue::from_static(coding));
    response
}

/// Time for a scrape: what the client says less a margin for the way back, else the default.
fn time(headers: &HeaderMap, default: Duration) -> Duration {
    let said = headers
        .get(TIMEOUT_HEADER)
        .and_then(|value| value.to_str().ok()?.trim().parse::<f64>().ok());
    let Some(seconds) = said.filter(|seconds| *seconds > 0.0) else {
        return default;
    };
    let limit = Duration::from_secs_f64(seconds.min(LONGEST.as_secs_f64()));
    let margin = (limit / 10).clamp(Duration::from_millis(50), Duration::from_millis(500));
    limit.saturating_sub(margin).max(limit / 2)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn deadline_leaves_room_for_the_way_back() {
        let default = Duration::from_secs(10);
        let table = [
            ("10", 9500),
            ("0.9", 810),
            ("0.2", 150),
            ("0.04", 20),
            ("60", 59_500),
            ("1e9", 3_599_500),
            ("inf", 3_599_500),
            ("0", 10_000),
            ("-1", 10_000),
            ("NaN", 10_000),
            ("soon", 10_000),
            ("", 10_000),
        ];
        for (value, expected) in table {
            let map = HeaderMap::from_iter([(TIMEOUT_HEADER.parse().unwrap(), value.parse().unwrap())]);
            assert_eq!(time(&map, default), Duration::from_millis(expected), "{value:?}");
        }
        assert_eq!(time(&HeaderMap::new(), default), default);
    }
}
