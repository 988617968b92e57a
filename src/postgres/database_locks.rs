//! Who wants a database for themselves: `DROP DATABASE`, `ALTER DATABASE … RENAME` and `SET TABLESPACE`, `CREATE DATABASE …
//! TEMPLATE`.
//!
//! All of them take a lock on the database as an object, then wait for up to 5 seconds until no other session is in it, and
//! fail. Sessions take no such lock once they are connected, so whoever sees it can make room.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use futures_util::future::join;
use tokio_postgres::{Client, Row, Statement};

use super::deadline::within;
use super::failure::{Failure, Reason};
use super::session::Session;
use super::text::Name;

/// The names of the databases that someone holds such a lock on, or waits for one, and what finding out took the server in
/// seconds: that column is evaluated last. Everyone may read `pg_locks`; what it costs grows with the number of locks: less than
/// half a millisecond, and 5 to 10 with 10,000 locks (measured on a busy machine).
const STATEMENT: &str = "\
SELECT ARRAY(SELECT d.datname::pg_catalog.text
               FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_database d ON d.oid = l.objid
              WHERE l.locktype = 'object' AND l.classid = 'pg_catalog.pg_database'::pg_catalog.regclass::pg_catalog.oid
                AND l.mode IN ('AccessExclusiveLock', 'ShareLock')),
       pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - pg_catalog.statement_timestamp())";

/// What the server says.
#[derive(Clone, Debug, PartialEq)]
pub struct Claims {
    /// Databases that sessions should leave.
    pub databases: Vec<String>,
    /// What finding out took the server.
    pub cost: Duration,
}

/// Asks over the connection of a session that someone else holds: between their statements, or behind those that are under
/// way. Of the session nothing has changed but its limit on statements, which it knows of: what the statement before was
/// allowed may be too little.
///
/// The first one over a session prepares the statement, for all that follow: planning it costs the server more than running it.
#[derive(Debug)]
pub struct LockReader {
    client: Arc<Client>,
    prepared: Arc<OnceLock<Statement>>,
}

impl LockReader {
    /// A reader over the session's connection, within the limit on the server; `None` where statements may reach another
    /// server's session each.
    pub(in crate::postgres) fn over(session: &mut Session, limit: Duration) -> Option<Self> {
        let prepared = Arc::clone(&session.lock_statement);
        session
            .client_with_limit(limit)
            .map(|client| Self { client, prepared })
    }

    /// Asks for the claims of the whole cluster.
    ///
    /// # Errors
    /// What the server says, the loss of the connection, or a timeout at the deadline.
    pub async fn read(&self, deadline: Instant) -> Result<Claims, Failure> {
        let rows = within(deadline, self.rows())
            .await
            .map_err(|_| Failure::timeout("the server did not answer in time"))??;
        let unreadable = |_| Failure::new(Reason::Other, "the server's answer has an unexpected form");
        let Some(row) = rows.first() else {
            return Err(Failure::new(Reason::Other, "the server gave no row"));
        };
        let seconds: f64 = row.try_get(1).map_err(unreadable)?;
        let names: Vec<Name> = row.try_get(0).map_err(unreadable)?;
        Ok(Claims {
            databases: names.into_iter().map(|name| name.0).collect(),
            // The server's clock may have been set back meanwhile.
            cost: Duration::try_from_secs_f64(seconds).unwrap_or_default(),
        })
    }

    async fn rows(&self) -> Result<Vec<Row>, Failure> {
        if let Some(statement) = self.prepared.get() {
            match self.client.query(statement, &[]).await.map_err(Failure::from) {
                Err(failure) if failure.is_stale_statement() => {}
                answer => return answer,
            }
            return Ok(self.client.query_typed(STATEMENT, &[]).await?);
        }
        // Prepared beside the first execution: a scrape waits for one round trip, and gives up what takes two.
        let (rows, statement) = join(
            self.client.query_typed(STATEMENT, &[]),
            self.client.prepare(STATEMENT),
        )
        .await;
        if let Ok(statement) = statement {
            let _ = self.prepared.set(statement);
        }
        Ok(rows?)
    }
}
