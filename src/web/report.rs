//! `/explain` and `/stat`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::http::request::Parts;
use hyper::{Response, StatusCode};
use tokio::time::timeout;

use super::backend::Backend;
use super::body::Body;
use super::context::Context;
use super::{answer, negotiate};
use crate::scrape::overview::{Explain, Statistics};
use crate::scrape::{Encoding, Format, Gone, Overview, Request, Selection};

/// How long the scrape thread may take to tell what it knows.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);

/// How much of it may go into planning, where there is no plan.
const PLANNING: Duration = Duration::from_millis(800);

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
        match timeout(PATIENCE, self.overview(&context.backend)).await {
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

    async fn overview<B: Backend>(self, backend: &B) -> Result<Overview, Gone> {
        let overview = backend.overview().await?;
        if self == Self::Statistics || !overview.lacks_plans() {
            return Ok(overview);
        }
        // Before the first scrape, and after a reload: facts are read and planned, nothing is executed. If that takes
        // too long, what is known has to do.
        let deadline = Instant::now() + PLANNING;
        let selection = Selection::nothing();
        let planning = backend.page(Request {
            deadline,
            format: Format::Text,
            encoding: Encoding::Identity,
            selection,
        });
        let _ = timeout(PLANNING, planning).await;
        backend.overview().await
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
