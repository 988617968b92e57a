//! One connection to one database: its settings, its prepared statements, its end.
//!
//! A session is *in use* or *idle*, as the pool keeps it; it is *closing* when it says goodbye in order, or *abandoned* while a
//! statement may be running: that is cancelled until it ends. Either way its socket keeps its permit until the server
//! has closed its end.

pub(in crate::postgres) mod end;
mod one_row;
mod statements;
mod stragglers;

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::FutureExt as _;
use tokio_postgres::{Client, Statement};

use super::cancel_route::CancelRoute;
use super::encryption::Encryption;
use super::failure::Failure;
use super::limits::Limits;
use super::rows::{Format, ResultColumn, Shape};
use super::search_path;
pub(crate) use super::socket::Gone;
use super::straggler::Stragglers;
use crate::catalog::facts::Kind;
use crate::catalog::flavour::Flavour;
use crate::values::encoding::{Encoding, TextReader};

/// For how long a connection is kept, plus up to a tenth: server-side caches do not grow for ever, and a changed
/// password or `pg_hba` rule shows.
const LIFETIME: Duration = Duration::from_secs(600);

/// What preparing a statement may take on the server. Parsing takes milliseconds, but waits for locks on relations.
const PREPARE_LIMIT: Duration = Duration::from_millis(500);

/// Names a statement on every connection; the same number never means two statements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StatementKey(pub u64);

/// How a statement is run on this connection.
#[derive(Debug)]
pub(in crate::postgres) enum Prepared {
    /// As a named prepared statement.
    Named(Statement, Shape),
    /// By the simple protocol, with text results: where statements cannot be prepared, or values have no binary form
    /// that can be read. The types are known only if it was prepared before.
    Simple(Option<(Box<[ResultColumn]>, Shape)>),
}

impl Prepared {
    pub(in crate::postgres) fn named(statement: Statement) -> Self {
        let shape = Shape::of(statement.columns());
        Self::Named(statement, shape)
    }
}

/// One connection. Dropping it closes the socket at once; [`close`](Self::close) says goodbye, and
/// [`abandon`](Self::abandon) sees to it that the server ends what it is at.
#[derive(Debug)]
pub struct Session {
    pub(in crate::postgres) client: Arc<Client>,
    pub(in crate::postgres) limits: Limits,
    pub(in crate::postgres) prepared: HashMap<StatementKey, Prepared>,
    /// The look for locks on databases, once it is prepared.
    pub(in crate::postgres) lock_statement: Arc<OnceLock<Statement>>,
    /// The cluster's system identifier, once it was asked for; 0 when the server does not tell.
    pub(in crate::postgres) cluster: Option<i64>,
    /// Whose server it is, once it was asked for.
    pub(in crate::postgres) flavour: Option<Flavour>,
    /// Whether the server was in recovery when the session was opened, once that is known.
    in_recovery: Option<bool>,
    /// How its text is read, as of the last facts.
    pub(in crate::postgres) reader: Arc<TextReader>,
    /// The least that an answer with facts took: the way there and back, and a little more.
    round_trip: Option<Duration>,
    /// What protects the connection.
    pub(in crate::postgres) encryption: Encryption,
    /// Whether the database's owner has chosen a role for its sessions, which this one does not take.
    pub(in crate::postgres) is_role_refused: bool,
    /// The search path that the connection string gives.
    given_path: Option<String>,
    driver: Driver,
    expires: Instant,
}

/// How a database's text is encoded, and whether it comes as it is: so that no text fails for having no UTF-8.
#[derive(Clone, Copy, Debug)]
pub(in crate::postgres) struct ServerEncoding(Encoding, bool);

impl ServerEncoding {
    /// The encoding of that name; the server says none where it is not known.
    pub(in crate::postgres) fn named(name: Option<&str>) -> Self {
        let is_raw = name.is_some_and(|name| name != "UTF8");
        Self(Encoding::of_server(name.unwrap_or_default()), is_raw)
    }

    fn is_raw(self) -> bool {
        self.1
    }
}

/// What a session is told between its statements.
#[derive(Clone, Default)]
pub(in crate::postgres) struct Told {
    /// The last notice.
    pub(in crate::postgres) notice: Arc<Mutex<Option<String>>>,
    /// Why the server, or the network, has ended the connection.
    pub(in crate::postgres) end: Arc<OnceLock<Failure>>,
}

/// The task that reads and writes a connection's socket.
pub(in crate::postgres) struct Driver {
    /// The task.
    pub(in crate::postgres) task: tokio::task::JoinHandle<()>,
    /// What the server tells between statements.
    pub(in crate::postgres) told: Told,
    /// Version of what answers, from the start-up exchange; 0 when unknown.
    pub(in crate::postgres) version: u32,
    /// How the database's text is encoded.
    pub(in crate::postgres) encoding: ServerEncoding,
    /// How to reach the server for cancel requests.
    pub(in crate::postgres) cancel_route: CancelRoute,
    /// Ends when the server has closed its end of the connection.
    pub(in crate::postgres) gone: Gone,
    /// Backends of its host that may have stayed behind.
    pub(in crate::postgres) stragglers: Arc<Stragglers>,
    /// Whether a statement has left the session in another state than it was found in.
    pub(in crate::postgres) is_spoiled: Arc<AtomicBool>,
}

impl fmt::Debug for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver")
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

impl Session {
    /// A session on an open connection.
    pub(in crate::postgres) fn new(
        client: Client,
        kind: Kind,
        driver: Driver,
        given_path: Option<String>,
    ) -> Self {
        let lifetime = LIFETIME + LIFETIME.mul_f64(fastrand::f64() / 10.0);
        let expires = Instant::now() + lifetime;
        Self {
            client: Arc::new(client),
            limits: Limits::new(kind, driver.version, driver.encoding.is_raw()),
            prepared: HashMap::new(),
            lock_statement: Arc::default(),
            cluster: None,
            flavour: None,
            reader: Arc::default(),
            in_recovery: None,
            round_trip: None,
            encryption: Encryption::Plain,
            is_role_refused: false,
            given_path,
            driver,
            expires,
        }
    }

    /// Version that the server told at the start, as `server_version_num`; 0 when unknown.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.driver.version
    }

    /// The server has told the number of its version.
    pub(in crate::postgres) fn knows_version(&mut self, version: u32) {
        self.driver.version = version;
        self.limits.knows_version(version);
    }

    /// The text of the last notice, once.
    pub(in crate::postgres) fn take_notice(&self) -> Option<String> {
        let notice = self.driver.told.notice.lock();
        notice.unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Asks for what costs nothing: a server an empty statement, pgbouncer's console its version. Before 1.12 the answer is a
    /// notice and has no row. The caller bounds it.
    pub(crate) async fn ping(&self) -> Result<(), Failure> {
        let nothing = match self.kind() {
            Kind::Postgres | Kind::Pooled => "",
            Kind::Pgbouncer => "SHOW VERSION",
        };
        Ok(self.client.batch_execute(nothing).await?)
    }

    /// Takes notice of the server's role. Whether it is the one that the session was opened on: a kept session survives a
    /// promotion.
    pub fn keeps_role(&mut self, in_recovery: bool) -> bool {
        *self.in_recovery.get_or_insert(in_recovery) == in_recovery
    }

    /// The connection, for statements between those of whoever holds the session, within the limit on the server; `None`
    /// where statements may reach another server's session each.
    pub(in crate::postgres) fn client_with_limit(&mut self, limit: Duration) -> Option<Arc<Client>> {
        if self.kind() != Kind::Postgres || self.client.is_closed() {
            return None;
        }
        if let Some(limits) = self.limits.before(limit) {
            // Sent here and now, so that the session knows for sure what its limit is, whoever sends next. Nobody waits for
            // the answer.
            let _ = self.client.batch_execute(&limits).now_or_never();
        }
        Some(Arc::clone(&self.client))
    }

    /// Finds out the role's own search path, unless it is known: what it would be without the one that we ask for.
    ///
    /// # Errors
    /// What the server says, or the loss of the connection. The caller bounds it.
    pub async fn learn_role_path(&mut self, limit: Duration) -> Result<(), Failure> {
        if self.kind() != Kind::Postgres || self.limits.role_path.is_some() {
            return Ok(());
        }
        let mut path = self.given_path.clone();
        // Older servers do not have all that is asked.
        if path.is_none() && self.version() >= 100_000 {
            path = match self.path_by_settings(limit).await {
                // Who may not see what is set for databases and roles goes without it, and what its statements name may be missing.
                Err(failure) if failure.is_denial() => None,
                path => path?,
            };
        }
        let path = path.unwrap_or_else(|| search_path::SERVERS_DEFAULT.to_owned());
        self.limits.role_path = Some(path);
        Ok(())
    }

    async fn path_by_settings(&mut self, limit: Duration) -> Result<Option<String>, Failure> {
        let row = self.one_row(None, search_path::OF_ROLE, &[], limit).await?;
        let path = row.try_get(0).ok();
        if path.is_some() || !row.try_get(1).unwrap_or(false) {
            return Ok(path);
        }
        let row = self.one_row(None, search_path::OF_FILES, &[], limit).await?;
        Ok(row.try_get(0).ok())
    }

    /// How the database's text is encoded.
    pub(in crate::postgres) fn encoding(&self) -> Encoding {
        self.driver.encoding.0
    }

    /// How what a statement yields is read. The server translates for one that is sent as text and has letters beyond ASCII.
    #[must_use]
    pub fn reader(&self, sql: &str, format: Format) -> Arc<TextReader> {
        if format == Format::Text && !sql.is_ascii() {
            return Arc::default();
        }
        Arc::clone(&self.reader)
    }

    /// What protects the connection from those on the way.
    #[must_use]
    pub fn encryption(&self) -> &Encryption {
        &self.encryption
    }

    /// Whether the database's owner would have it run statements as somebody else, which it does not.
    #[must_use]
    pub fn is_role_refused(&self) -> bool {
        self.is_role_refused
    }

    /// What will be told of its end.
    pub(in crate::postgres) fn end(&self) -> Arc<OnceLock<Failure>> {
        Arc::clone(&self.driver.told.end)
    }

    /// The facts have come so long after they were asked for.
    pub(in crate::postgres) fn has_answered_in(&mut self, passed: Duration) {
        self.round_trip = Some(self.round_trip.map_or(passed, |least| least.min(passed)));
    }

    /// What an answer takes at least.
    #[must_use]
    pub fn round_trip(&self) -> Duration {
        self.round_trip.unwrap_or_default()
    }

    /// Whether a pooler in between ends transactions with each message (`pool_mode=statement`).
    #[must_use]
    pub fn is_by_message(&self) -> bool {
        self.limits.is_by_message()
    }

    /// What answers at the other end.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.limits.kind()
    }

    /// Whether the connection is lost, or not to be used any more.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.client.is_closed() || self.driver.is_spoiled.load(Ordering::Relaxed)
    }

    /// Whether it has lived long enough to be replaced.
    #[must_use]
    pub fn is_expired(&self, now: Instant) -> bool {
        now >= self.expires
    }
}

/// Sends a batch, if there is one.
pub(in crate::postgres) async fn batch(
    client: &Client,
    sql: Option<&str>,
) -> Result<(), tokio_postgres::Error> {
    match sql {
        Some(sql) => client.batch_execute(sql).await,
        None => Ok(()),
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.task.abort();
    }
}
