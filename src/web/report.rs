//! `/explain` and `/stat`.

use std::sync::Arc;
use std::time::Duration;

use hyper::http::request::Parts;
use hyper::{Response, StatusCode};
use tokio::time::timeout;

use super::body::Body;
use super::{Backend, Context, answer, negotiate};
use crate::report::{Explain, Statistics};
use crate::scrape::Overview;

/// How long the scrape thread may take to tell what it knows.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);

/// What is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Report {
    Explain,
    Statistics,
}

impl Report {
    pub(super) async fn answer<B: Backend>(self, context: Arc<Context<B>>, request: Parts) -> Response<Body> {
        let wants_json = negotiate::wants_json(&request.headers, request.uri.query().unwrap_or_default());
        let map = request.headers;
        match timeout(PATIENCE, context.backend.overview()).await {
            Ok(Ok(overview)) if wants_json => {
                answer::with_type(map, StatusCode::OK, answer::JSON, self.json(&overview))
            }
            Ok(Ok(overview)) => answer::text(map, StatusCode::OK, self.text(&overview)),
            Ok(Err(gone)) => answer::text(map, StatusCode::SERVICE_UNAVAILABLE, format!("{gone}\n")),
            Err(_) => {
                let body = "the scrape thread did not answer in time\n";
                answer::text(map, StatusCode::SERVICE_UNAVAILABLE, body)
            }
        }
    }

    fn text(self, overview: &Overview) -> String {
        match self {
            Self::Explain => Explain::new(overview).text(),
            Self::Statistics => Statistics::new(overview).text(),
        }
    }

    fn json(self, overview: &Overview) -> String {
        match self {
            Self::Explain => Explain::new(overview).json(),
            Self::Statistics => Statistics::new(overview).json(),
        }
    }
}
