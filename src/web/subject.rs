//! What a request is about: one target, or the exporter itself.
//!
//! A request says a *name*, and nothing else of a target: no host, no connection string, no credentials. What is not the
//! name of a target is answered by the same words whatever it is.

use std::sync::Arc;

use hyper::{HeaderMap, Response, StatusCode};

use super::answer;
use super::backend::Backend;
use super::body::Body;
use super::query;
use crate::fleet::{Map, Targets};

/// What a request is about.
#[derive(Debug)]
pub(super) enum Subject<B> {
    /// A target.
    Target(Arc<B>),
    /// The exporter, of many targets.
    Exporter,
}

/// Why a request is about nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoSubject {
    /// No target has that name.
    Unknown,
    /// It names several.
    Ambiguous,
    /// It names none, and is not about the exporter itself.
    Unnamed,
}

/// What a request is about. Where there is one target only, a name in the query means nothing.
pub(super) fn of<B: Backend>(targets: &Targets<B>, query: &str) -> Result<Subject<B>, NoSubject> {
    let now = targets.now();
    let many = match &**now {
        Map::One(target) => return Ok(Subject::Target(Arc::clone(target))),
        Map::Many(many) => many,
    };
    let mut names = query::pairs(query).filter(|(key, _)| key == "target");
    let Some((_, name)) = names.next() else {
        return Ok(Subject::Exporter);
    };
    if names.next().is_some() {
        return Err(NoSubject::Ambiguous);
    }
    let target = many.get(&*name).ok_or(NoSubject::Unknown)?;
    Ok(Subject::Target(Arc::clone(target)))
}

impl NoSubject {
    pub(super) fn answer(self, map: HeaderMap) -> Response<Body> {
        let (status, body) = match self {
            Self::Unknown => (StatusCode::NOT_FOUND, "there is no target of that name\n"),
            Self::Ambiguous => (
                StatusCode::BAD_REQUEST,
                "`target` is given more than once; leave one\n",
            ),
            Self::Unnamed => (
                StatusCode::NOT_FOUND,
                "this exporter has many targets: say which by ?target=NAME; /sd lists them\n",
            ),
        };
        answer::text(map, status, body)
    }
}
