//! Whether a request may be answered: first the limit on requests, then who asks.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use hyper::http::request::Parts;

use super::credentials::Credentials;
use super::passwords;
use super::passwords::{Passwords, Verdict};
use super::policy::Policy;
use super::refusal::Refusal;
use crate::web::peer::Peer;

/// What a request gets.
pub(in crate::web) enum Admission {
    Granted,
    Refused(Refusal),
    /// A password is compared first.
    Later(Pin<Box<dyn Future<Output = Result<(), Refusal>> + Send>>),
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
