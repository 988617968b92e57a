//! A statement of one row, in one round trip with its limits.

use std::time::{Duration, Instant};

use futures_util::future::join4;
use postgres_types::{ToSql, Type};
use tokio_postgres::Row;

use super::{Prepared, Session, StatementKey, batch};
use crate::catalog::facts::Kind;
use crate::postgres::deadline::within;
use crate::postgres::failure::{Failure, Reason};
use crate::postgres::search_path::SearchPath;

impl Session {
    /// Runs a statement of one row within the limit on the server, in one round trip. The caller bounds it on this side.
    ///
    /// With a key it is prepared beside its first execution, for the next ones, where statements can be. One that the server
    /// has forgotten is prepared anew.
    pub(crate) async fn one_row(
        &mut self,
        key: Option<StatementKey>,
        sql: &str,
        parameters: &[(&(dyn ToSql + Sync), Type)],
        limit: Duration,
    ) -> Result<Row, Failure> {
        match self.try_one_row(key, sql, parameters, limit).await {
            Err(failure) if failure.is_stale_statement() && key.is_some() => {
                key.into_iter().for_each(|key| self.forget(key));
                self.try_one_row(key, sql, parameters, limit).await
            }
            answer => answer,
        }
    }

    /// As [`one_row`](Self::one_row), bounded on both sides.
    ///
    /// # Errors
    /// What the server says, the loss of the connection, or a timeout at the deadline.
    pub(in crate::postgres) async fn one_row_until(
        &mut self,
        key: StatementKey,
        sql: &str,
        parameters: &[(&(dyn ToSql + Sync), Type)],
        deadline: Instant,
    ) -> Result<Row, Failure> {
        let limit = deadline.saturating_duration_since(Instant::now());
        within(deadline, self.one_row(Some(key), sql, parameters, limit))
            .await
            .unwrap_or_else(|_| Err(Failure::timeout("the server did not answer in time")))
    }

    async fn try_one_row(
        &mut self,
        key: Option<StatementKey>,
        sql: &str,
        parameters: &[(&(dyn ToSql + Sync), Type)],
        limit: Duration,
    ) -> Result<Row, Failure> {
        let before = self.limits.before(limit);
        let after = self.limits.after(SearchPath::Catalog);
        let client = &self.client;
        // Polled in this order, so sent in this order.
        if let Some(Prepared::Named(statement, _)) = key.and_then(|key| self.prepared.get(&key)) {
            let values: Vec<_> = parameters.iter().map(|(value, _)| *value).collect();
            let row = client.query_one(statement, &values);
            let (set, row, _, end) = join4(
                batch(client, before.as_deref()),
                row,
                async {},
                batch(client, after),
            )
            .await;
            set?;
            let row = row?;
            end?;
            return Ok(row);
        }
        let is_ours = self.limits.kind() == Kind::Postgres;
        let prepare = async {
            match key {
                Some(key) if is_ours => client.prepare(sql).await.map(|statement| Some((key, statement))),
                _ => Ok(None),
            }
        };
        let (set, rows, statement, end) = join4(
            batch(client, before.as_deref()),
            client.query_typed(sql, parameters),
            prepare,
            batch(client, after),
        )
        .await;
        set?;
        let row = rows?.pop();
        end?;
        if let Some((key, statement)) = statement? {
            self.prepared.insert(key, Prepared::named(statement));
        }
        row.ok_or_else(|| Failure::new(Reason::Other, "the server gave no row"))
    }
}
