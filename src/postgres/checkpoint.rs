//! Limits that end at a time of the server's own clock: statements in a pipeline that set what is left.
//!
//! Parsing and planning one costs the server three times what running it does. So a session's first checkpoint prepares the
//! statement, and those behind it run it. Where it cannot be prepared it is sent as text.

use std::time::{Duration, Instant};

use postgres_types::{ToSql, Type};

use super::deadline::within;
use super::failure::Failure;
use super::limits;
use super::session::{Prepared, Session, StatementKey};

/// The statement's key on every connection.
pub const KEY: StatementKey = StatementKey(1);

/// What follows may take so long, but not beyond that time.
#[derive(Clone, Copy, Debug)]
pub(in crate::postgres) struct Checkpoint {
    pub(in crate::postgres) timeout: Duration,
    /// By the server's clock, in milliseconds since 1970.
    pub(in crate::postgres) end: f64,
}

impl Checkpoint {
    /// Its text.
    pub(in crate::postgres) fn text(self, version: u32) -> String {
        limits::checkpoint_text(self.end, self.timeout, false, version)
    }

    /// Sets the limits.
    pub(in crate::postgres) async fn set(self, session: &Session) -> Result<(), Failure> {
        let Some(Prepared::Named(statement, _)) = session.prepared.get(&KEY) else {
            return Ok(session
                .client
                .batch_execute(&self.text(session.version()))
                .await?);
        };
        let limit = limits::milliseconds(self.timeout);
        let values: [&(dyn ToSql + Sync); 2] = [&limit, &self.end];
        session.client.query_one(statement, &values).await?;
        Ok(())
    }
}

/// Prepares the statement, unless that was done or was in vain.
pub(in crate::postgres) async fn prepare(session: &mut Session, deadline: Instant) {
    if session.prepared.contains_key(&KEY) {
        return;
    }
    let types = [Type::FLOAT8, Type::FLOAT8];
    let statement = limits::checkpoint("$1", "$2", false, session.version());
    let prepared = match within(deadline, session.client.prepare_typed(&statement, &types)).await {
        Ok(Ok(statement)) => Prepared::named(statement),
        // Its text will do, or what is wrong shows with the statements behind it.
        Ok(Err(_)) | Err(_) => Prepared::Simple(None),
    };
    session.prepared.insert(KEY, prepared);
}
