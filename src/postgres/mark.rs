//! Marks in a pipeline: statements that ask the server for its clock, so that what a statement takes is the time between the mark in
//! front of it and the one behind it, whenever its answer is read here, and however far away that is.

use postgres_types::ToSql;
use tokio_postgres::SimpleQueryMessage;

use super::failure::{Failure, Reason};
use super::limits::READ_COMMITTED;
use super::session::{Prepared, Session, StatementKey};
use crate::catalog::facts::Kind;

/// The statement's key on every connection.
pub const KEY: StatementKey = StatementKey(2);

/// The statement.
pub const STATEMENT: &str = "SELECT pg_catalog.date_part('epoch', pg_catalog.clock_timestamp())";

/// Asks for the clock: seconds since 1970.
pub(in crate::postgres) async fn ask(session: &Session) -> Result<f64, Failure> {
    const NO_PARAMETERS: [&(dyn ToSql + Sync); 0] = [];
    let unreadable = || Failure::new(Reason::Other, "the server's clock has an unexpected form");
    if let Some(Prepared::Named(statement, _)) = session.prepared.get(&KEY) {
        let row = session.client.query_one(statement, &NO_PARAMETERS).await?;
        return row.try_get(0).map_err(|_| unreadable());
    }
    let messages = match session.kind() {
        Kind::Pooled => {
            session
                .client
                .simple_query(&format!("{READ_COMMITTED}{STATEMENT}"))
                .await?
        }
        _ => session.client.simple_query(STATEMENT).await?,
    };
    let row = messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.try_get(0).ok().flatten(),
        _ => None,
    });
    row.and_then(|text| text.parse().ok()).ok_or_else(unreadable)
}
