//! Statements of one row each, of which any may be refused by itself.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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

/// What has come so far of what was asked, each at its place in the order of asking.
#[derive(Debug)]
pub(crate) struct Rows(Mutex<Vec<Option<Result<OneRow, Failure>>>>);

impl Rows {
    /// Nothing of so many.
    pub(crate) fn of(asked: usize) -> Self {
        Self(Mutex::new((0..asked).map(|_| None).collect()))
    }

    /// Whether there is an answer at that place.
    pub(crate) fn has(&self, place: usize) -> bool {
        self.told().get(place).is_some_and(Option::is_some)
    }

    /// All of them.
    pub(crate) fn into_answers(self) -> Vec<Option<Result<OneRow, Failure>>> {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes an answer, unless the connection is lost.
    fn tell(&self, place: usize, row: Result<Option<Row>, Failure>) -> Result<(), Failure> {
        let row =
            row.and_then(|row| row.ok_or_else(|| Failure::new(Reason::Other, "the server gave no row")));
        match row {
            Err(failure) if failure.reason == Reason::Connection => Err(failure),
            row => {
                if let Some(told) = self.told().get_mut(place) {
                    *told = Some(row.map(OneRow));
                }
                Ok(())
            }
        }
    }

    fn told(&self) -> MutexGuard<'_, Vec<Option<Result<OneRow, Failure>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Session {
    /// Runs statements within the limit on the server, in one round trip; each has a row or its own failure, told as it comes. They
    /// are prepared beside their first execution, where statements can be. The caller bounds it on this side: what has come by then
    /// is told.
    ///
    /// # Errors
    /// When the connection is lost.
    pub(crate) async fn optional_rows(
        &mut self,
        asked: &[(StatementKey, &str)],
        limit: Duration,
        rows: &Rows,
    ) -> Result<(), Failure> {
        if self.kind() != Kind::Postgres {
            return self.one_by_one(asked, limit, rows).await;
        }
        let before = self.limits.before(limit);
        let after = self.limits.after(SearchPath::Catalog);
        let client = Arc::clone(&self.client);
        let statements = asked.iter().enumerate().map(|(place, (key, sql))| {
            let known = match self.prepared.get(key) {
                Some(Prepared::Named(statement, _)) => Some(statement.clone()),
                _ => None,
            };
            let client = &client;
            async move {
                if let Some(statement) = known {
                    let row = client.query_one(&statement, &[]).await;
                    return (rows.tell(place, row.map(Some).map_err(Failure::from)), None);
                }
                let row = async {
                    let row = client.query_typed(sql, &[]).await;
                    rows.tell(place, row.map(|mut rows| rows.pop()).map_err(Failure::from))
                };
                let (told, statement) = join(row, client.prepare(sql)).await;
                (told, statement.ok())
            }
        });
        // Polled in this order, so sent in this order.
        let before = batch(&client, before.as_deref());
        let (set, answers, end) = join3(before, join_all(statements), batch(&client, after)).await;
        set?;
        end?;
        for ((key, _), (told, statement)) in asked.iter().zip(answers) {
            if let Some(statement) = statement {
                self.prepared.insert(*key, Prepared::named(statement));
            }
            told?;
        }
        Ok(())
    }

    /// Through a pooler each has a transaction of its own, which one that is refused would end for the others.
    async fn one_by_one(
        &mut self,
        asked: &[(StatementKey, &str)],
        limit: Duration,
        rows: &Rows,
    ) -> Result<(), Failure> {
        for (place, (_, sql)) in asked.iter().enumerate() {
            rows.tell(place, self.one_row(None, sql, &[], limit).await.map(Some))?;
        }
        Ok(())
    }
}
