//! One connection to one database: its settings, its prepared statements, its end.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use futures_util::future::{FutureExt, join, join3};
use futures_util::stream::FuturesOrdered;
use postgres_types::{ToSql, Type};
use tokio::time::{sleep, timeout};
use tokio_postgres::{Client, Row, Statement};

use super::budget::ServerClock;
use super::connect::cancel_route::CancelRoute;
use super::database_locks::Asker;
use super::deadline::within;
use super::failure::{Failure, Reason};
use super::pool::Permit;
use super::rows::{ResultColumn, columns_of};
use crate::catalog::facts::Kind;

/// For how long a connection is kept, plus up to a tenth: server-side caches do not grow for ever, and a changed
/// password or `pg_hba` rule shows.
const LIFETIME: Duration = Duration::from_secs(600);

/// What preparing a statement may take on the server. Parsing takes milliseconds, but waits for locks on relations.
const PREPARE_LIMIT: Duration = Duration::from_millis(500);

/// How long a cancel request may take; it runs in the background.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(1);

/// How long the server may take to say goodbye. One that does not answer at all has lost the connection by then.
const FAREWELL: Duration = Duration::from_secs(1);

/// What a backend is given to notice that its client is gone, where that cannot be seen from here.
const GRACE: Duration = Duration::from_millis(20);

/// Names a statement on every connection; the same number never means two statements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StatementKey(pub u64);

/// How a statement is run on this connection.
#[derive(Debug)]
pub(in crate::postgres) enum Prepared {
    /// As a named prepared statement.
    Named(Statement, Arc<[ResultColumn]>),
    /// By the simple protocol, with text results: where statements cannot be prepared, or values have no binary form
    /// that can be read. The types are known only if it was prepared before.
    Simple(Option<Arc<[ResultColumn]>>),
}

/// One connection. Dropping it closes the socket at once; [`close`](Self::close) and [`abandon`](Self::abandon) see to it
/// that the server's backend is gone before its permit is free.
#[derive(Debug)]
pub struct Session {
    pub(in crate::postgres) client: Arc<Client>,
    pub(in crate::postgres) kind: Kind,
    pub(in crate::postgres) prepared: HashMap<StatementKey, Prepared>,
    /// What the server's `statement_timeout` is set to.
    pub(in crate::postgres) server_timeout: Option<Duration>,
    /// The server's clock, as read with the last facts.
    pub(in crate::postgres) clock: Option<ServerClock>,
    /// The cluster's system identifier, once it was asked for; 0 when the server does not tell.
    pub(in crate::postgres) cluster: Option<i64>,
    /// Whether the server was in recovery when the session was opened, once that is known.
    in_recovery: Option<bool>,
    driver: Driver,
    expires: Instant,
    /// Held, never read. Last, so that the permit is freed after the socket is closed.
    permit: Option<Permit>,
}

/// The task that reads and writes a connection's socket.
pub(in crate::postgres) struct Driver {
    /// The task.
    pub(in crate::postgres) task: tokio::task::JoinHandle<()>,
    /// The last notice of the server.
    pub(in crate::postgres) notice: Arc<Mutex<Option<String>>>,
    /// Version of what answers, from the start-up exchange; 0 when unknown.
    pub(in crate::postgres) version: u32,
    /// How to reach the server for cancel requests.
    pub(in crate::postgres) cancel_route: CancelRoute,
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
    pub(in crate::postgres) fn new(client: Client, kind: Kind, driver: Driver) -> Self {
        let lifetime = LIFETIME + LIFETIME.mul_f64(fastrand::f64() / 10.0);
        let expires = Instant::now() + lifetime;
        Self {
            client: Arc::new(client),
            kind,
            prepared: HashMap::new(),
            server_timeout: None,
            clock: None,
            cluster: None,
            in_recovery: None,
            driver,
            expires,
            permit: None,
        }
    }

    /// The session with its permit under the cap of connections.
    pub(in crate::postgres) fn with_permit(self, permit: Permit) -> Self {
        Self {
            permit: Some(permit),
            ..self
        }
    }

    /// Version that the server told at the start, as `server_version_num`; 0 when unknown.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.driver.version
    }

    /// The text of the last notice, once.
    pub(in crate::postgres) fn take_notice(&self) -> Option<String> {
        self.driver
            .notice
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    /// Asks pgbouncer's console for its version. Before 1.12 the answer is a notice and has no row.
    pub(crate) async fn ping(&self) -> Result<(), Failure> {
        Ok(self.client.batch_execute("SHOW VERSION").await?)
    }

    /// Runs a statement of one row within the limit on the server, in one round trip. The caller bounds it on this side.
    ///
    /// With a key it is prepared beside its first execution, for the next ones, where statements can be.
    pub(crate) async fn one_row(
        &mut self,
        key: Option<StatementKey>,
        sql: &str,
        parameters: &[(&(dyn ToSql + Sync), Type)],
        limit: Duration,
    ) -> Result<Row, Failure> {
        let is_ours = self.kind == Kind::Postgres;
        let limits = is_ours.then(|| self.limits(limit)).flatten();
        let client = &self.client;
        let set = async {
            match &limits {
                Some(limits) => client.batch_execute(limits).await,
                None => Ok(()),
            }
        };
        // Polled in this order, so sent in this order.
        if let Some(Prepared::Named(statement, _)) = key.and_then(|key| self.prepared.get(&key)) {
            let values: Vec<_> = parameters.iter().map(|(value, _)| *value).collect();
            let (set, row) = join(set, client.query_one(statement, &values)).await;
            set?;
            return Ok(row?);
        }
        let prepare = async {
            match key {
                Some(key) if is_ours => client.prepare(sql).await.map(|statement| Some((key, statement))),
                _ => Ok(None),
            }
        };
        let (set, rows, statement) = join3(set, client.query_typed(sql, parameters), prepare).await;
        set?;
        let row = rows?.pop();
        if let Some((key, statement)) = statement? {
            let columns = columns_of(statement.columns()).into();
            self.prepared.insert(key, Prepared::Named(statement, columns));
        }
        row.ok_or_else(|| Failure::new(Reason::Other, "the server gave no row"))
    }

    /// Takes notice of the server's role. Whether it is the one that the session was opened on: a kept session survives a
    /// promotion.
    pub fn keeps_role(&mut self, in_recovery: bool) -> bool {
        *self.in_recovery.get_or_insert(in_recovery) == in_recovery
    }

    /// A way to ask for claims on databases over this connection, whoever holds the session, within the limit on the
    /// server; `None` where statements may reach another server's session each.
    pub(in crate::postgres) fn asker(&mut self, limit: Duration) -> Option<Asker> {
        if self.kind != Kind::Postgres || self.client.is_closed() {
            return None;
        }
        if let Some(limits) = self.limits(limit) {
            // Sent here and now, so that the session knows for sure what its limit is, whoever sends next. Nobody waits for
            // the answer.
            let _ = self.client.batch_execute(&limits).now_or_never();
        }
        Some(Asker(Arc::clone(&self.client)))
    }

    /// What answers at the other end.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether the connection is lost.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Whether it has lived long enough to be repermitd.
    #[must_use]
    pub fn is_expired(&self, now: Instant) -> bool {
        now >= self.expires
    }

    /// Prepares the statements that are not yet prepared here, in one round trip. The result has one entry per
    /// statement that failed. Each answer may take what the server is allowed for it, and the grace.
    ///
    /// # Errors
    /// When an answer does not come, or not before the deadline: the session is of no use then.
    pub async fn prepare(
        &mut self,
        statements: &[(StatementKey, &str)],
        grace: Duration,
        deadline: Instant,
    ) -> Result<Vec<(StatementKey, Failure)>, Failure> {
        let mut failures = Vec::new();
        let new: Vec<_> = statements
            .iter()
            .filter(|(key, _)| !self.prepared.contains_key(key))
            .collect();
        if self.kind != Kind::Postgres {
            self.prepared
                .extend(new.iter().map(|(key, _)| (*key, Prepared::Simple(None))));
            return Ok(failures);
        }
        if new.is_empty() {
            return Ok(failures);
        }
        let limits = self.limits(PREPARE_LIMIT).unwrap_or_default();
        let client = Arc::clone(&self.client);
        let set = async { (None, client.batch_execute(&limits).await.map(|()| None)) };
        let prepares = new
            .iter()
            .map(|(key, sql)| async { (Some(*key), client.prepare(sql).await.map(Some)) });
        // Polled in this order, so sent in this order: one round trip.
        let all = std::iter::once(set.left_future()).chain(prepares.map(FutureExt::right_future));
        let mut answers: FuturesOrdered<_> = all.collect();
        loop {
            let limit = deadline.min(Instant::now() + PREPARE_LIMIT + grace);
            let answer = within(limit, answers.next())
                .await
                .map_err(|_| Failure::timeout("the server did not prepare the statements in time"))?;
            match answer {
                None => return Ok(failures),
                Some((Some(key), Ok(Some(statement)))) => {
                    let columns = columns_of(statement.columns()).into();
                    self.prepared.insert(key, Prepared::Named(statement, columns));
                }
                Some((Some(key), Err(error))) => failures.push((key, Failure::from(error))),
                Some((_, set)) => {
                    set?;
                }
            }
        }
    }

    /// The columns that a statement would yield, without running it and without keeping it. Not for pgbouncer's console.
    ///
    /// # Errors
    /// What the server says, the loss of the connection, or a timeout at the deadline.
    pub async fn describe(&self, sql: &str, deadline: Instant) -> Result<Vec<ResultColumn>, Failure> {
        match within(deadline, self.client.prepare(sql)).await {
            Ok(answer) => Ok(columns_of(answer?.columns())),
            Err(_) => Err(Failure::timeout(
                "the server did not prepare the statement in time",
            )),
        }
    }

    /// The columns of a prepared statement, where they are known before it runs.
    #[must_use]
    pub fn columns(&self, key: StatementKey) -> Option<&Arc<[ResultColumn]>> {
        match self.prepared.get(&key)? {
            Prepared::Named(_, columns) => Some(columns),
            Prepared::Simple(columns) => columns.as_ref(),
        }
    }

    /// Runs the statement by the simple protocol from now on: the server does not keep it prepared, as behind a pooler,
    /// or its result has types that the binary format cannot show as the text format does.
    pub fn use_text(&mut self, key: StatementKey) {
        let columns = self.columns(key).cloned();
        self.prepared.insert(key, Prepared::Simple(columns));
    }

    /// Forgets a statement, so that it is prepared anew.
    pub fn forget(&mut self, key: StatementKey) {
        self.prepared.remove(&key);
    }

    /// Keeps only the statements for which the predicate holds; the server forgets the others.
    pub fn retain_statements(&mut self, keep: impl Fn(StatementKey) -> bool) {
        self.prepared.retain(|key, _| keep(*key));
    }

    /// Ends the connection in order: ready when the server's backend is gone, or does not go in time.
    pub async fn close(self) {
        let Self {
            client,
            mut driver,
            permit,
            ..
        } = self;
        // With the last handle gone, the driver says goodbye and waits for the server to close its end.
        drop(client);
        // How it ended does not matter: what is left of it ends here.
        let _ = timeout(FAREWELL, &mut driver.task).await;
        drop(driver);
        drop(permit);
    }

    /// Gives the session up while a statement may be running: asks the server, in the background and with a bound, to
    /// cancel it, and closes the connection then. Statements queued behind it end with the connection.
    pub fn abandon(self) {
        if self.is_closed() {
            return;
        }
        let token = self.client.cancel_token();
        tokio::spawn(async move {
            // The answer does not matter: the server's own statement_timeout is the backstop.
            let _ = timeout(CANCEL_TIMEOUT, self.driver.cancel_route.cancel(&token)).await;
            let Self { driver, permit, .. } = self;
            drop(driver);
            sleep(GRACE).await;
            drop(permit);
        });
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.task.abort();
    }
}
