//! From a request's path and method to its answer.

use std::sync::Arc;

use hyper::header::HeaderValue;
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, Response, StatusCode};
use tokio::sync::Semaphore;

use super::answer;
use super::answer::{Answer, Making};
use super::backend::Backend;
use super::body::Body;
use super::context::Context;
use super::health;
use super::held::{Full, Held};
use super::report::Report;
use super::security::Refusal;
use super::subject::{NoSubject, Subject};
use super::{discovery, exporter, metrics, pages, reload, subject, version};
use crate::health::{PATHS, Question};
use crate::self_metrics::Page;

/// What is at a path. A path has one spelling, byte by byte: no decoding, no folding of slashes, no dots. What a proxy's
/// rule keeps clients away from is thus not reached by another spelling, either.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Route {
    Home,
    Collector,
    Metrics,
    Health(Question),
    Version,
    Report(Report),
    Reload,
    /// Where there are many targets.
    Discovery,
}

/// Where Prometheus finds out about many targets.
const DISCOVERY: &str = "/sd";

/// Every path but that of the metrics page and those of health.
const FIXED: [(&str, Route); 5] = [
    ("/", Route::Home),
    ("/version", Route::Version),
    ("/explain", Route::Report(Report::Explain)),
    ("/stat", Route::Report(Report::Statistics)),
    ("/reload", Route::Reload),
];

/// Methods of a page that is only read.
const READ: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");
/// Methods of a path that does something.
const ACT: HeaderValue = HeaderValue::from_static("GET, POST, OPTIONS");

/// Whether a path belongs to another page than that of metrics.
pub(super) fn is_taken(path: &str) -> bool {
    path.starts_with(pages::NAMES) || fixed_paths().any(|fixed| fixed == path)
}

/// Every path but that of the metrics page.
fn fixed_paths() -> impl Iterator<Item = &'static str> {
    fixed().map(|(path, _)| path)
}

fn fixed() -> impl Iterator<Item = (&'static str, Route)> {
    let health = PATHS
        .into_iter()
        .map(|(path, question)| (path, Route::Health(question)));
    FIXED
        .into_iter()
        .take(1)
        .chain(health)
        .chain(FIXED.into_iter().skip(1))
}

/// Answers a request and counts it.
pub(super) fn answer<B: Backend>(context: &Arc<Context<B>>, request: Parts) -> Answer {
    let route = Route::of(context, request.uri.path());
    let page = route.map_or(Page::Unknown, Route::page);
    match dispatch(context, route, request) {
        Answer::Now(response) => {
            context.telemetry.answered(page, response.status().as_u16());
            Answer::Now(response)
        }
        Answer::Later(future) => {
            let context = Arc::clone(context);
            Answer::Later(Box::pin(async move {
                let response = match context.pages.try_acquire() {
                    // What a reload has done is done, and told.
                    Ok(_permit) if route == Some(Route::Reload) => future.await,
                    Ok(_permit) => counted(&context, future.await),
                    Err(_) => answer::later("too many pages are being made, come back in a second\n"),
                };
                context.telemetry.answered(page, response.status().as_u16());
                response
            }))
        }
    }
}

/// Answers and counts a request that is not let in.
pub(super) fn refuse<B>(context: &Context<B>, request: Parts, refusal: &Refusal) -> Response<Body> {
    let route = Route::of(context, request.uri.path());
    let response = refusal.answer(request.headers);
    let status = response.status().as_u16();
    context
        .telemetry
        .answered(route.map_or(Page::Unknown, Route::page), status);
    response
}

fn dispatch<B: Backend>(context: &Arc<Context<B>>, route: Option<Route>, request: Parts) -> Answer {
    let Some(route) = route else {
        return Answer::Now(not_found(
            request.headers,
            &request.method,
            request.uri.path(),
            context,
        ));
    };
    match request.method {
        Method::GET => route.answer(context, request),
        Method::HEAD if route != Route::Reload => route.answer(context, request),
        Method::POST if route == Route::Reload => route.answer(context, request),
        Method::OPTIONS => Answer::Now(answer::methods(request.headers, StatusCode::OK, route.methods())),
        _ => Answer::Now(answer::methods(
            request.headers,
            StatusCode::METHOD_NOT_ALLOWED,
            route.methods(),
        )),
    }
}

impl Route {
    fn of<B>(context: &Context<B>, path: &str) -> Option<Self> {
        let at = Self::at(path, &context.telemetry_path);
        at.or_else(|| (path == DISCOVERY && context.targets.are_many()).then_some(Self::Discovery))
    }

    fn at(path: &str, telemetry_path: &str) -> Option<Self> {
        if path == telemetry_path {
            return Some(Self::Metrics);
        }
        if path.starts_with(pages::NAMES) {
            return Some(Self::Collector);
        }
        fixed().find(|(known, _)| *known == path).map(|(_, route)| route)
    }

    fn methods(self) -> HeaderValue {
        if self == Self::Reload { ACT } else { READ }
    }

    fn answer<B: Backend>(self, context: &Arc<Context<B>>, request: Parts) -> Answer {
        match self {
            Self::Version => return Answer::Now(version::answer(request)),
            Self::Reload => return Answer::Later(Box::pin(reload::answer(Arc::clone(context), request))),
            Self::Discovery => {
                return Answer::Later(Box::pin(discovery::answer(Arc::clone(context), request)));
            }
            _ => {}
        }
        match subject::of(&context.targets, request.uri.query().unwrap_or_default()) {
            Ok(Subject::Target(target)) => self.of_target(context, target, request),
            Ok(Subject::Exporter) => self.of_exporter(context, request),
            Err(why) => Answer::Now(why.answer(request.headers)),
        }
    }

    fn of_target<B: Backend>(self, context: &Arc<Context<B>>, target: Arc<B>, request: Parts) -> Answer {
        let shared = Arc::clone(context);
        let page: Making = match self {
            Self::Health(question) => return Answer::Now(health::answer(&*target, question, request)),
            Self::Metrics => Box::pin(metrics::answer(shared, Arc::clone(&target), request)),
            Self::Home => Box::pin(pages::home(shared, Arc::clone(&target), request)),
            Self::Collector => Box::pin(pages::collector(shared, Arc::clone(&target), request)),
            Self::Report(report) => Box::pin(report.answer(shared, Arc::clone(&target), request)),
            Self::Version | Self::Reload | Self::Discovery => return self.of_exporter(context, request),
        };
        if target.places().is_none() {
            return Answer::Later(page);
        }
        let context = Arc::clone(context);
        Answer::Later(Box::pin(async move {
            let Ok(_place) = target.places().map(Semaphore::try_acquire).transpose() else {
                return answer::later(
                    "too many pages of this target are being made, come back in a second\n",
                );
            };
            // However many are frozen, and whoever asks for them: half of all places are for the others.
            let is_down = !target.health().state.is_up();
            let Ok(_of_down) = is_down.then(|| context.pages_of_down.try_acquire()).transpose() else {
                return answer::later(
                    "too many pages of targets that are not up are being made, come back in a second\n",
                );
            };
            page.await
        }))
    }

    fn of_exporter<B: Backend>(self, context: &Arc<Context<B>>, request: Parts) -> Answer {
        let shared = Arc::clone(context);
        match self {
            Self::Health(question) => Answer::Now(exporter::health(context, question, request)),
            Self::Metrics => Answer::Later(Box::pin(exporter::metrics(shared, request))),
            Self::Home => Answer::Later(Box::pin(pages::fleet(shared, request))),
            Self::Collector | Self::Report(_) | Self::Version | Self::Reload | Self::Discovery => {
                Answer::Now(NoSubject::Unnamed.answer(request.headers))
            }
        }
    }

    fn page(self) -> Page {
        match self {
            Self::Metrics => Page::Metrics,
            Self::Health(_) => Page::Health,
            Self::Home
            | Self::Collector
            | Self::Version
            | Self::Report(_)
            | Self::Reload
            | Self::Discovery => Page::Other,
        }
    }
}

/// The answer, whose body counts until its client has it; or a refusal, since what other clients do not take is too much.
fn counted<B>(context: &Context<B>, response: Response<Body>) -> Response<Body> {
    if !Held::counts(response.body().len()) {
        return response;
    }
    let (head, body) = response.into_parts();
    let most = context.limits.held_beside(context.open());
    match context.held.take(body.into_pieces(), most) {
        Ok(pieces) => Response::from_parts(head, pieces.into()),
        Err(Full) => answer::later("other clients do not take their pages, come back in a second\n"),
    }
}

/// `OPTIONS *` asks about the server as a whole; all else is unknown.
fn not_found<B>(map: HeaderMap, method: &Method, path: &str, context: &Context<B>) -> Response<Body> {
    if path == "*" && method == Method::OPTIONS {
        return answer::methods(map, StatusCode::OK, READ);
    }
    let mut body = String::from("there is no such page; there are ");
    body.push_str(&context.telemetry_path);
    for path in fixed_paths().chain(context.targets.are_many().then_some(DISCOVERY)) {
        body.push(' ');
        body.push_str(path);
    }
    body.push(' ');
    body.push_str(pages::NAMES);
    body.push_str("NAME");
    body.push('\n');
    answer::text(map, StatusCode::NOT_FOUND, body)
}
