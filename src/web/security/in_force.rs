//! What protects the web server now, and how it is kept up to date.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use hyper::header::CONTENT_SECURITY_POLICY;
use hyper::http::request::Parts;
use tokio_rustls::rustls::ServerConfig;

use crate::files::Files;
use crate::self_metrics::WebConfig;

use super::admission;
use super::admission::Admission;
use super::error::WebConfigError;
use super::passwords::Passwords;
use super::policy;
use super::policy::Policy;
use super::watched::Watched;
use crate::web::peer::Peer;

/// Time between two looks at the files.
const LOOK: Duration = Duration::from_secs(1);

/// What protects the web server.
#[derive(Debug)]
pub struct Security {
    pub(super) policy: ArcSwap<Policy>,
    pub(super) passwords: Arc<Passwords>,
    /// `None` when no file is named: nothing is protected, nothing changes.
    source: Option<Source>,
}

/// Where a policy comes from.
#[derive(Debug)]
struct Source {
    path: PathBuf,
    /// As they were when they were read last.
    files: Mutex<Watched>,
}

impl Security {
    /// Plain HTTP for everybody.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub fn none() -> Result<Self, WebConfigError> {
        Self::with(Policy::default(), None)
    }

    /// What the file says. Reads files.
    ///
    /// # Errors
    /// All mistakes of the file and of those it names.
    pub fn open(path: &Path, files: &Files) -> Result<Self, WebConfigError> {
        let (files, policy) = policy::read(path, files);
        let source = Source {
            path: path.to_owned(),
            files: Mutex::new(files),
        };
        Self::with(policy?, Some(source))
    }

    fn with(policy: Policy, source: Option<Source>) -> Result<Self, WebConfigError> {
        Ok(Self {
            policy: ArcSwap::from_pointee(policy),
            passwords: Arc::new(Passwords::new()?),
            source,
        })
    }

    /// Whether connections speak TLS.
    #[must_use]
    pub fn has_tls(&self) -> bool {
        self.policy.load().tls.is_some()
    }

    /// Whether requests need a name and a password.
    #[must_use]
    pub fn has_users(&self) -> bool {
        self.policy.load().users.is_some()
    }

    /// Keeps the policy up to date; `telemetry` shows how. Ends at once when there is no file.
    pub(in crate::web) async fn watch(self: Arc<Self>, telemetry: WebConfig) {
        if self.source.is_none() {
            return;
        }
        loaded(&self.policy.load(), &telemetry);
        loop {
            tokio::time::sleep(LOOK).await;
            // Files may be on a file system that hangs: nothing that answers waits for it.
            let security = Arc::clone(&self);
            match tokio::task::spawn_blocking(move || security.look()).await {
                Ok(None) => {}
                Ok(Some(Ok(policy))) => {
                    tracing::info!("web configuration reloaded");
                    loaded(&policy, &telemetry);
                }
                Ok(Some(Err(error))) => {
                    telemetry.failed();
                    tracing::error!("the web configuration in force stays: {error}");
                }
                Err(error) => tracing::error!(%error, "the web configuration was not looked at"),
            }
        }
    }

    /// Reads the files anew if one of them changed since; `None` if none did.
    pub(super) fn look(&self) -> Option<Result<Arc<Policy>, WebConfigError>> {
        let source = self.source.as_ref()?;
        let mut files = source.files.lock().unwrap_or_else(PoisonError::into_inner);
        if files.are_unchanged() {
            return None;
        }
        let (read, policy) = policy::read(&source.path, files.files());
        *files = read;
        let before = self.policy.load();
        Some(policy.and_then(|policy| {
            policy.protects_as_much_as(&before, &source.path)?;
            let policy = Arc::new(policy);
            self.policy.store(Arc::clone(&policy));
            // A renewed certificate is no reason to compare every password anew.
            if policy.users != before.users {
                self.passwords.forget();
            }
            Ok(policy)
        }))
    }

    /// How the next connection speaks TLS; `None` when it does not.
    pub(in crate::web) fn tls(&self) -> Option<Arc<ServerConfig>> {
        self.policy.load().tls.clone()
    }

    /// Whether a request may be answered.
    pub(in crate::web) fn admit(&self, request: &Parts, peer: Peer) -> Admission {
        let policy = self.policy.load();
        admission::admit(&policy, &self.passwords, request, peer)
    }

    /// Puts the headers of every answer into one. The policy that a page for people has of its own stays: it is as strict
    /// as one can be, and any other would keep the page from its own style and script.
    pub(in crate::web) fn adorn(&self, headers: &mut hyper::HeaderMap) {
        for (name, value) in &self.policy.load().headers {
            if name != CONTENT_SECURITY_POLICY || !headers.contains_key(name) {
                headers.insert(name, value.clone());
            }
        }
    }
}

/// Shows that a policy is in force. A certificate that has ended is shown to clients all the same: to be seen is better
/// than to be missing.
fn loaded(policy: &Policy, telemetry: &WebConfig) {
    telemetry.loaded(policy.expires);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    if policy
        .expires
        .is_some_and(|end| u64::try_from(end).unwrap_or_default() < now.as_secs())
    {
        tracing::warn!("the certificate of the web server has ended, clients refuse it; renew it");
    }
}
