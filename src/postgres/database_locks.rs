//! Who wants a database for themselves: `DROP DATABASE`, `ALTER DATABASE … RENAME` and `SET TABLESPACE`, `CREATE DATABASE …
//! TEMPLATE`.
//!
//! All of them take a lock on the database as an object, then wait for up to 5 seconds until no other session is in it, and
//! fail. Sessions take no such lock once they are connected, so whoever sees it can make room.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_postgres::Client;

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
#[derive(Debug)]
pub struct LockReader(Arc<Client>);

impl LockReader {
    /// A reader over the session's connection, within the limit on the server; `None` where statements may reach another
    /// server's session each.
    pub(in crate::postgres) fn over(session: &mut Session, limit: Duration) -> Option<Self> {
        session.client_with_limit(limit).map(Self)
    }

    /// Asks for the claims of the whole cluster.
    ///
    /// # Errors
    /// What the server says, the loss of the connection, or a timeout at the deadline.
    pub async fn read(&self, deadline: Instant) -> Result<Claims, Failure> {
        let answer = self.0.query_typed(STATEMENT, &[]);
        let rows = within(deadline, answer)
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
}
