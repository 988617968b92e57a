//! What every page for people has: its frame, its headers, and where its facts come from.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};
use std::time::SystemTime;

use askama::Template;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::header::{
    CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Response, StatusCode, Uri};
use sha2::{Digest as _, Sha256};
use tokio::time::timeout;

use crate::health::{Snapshot, State};
use crate::scrape::Overview;
use crate::scrape::overview::time;
use crate::values::text::on_lines;
use crate::web::answer;
use crate::web::backend::Backend;
use crate::web::body::Body;
use crate::web::context::Context;
use crate::web::people;
use crate::web::people::NotMade;
use crate::web::report::PATIENCE;

/// The style of all pages, inline: a page is one file.
const STYLE: &str = include_str!("../../../templates/page.css");
/// The script of all pages, inline too.
const SCRIPT: &str = include_str!("../../../templates/page.js");

/// Nothing from elsewhere, and nothing to run but our own script: what a name could smuggle in is not run even if it were
/// not escaped. Who may frame a page is not said here but by `X-Frame-Options`, which the operator can configure: browsers
/// would not look at that beside `frame-ancestors`.
static POLICY: LazyLock<Option<HeaderValue>> = LazyLock::new(|| {
    let source = |text: &str| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)));
    let policy = format!(
        "default-src 'none'; style-src {}; script-src {}; connect-src 'self'; img-src data:; form-action 'self'; \
         base-uri 'none'",
        source(STYLE),
        source(SCRIPT)
    );
    HeaderValue::from_str(&policy).ok()
});

/// The other headers that keep a browser from doing more with a page than to show it.
const HEADERS: [(HeaderName, HeaderValue); 4] = [
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (REFERRER_POLICY, HeaderValue::from_static("same-origin")),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    ),
];

/// What `base.html` shows around a page.
pub(super) struct Frame<'a> {
    pub(super) style: &'static str,
    pub(super) script: &'static str,
    pub(super) telemetry_path: &'a str,
    /// The way from this page to `/`: links are relative, so that they hold behind a proxy that adds a prefix.
    pub(super) root: String,
    /// Host, port and database.
    pub(super) server: &'a str,
    pub(super) state: State,
    /// Why the target is not up.
    pub(super) reason: Option<&'a str>,
    /// When the page was made.
    pub(super) now: String,
    /// What requests call the target, where there are many.
    pub(super) target: Option<&'a str>,
    /// What links to pages of the target end with: `?target=NAME`, or nothing.
    pub(super) query: String,
    /// Whether the page is about the exporter, of many targets.
    pub(super) is_exporter: bool,
}

impl<'a> Frame<'a> {
    pub(super) fn new<B: Backend>(
        context: &'a Context<B>,
        target: &'a B,
        snapshot: &'a Snapshot,
        path: &str,
    ) -> Self {
        Self {
            style: STYLE,
            script: SCRIPT,
            telemetry_path: &context.telemetry_path,
            root: root(path),
            server: target.server(),
            state: snapshot.state,
            reason: snapshot.reason.as_deref(),
            now: time(SystemTime::now()),
            target: target.name(),
            // A name has nothing that would have to be encoded.
            query: target
                .name()
                .map(|name| format!("?target={name}"))
                .unwrap_or_default(),
            is_exporter: false,
        }
    }

    /// Around a page about the exporter.
    pub(super) fn of_exporter<B: Backend>(context: &'a Context<B>, path: &str) -> Self {
        Self {
            style: STYLE,
            script: SCRIPT,
            telemetry_path: &context.telemetry_path,
            root: root(path),
            server: "",
            state: State::Primary,
            reason: None,
            now: time(SystemTime::now()),
            target: None,
            query: String::new(),
            is_exporter: true,
        }
    }

    /// What a link ends with to which a parameter is added.
    pub(super) fn further(&self) -> String {
        match self.query.is_empty() {
            true => "?".to_owned(),
            false => format!("{}&", self.query),
        }
    }

    /// A link to a path of the exporter.
    pub(super) fn link(&self, path: &str) -> String {
        format!("{}{}", self.root, path.trim_start_matches('/'))
    }

    /// The state in a word, as a class and for people.
    pub(super) fn word(&self) -> &'static str {
        self.state.word()
    }

    /// How the state is to be coloured.
    pub(super) fn tone(&self) -> &'static str {
        match self.state {
            State::Primary | State::Replica => "good",
            State::Starting | State::Unknown => "warn",
            State::Down => "bad",
        }
    }
}

/// The way from a path to `/`, as a browser follows it.
fn root(path: &str) -> String {
    match path.matches('/').count() {
        0 | 1 => "./".to_owned(),
        slashes => "../".repeat(slashes - 1),
    }
}

/// What the scrape thread knows; `None` when it does not tell in time. It answers between two steps of a scrape.
pub(super) async fn overview<B: Backend>(target: &B) -> Option<Overview> {
    let answer = timeout(PATIENCE, target.overview()).await;
    answer.ok().and_then(Result::ok)
}

/// A page that is made off the thread that answers probes: its status and its HTML, or why there is none.
pub(super) type Made = (StatusCode, Result<String, askama::Error>);

/// The HTML of a page. Markup in names is escaped by its template; here what a terminal that shows the source would act
/// upon, and what turns the direction of writing.
pub(super) fn html(page: &impl Template) -> Result<String, askama::Error> {
    let html = page.render()?;
    Ok(match on_lines(&html) {
        Cow::Borrowed(_) => html,
        Cow::Owned(escaped) => escaped,
    })
}

/// Shows a page about a target, made of what is known of it.
pub(super) async fn of_target<B: Backend>(
    context: Arc<Context<B>>,
    target: Arc<B>,
    request: Parts,
    made: fn(&Context<B>, &B, &Uri, Option<&Overview>) -> Made,
) -> Response<Body> {
    let turn = match people::turn(&context).await {
        Ok(turn) => turn,
        Err(why) => return show(request.headers, Err(why)),
    };
    let overview = overview(&*target).await;
    let uri = request.uri;
    let made = people::make(turn, move || made(&context, &target, &uri, overview.as_ref()));
    show(request.headers, made.await)
}

/// Shows what was made.
pub(super) fn show(map: HeaderMap, made: Result<Made, NotMade>) -> Response<Body> {
    match made {
        Ok((status, Ok(html))) => {
            let mut response = answer::with_type(map, status, answer::HTML, html);
            let headers = response.headers_mut();
            headers.extend(HEADERS);
            if let Some(policy) = &*POLICY {
                headers.insert(CONTENT_SECURITY_POLICY, policy.clone());
            }
            response
        }
        Ok((_, Err(error))) => failed(map, &error),
        Err(NotMade::Busy) => answer::later(format!("{}\n", NotMade::Busy)),
        Err(why) => failed(map, &why),
    }
}

fn failed(map: HeaderMap, why: &dyn std::error::Error) -> Response<Body> {
    let body = format!("this page cannot be shown: {why}\n");
    answer::text(map, StatusCode::INTERNAL_SERVER_ERROR, body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_to_the_root() {
        let table = [
            ("/", "./"),
            ("/collector/", "../"),
            ("/collector/pg_db", "../"),
            ("/collector/a/b", "../../"),
        ];
        for (path, expected) in table {
            assert_eq!(root(path), expected, "{path}");
        }
    }
}
