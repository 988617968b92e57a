//! Whether a request may be answered: first the limit on requests, then who asks.

use std::fmt;
use std::future::Future;
use std::net::{IpAddr, Ipv6Addr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::header::{HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Response, StatusCode};

use super::credentials::Credentials;
use super::passwords;
use super::passwords::{Passwords, Verdict};
use super::policy::Policy;
use crate::web::answer;
use crate::web::body::Body;

/// What a request gets.
pub(in crate::web) enum Admission {
    Granted,
    Refused(Refusal),
    /// A password is compared first.
    Later(Pin<Box<dyn Future<Output = Result<(), Refusal>> + Send>>),
}

/// Why a request is not answered.
#[derive(Debug)]
pub(in crate::web) enum Refusal {
    /// No name and password, or no right ones.
    Unknown,
    /// Too many requests; how long until the next may come.
    TooMany(Duration),
    /// Too many passwords to compare.
    Busy,
}

/// Who is at the other end, as far as shares go: nobody has less than 64 bits of IPv6, and has the share of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::web) struct Peer(Option<IpAddr>);

impl Peer {
    /// The peer of that address; without one, everybody on this machine.
    pub(in crate::web) fn new(address: Option<IpAddr>) -> Self {
        Self(address.map(|address| match address.to_canonical() {
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
            address => address,
        }))
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(IpAddr::V6(network)) => write!(f, "{network}/64"),
            Some(address) => address.fmt(f),
            None => f.write_str("local"),
        }
    }
}

pub(super) fn admit(policy: &Policy, passwords: &Arc<Passwords>, request: &Parts, peer: Peer) -> Admission {
    if let Some(rate) = &policy.rate
        && let Err(wait) = rate.take(Instant::now())
    {
        return Admission::Refused(Refusal::TooMany(wait));
    }
    let Some(users) = &policy.users else {
        return Admission::Granted;
    };
    let Some(credentials) = Credentials::of(&request.headers) else {
        return Admission::Refused(Refusal::Unknown);
    };
    match passwords.check(users, credentials, peer) {
        Verdict::Known(true) => Admission::Granted,
        Verdict::Known(false) => Admission::Refused(Refusal::Unknown),
        Verdict::Later(receiver) => Admission::Later(Box::pin(passwords::outcome(receiver))),
        Verdict::Refused(refusal) => Admission::Refused(refusal),
    }
}

impl Refusal {
    /// What the client is told, in the header map of its request.
    pub(in crate::web) fn answer(&self, map: HeaderMap) -> Response<Body> {
        let again = |wait: Duration| HeaderValue::from(wait.as_secs_f64().ceil().max(1.0) as u64);
        let (status, body, name, value): (_, _, HeaderName, _) = match self {
            Self::Unknown => (
                StatusCode::UNAUTHORIZED,
                "this needs a name and a password\n",
                WWW_AUTHENTICATE,
                HeaderValue::from_static("Basic realm=\"pg_exporter\", charset=\"UTF-8\""),
            ),
            Self::TooMany(wait) => (
                StatusCode::TOO_MANY_REQUESTS,
                "too many requests\n",
                RETRY_AFTER,
                again(*wait),
            ),
            Self::Busy => (
                StatusCode::SERVICE_UNAVAILABLE,
                "too many passwords to compare\n",
                RETRY_AFTER,
                again(Duration::from_secs(1)),
            ),
        };
        let mut response = answer::text(map, status, body);
        response.headers_mut().insert(name, value);
        response
    }
}
