//! A session's prepared statements.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use futures_util::future::{Either, join3};
use futures_util::stream::FuturesOrdered;
use tokio_postgres::Statement;

use super::{PREPARE_LIMIT, Prepared, Session, StatementKey, batch};
use crate::catalog::facts::Kind;
use crate::postgres::deadline::within;
use crate::postgres::failure::{Failure, Reason};
use crate::postgres::limits::Limit;
use crate::postgres::rows::{Format, ResultColumn, Shape, columns_of};
use crate::postgres::search_path::SearchPath;

impl Session {
    /// Prepares the statements that are not yet prepared here, in one round trip. The result has one entry per
    /// statement that failed. Each answer may take what the server is allowed for it, and the grace.
    ///
    /// # Errors
    /// When an answer does not come, or not before the deadline: the session is of no use then.
    pub async fn prepare(
        &mut self,
        statements: &[(StatementKey, &str, SearchPath<'_>)],
        grace: Duration,
        deadline: Instant,
    ) -> Result<Vec<(StatementKey, Failure)>, Failure> {
        let mut failures = Vec::new();
        let new: Vec<_> = statements
            .iter()
            .filter(|(key, ..)| !self.prepared.contains_key(key))
            .collect();
        if self.kind() != Kind::Postgres {
            self.prepared
                .extend(new.iter().map(|(key, ..)| (*key, Prepared::Simple(None))));
            return Ok(failures);
        }
        if new.is_empty() {
            return Ok(failures);
        }
        let client = Arc::clone(&self.client);
        // Polled in this order, so sent in this order: one round trip.
        let mut answers = FuturesOrdered::new();
        for (key, sql, path) in new {
            let before = self.limits.before_on(*path, Limit::Time(PREPARE_LIMIT));
            let (before, after) = self.limits.translated(sql, *path, before);
            let settings = |sql: Option<String>| {
                let client = Arc::clone(&client);
                sql.map(|sql| {
                    Either::Left(async move { (None, client.batch_execute(&sql).await.map(|()| None)) })
                })
            };
            answers.extend(settings(before));
            answers.push_back(Either::Right(async {
                (Some(*key), client.prepare(sql).await.map(Some))
            }));
            answers.extend(settings(after));
        }
        loop {
            let limit = deadline.min(Instant::now() + PREPARE_LIMIT + grace);
            let answer = within(limit, answers.next())
                .await
                .map_err(|_| Failure::timeout("the server did not prepare the statements in time"))?;
            match answer {
                None => return Ok(failures),
                Some((Some(key), Ok(Some(statement)))) => match parameters_of(&statement) {
                    Some(failure) => failures.push((key, failure)),
                    None => {
                        self.prepared.insert(key, Prepared::named(statement));
                    }
                },
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
    pub async fn describe(
        &mut self,
        sql: &str,
        path: SearchPath<'_>,
        deadline: Instant,
    ) -> Result<Vec<ResultColumn>, Failure> {
        let limit = deadline.saturating_duration_since(Instant::now());
        let before = self.limits.before_on(path, Limit::Time(limit));
        let (before, after) = self.limits.translated(sql, path, before);
        let client = &self.client;
        let all = join3(
            batch(client, before.as_deref()),
            client.prepare(sql),
            batch(client, after.as_deref()),
        );
        let Ok((set, statement, end)) = within(deadline, all).await else {
            return Err(Failure::timeout(
                "the server did not prepare the statement in time",
            ));
        };
        set?;
        let statement = statement?;
        end?;
        match parameters_of(&statement) {
            Some(failure) => Err(failure),
            None => Ok(columns_of(statement.columns())),
        }
    }

    /// The columns of a prepared statement, where they are known before it runs.
    #[must_use]
    pub fn columns(&self, key: StatementKey) -> Option<Cow<'_, [ResultColumn]>> {
        match self.prepared.get(&key)? {
            Prepared::Named(statement, _) => Some(columns_of(statement.columns()).into()),
            Prepared::Simple(known) => known.as_ref().map(|(columns, _)| Cow::Borrowed(&**columns)),
        }
    }

    /// The shape of its result, where that is known before it runs, and how it is written.
    #[must_use]
    pub fn shape(&self, key: StatementKey) -> Option<(Shape, Format)> {
        match self.prepared.get(&key)? {
            Prepared::Named(_, shape) => Some((*shape, Format::Binary)),
            Prepared::Simple(known) => known.as_ref().map(|(_, shape)| (*shape, Format::Text)),
        }
    }

    /// Runs the statement by the simple protocol from now on: the server does not keep it prepared, as behind a pooler,
    /// or its result has types that the binary format cannot show as the text format does.
    pub fn use_text(&mut self, key: StatementKey) {
        let shape = self.shape(key).map(|(shape, _)| shape);
        let columns = self.columns(key).map(|columns| columns.into_owned().into());
        self.prepared.insert(key, Prepared::Simple(columns.zip(shape)));
    }

    /// Forgets a statement, so that it is prepared anew.
    pub fn forget(&mut self, key: StatementKey) {
        self.prepared.remove(&key);
    }

    /// Keeps only the statements for which the predicate holds; the server forgets the others.
    pub fn retain_statements(&mut self, keep: impl Fn(StatementKey) -> bool) {
        self.prepared.retain(|key, _| keep(*key));
    }
}

/// Nobody gives a collector's statement parameters.
fn parameters_of(statement: &Statement) -> Option<Failure> {
    let count = statement.params().len();
    (count > 0).then(|| {
        let what = format!("the statement has {count} parameters ($1), and nobody gives them values");
        Failure::new(Reason::Other, what)
    })
}
