//! What a connection needs from files: the password, and certificates and keys.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::postgres::conninfo::{ConnInfo, Host, PasswordWarning, Transport};
use crate::postgres::tls;
use crate::postgres::tls::Connector;
use crate::values::Secret;

/// One is read at a time, as a rule: each thread that reads some reserves an address space of its own for what it allocates.
static TURNS: Semaphore = Semaphore::const_new(1);

/// Whoever has waited so long does not wait any longer: files of others may hang.
const PATIENCE: Duration = Duration::from_millis(20);

/// Read anew for each connection.
#[derive(Default)]
pub(in crate::postgres) struct Secrets {
    /// What to answer when the server asks for a password.
    pub(in crate::postgres) password: Option<Secret>,
    /// Why a file that could have had one was not used, for the log.
    pub(in crate::postgres) warning: Option<PasswordWarning>,
    /// Why no password was found, should the server ask for one.
    pub(in crate::postgres) absence: Option<String>,
    /// Why there is no password, where there must be one.
    pub(in crate::postgres) failure: Option<String>,
    /// What makes TLS connections, or why there is none; none where there is no TLS.
    pub(in crate::postgres) tls: Option<Result<Connector, String>>,
}

impl Secrets {
    /// Reads them off the runtime's thread. It takes as long as files may take, which is bounded for each.
    pub(in crate::postgres) async fn read(info: &Arc<ConnInfo>, host: &Host) -> Self {
        let (info, host) = (Arc::clone(info), host.clone());
        let _turn = timeout(PATIENCE, TURNS.acquire()).await;
        let read = spawn_blocking(move || Self::read_here(&info, &host)).await;
        // It panicked, or the exporter is about to end.
        read.unwrap_or_default()
    }

    /// The password, which a server that has it may say in an error; none where it is too short to be told from other words, or
    /// no secret beside the names that are shown anyway.
    pub(in crate::postgres) fn said_again(&self, info: &ConnInfo) -> Option<&str> {
        let password = std::str::from_utf8(self.password.as_ref()?.expose()).ok()?;
        let is_shown = [info.user(), info.database()].contains(&password);
        (password.len() >= 4 && !is_shown).then_some(password)
    }

    fn read_here(info: &ConnInfo, host: &Host) -> Self {
        let lookup = info.resolve_password(host);
        let transports = info.tls().transports(host);
        let has_tls = transports.iter().any(|transport| *transport != Transport::Plain);
        let connector = || tls::connector(&info.resolve_tls(), host, info.files());
        Self {
            password: lookup.password,
            warning: lookup.warning,
            absence: lookup.absence,
            failure: lookup.failure,
            tls: has_tls.then(|| connector().map_err(|error| error.to_string())),
        }
    }
}
