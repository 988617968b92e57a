//! Answers for load balancers and orchestrators, off the probe's last snapshot.

use hyper::http::request::Parts;
use hyper::{Response, StatusCode};

use super::Backend;
use super::answer;
use super::body::Body;
use crate::health::State;
use crate::health::lag;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Question {
    /// Does the target answer?
    Up,
    /// Should it get traffic? As `Up`, and not too far behind.
    Readiness,
    /// Does the exporter itself work?
    Liveness,
    /// Is it a primary?
    Primary,
    /// Is it a replica, and not too far behind?
    Replica,
    /// Can it be read from: either role, and not too far behind?
    Read,
}

pub(super) fn answer<B: Backend>(backend: &B, question: Question, request: Parts) -> Response<Body> {
    let snapshot = backend.health();
    let state = snapshot.state;
    let status = question.status(state, || backend.is_alive());
    if let (true, Some(query)) = (question.minds_lag(), request.uri.query()) {
        match lag::judge(query, state, &snapshot.lag) {
            Err(malformed) => {
                return answer::text(request.headers, StatusCode::BAD_REQUEST, format!("{malformed}\n"));
            }
            Ok(Some(behind)) => {
                let body = format!("{}: {behind}", state.word());
                return answer::text(request.headers, StatusCode::SERVICE_UNAVAILABLE, body);
            }
            Ok(None) => {}
        }
    }
    answer::text(request.headers, status, state.word())
}

impl Question {
    fn status(self, state: State, is_alive: impl Fn() -> bool) -> StatusCode {
        let role = |is_it| match state.is_up() {
            true if is_it => StatusCode::OK,
            true => StatusCode::NOT_FOUND,
            false => StatusCode::SERVICE_UNAVAILABLE,
        };
        let either = |is_it| {
            if is_it {
                StatusCode::OK
            } else {
                StatusCode::SERVICE_UNAVAILABLE
            }
        };
        match self {
            Self::Up | Self::Readiness | Self::Read => either(state.is_up()),
            Self::Liveness => either(is_alive()),
            Self::Primary => role(state == State::Primary),
            Self::Replica => role(state == State::Replica),
        }
    }

    fn minds_lag(self) -> bool {
        matches!(self, Self::Readiness | Self::Replica | Self::Read)
    }
}
