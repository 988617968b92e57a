//! `/explain` and `/stat`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::http::request::Parts;
use hyper::{Response, StatusCode};
use tokio::time::timeout;

use super::backend::Backend;
use super::body::Body;
use super::context::Context;
use super::{answer, negotiate, people, query, selection};
use crate::scrape::overview::{Explain, Statistics};
use crate::scrape::{Encoding, Format, Gone, Overview, Request, Selection};

/// How long the scrape thread may take to tell what it knows.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);

/// Databases in a text that is for people, unless all are asked for; tools read JSON, which has them all.
const DATABASES: usize = 100;

/// How much of it may go into planning, where there is no plan.
const PLANNING: Duration = Duration::from_millis(800);

/// What is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Report {
    Explain,
    Statistics,
}

impl Report {
    pub(super) async fn answer<B: Backend>(
        self,
        context: Arc<Context<B>>,
        target: Arc<B>,
        request: Parts,
    ) -> Response<Body> {
        let query = request.uri.query().unwrap_or_default();
        let wants_json = negotiate::wants_json(&request.headers, query);
        let map = request.headers;
        let selection = match selection::read(query, &context.catalog.live()) {
            Ok(selection) => selection,
            Err(advice) => return answer::text(map, StatusCode::BAD_REQUEST, advice),
        };
        let extent = if all_databases(query) {
            usize::MAX
        } else {
            DATABASES
        };
        let turn = match people::turn(&context).await {
            Ok(turn) => turn,
            Err(why) => return answer::later(format!("{why}\n")),
        };
        let overview = match timeout(PATIENCE, self.overview(&*target)).await {
            Ok(Ok(overview)) => overview,
            Ok(Err(gone)) => return answer::text(map, StatusCode::SERVICE_UNAVAILABLE, format!("{gone}\n")),
            Err(_) => {
                let body = "the scrape thread did not answer in time\n";
                return answer::text(map, StatusCode::SERVICE_UNAVAILABLE, body);
            }
        };
        let made = people::make(turn, move || {
            let selected = |name: &str| selection.includes(name);
            if wants_json {
                self.json(&overview, &selected)
            } else {
                self.text(&overview, &selected, extent)
            }
        });
        match made.await {
            Ok(report) if wants_json => answer::with_type(map, StatusCode::OK, answer::JSON, report),
            Ok(report) => answer::text(map, StatusCode::OK, report),
            Err(why) => answer::text(map, StatusCode::INTERNAL_SERVER_ERROR, format!("{why}\n")),
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

    fn text(self, overview: &Overview, selected: &dyn Fn(&str) -> bool, extent: usize) -> String {
        match self {
            Self::Explain => Explain::selected(overview, selected).text_of(extent),
            Self::Statistics => Statistics::selected(overview, selected).text_of(extent),
        }
    }

    fn json(self, overview: &Overview, selected: &dyn Fn(&str) -> bool) -> String {
        match self {
            Self::Explain => Explain::selected(overview, selected).json(),
            Self::Statistics => Statistics::selected(overview, selected).json(),
        }
    }
}

/// `?databases=all`: nothing is left out of the text, however many databases there are.
fn all_databases(query: &str) -> bool {
    query::pairs(query).any(|(name, value)| name == "databases" && value == "all")
}
