//! Everything a web configuration file asks for, ready for use.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use hyper::header::{HeaderName, HeaderValue};
use pg_exporter_schema::Position;
use tokio_rustls::rustls::ServerConfig;

use super::documents::Documents;
use super::error::WebConfigError;
use super::rate::Rate;
use super::users::Users;
use super::watched::Watched;
use super::{headers, rate, tls, users};
use crate::files::Files;

/// What is in force.
#[derive(Default)]
pub(super) struct Policy {
    pub(super) tls: Option<Arc<ServerConfig>>,
    /// When the server's certificate ends, in seconds since 1970.
    pub(super) expires: Option<i64>,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) rate: Option<Rate>,
    pub(super) users: Option<Arc<Users>>,
}

/// Reads a file and those it names. The files are told also when they cannot be used, so that a change is seen.
pub(super) fn read(path: &Path, files: &Files) -> (Watched, Result<Policy, WebConfigError>) {
    let mut documents = Documents::new(path, files.clone());
    let policy = documents.options(path).map(|options| {
        let http2 = options.http2.as_ref().is_none_or(|http2| http2.value);
        let tls = options
            .tls
            .as_ref()
            .and_then(|tls| tls::read(tls, http2, &mut documents));
        Policy {
            expires: tls.as_ref().and_then(|tls| tls.expires),
            tls: tls.map(|tls| tls.config),
            headers: headers::read(&options.headers, &mut documents),
            rate: options
                .rate_limit
                .as_ref()
                .and_then(|rate| rate::read(rate, &mut documents)),
            users: users::read(&options.users, &mut documents),
        }
    });
    documents.finish(policy)
}

impl Policy {
    /// A change never takes a protection away: a file that is empty for a moment while it is written would.
    pub(super) fn protects_as_much_as(&self, before: &Self, path: &Path) -> Result<(), WebConfigError> {
        let mut documents = Documents::new(path, Files::default());
        if before.tls.is_some() && self.tls.is_none() {
            let message = "`tls_server_config` is gone, TLS stays on; restart the exporter to turn it off";
            documents.error(Position::default(), message);
        }
        if before.users.is_some() && self.users.is_none() {
            let message =
                "`basic_auth_users` is gone, the users stay; restart the exporter to let everybody in";
            documents.error(Position::default(), message);
        }
        documents.finish(Some(())).1
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policy")
            .field("tls", &self.tls.is_some())
            .field("users", &self.users.is_some())
            .finish_non_exhaustive()
    }
}
