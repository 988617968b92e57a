//! Statements of one row each, of which any may be refused by itself.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{join, join_all, join3};
use postgres_types::FromSql;
use tokio_postgres::Row;

use super::failure::{Failure, Reason};
use super::search_path::SearchPath;
use super::session::{Prepared, Session, StatementKey, batch};
use crate::catalog::facts::Kind;

/// A row of which anything may be null or of another form: then it is not known.
#[derive(Debug)]
pub(crate) struct OneRow(Row);

impl OneRow {
    /// A text.
    pub(crate) fn text(&self, index: usize) -> Option<&str> {
        self.get(index)
    }

    /// A number.
    pub(crate) fn number(&self, index: usize) -> Option<f64> {
        self.get(index)
    }

    /// A truth value.
    pub(crate) fn truth(&self, index: usize) -> Option<bool> {
        self.get(index)
    }

    fn get<'a, T: FromSql<'a>>(&'a self, index: usize) -> Option<T> {
        self.0.try_get::<_, Option<T>>(index).ok().flatten()
    }
}

impl Session {
    /// Runs statements within the limit on the server, in one round trip; each has a row or its own failure. They are
    /// prepared beside their first execution, where statements can be. The caller bounds it on this side.
    ///
    /// # Errors
    /// When the connection is lost.
    pub(crate) async fn optional_rows(
        &mut self,
        asked: &[(StatementKey, &str)],
        limit: Duration,
    ) -> Result<Vec<Result<OneRow, Failure>>, Failure> {
        if self.kind() != Kind::Postgres {
            return self.one_by_one(asked, limit).await;
        }
        let before = self.limits.before(limit);
        let after = self.limits.after(SearchPath::Catalog);
        let client = Arc::clone(&self.client);
        let statements = asked.iter().map(|(key, sql)| {
            let known = match self.prepared.get(key) {
                Some(Prepared::Named(statement, _)) => Some(statement.clone()),
                _ => None,
            };
            let client = &client;
            async move {
                if let Some(statement) = known {
                    return (client.query_one(&statement, &[]).await.map(Some), None);
                }
                let (rows, statement) = join(client.query_typed(sql, &[]), client.prepare(sql)).await;
                (rows.map(|mut rows| rows.pop()), statement.ok())
            }
        });
        // Polled in this order, so sent in this order.
        let before = batch(&client, before.as_deref());
        let (set, answers, end) = join3(before, join_all(statements), batch(&client, after)).await;
        set?;
        end?;
        let mut rows = Vec::with_capacity(asked.len());
        for ((key, _), (row, statement)) in asked.iter().zip(answers) {
            if let Some(statement) = statement {
                self.prepared.insert(*key, Prepared::named(statement));
            }
            let row = row.map_err(Failure::from);
            let row =
                row.and_then(|row| row.ok_or_else(|| Failure::new(Reason::Other, "the server gave no row")));
            match row {
                Err(failure) if failure.reason == Reason::Connection => return Err(failure),
                row => rows.push(row.map(OneRow)),
            }
        }
        Ok(rows)
    }

    /// Through a pooler each has a transaction of its own, which one that is refused would end for the others.
    async fn one_by_one(
        &mut self,
        asked: &[(StatementKey, &str)],
        limit: Duration,
    ) -> Result<Vec<Result<OneRow, Failure>>, Failure> {
        let mut rows = Vec::with_capacity(asked.len());
        for (_, sql) in asked {
            match self.one_row(None, sql, &[], limit).await {
                Err(failure) if failure.reason == Reason::Connection => return Err(failure),
                row => rows.push(row.map(OneRow)),
            }
        }
        Ok(rows)
    }
}
