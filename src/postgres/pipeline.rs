//! Statements in flight: all are sent before the first answer is awaited, answers are read in order.

use std::collections::VecDeque;
use std::pin::Pin;
use std::time::{Duration, Instant};

use futures_util::future::{MaybeDone, maybe_done};
use futures_util::poll;

use super::budget::{Budget, Setting};
use super::checkpoint;
use super::checkpoint::Checkpoint;
use super::failure::{Failure, Reason};
use super::mark;
use super::rows::Rows;
use super::search_path::SearchPath;
use super::session::{Prepared, Session, StatementKey};
use crate::catalog::facts::Kind;

/// The key of the statement that sets limits by the server's clock.
pub use super::checkpoint::KEY as CHECKPOINT;
/// The key of the statement that asks for the server's clock, and its text.
pub use super::mark::{KEY as MARK, STATEMENT as MARK_STATEMENT};

/// A statement to run.
#[derive(Clone, Debug)]
pub struct QueryRequest<'a> {
    /// Which prepared statement.
    pub key: StatementKey,
    /// Its text, for the protocols that send it at each run.
    pub sql: &'a str,
    /// What it may take on the server.
    pub timeout: Duration,
    /// Where its names are looked for. On any path but `pg_catalog` it has a transaction of its own.
    pub path: SearchPath<'a>,
    /// Whether the server is asked for its clock in front of it and behind it, where it has one.
    pub is_timed: bool,
}

type Sending<'a, T> = Pin<Box<MaybeDone<Pin<Box<dyn Future<Output = Result<T, Failure>> + Send + 'a>>>>>;

/// A statement that has been sent.
pub struct PendingQuery<'a> {
    /// Which one.
    pub key: StatementKey,
    /// What it may take on the server.
    pub timeout: Duration,
    /// The server's clock in front of it, unless it is that behind the statement before.
    front: Option<Sending<'a, f64>>,
    settings: [Option<Sending<'a, ()>>; 2],
    /// Until somebody has it.
    rows: Option<Sending<'a, Rows>>,
    /// The end of the transaction around the statement. Nobody waits for its answer.
    end: Option<Sending<'a, ()>>,
    /// The server's clock behind it.
    back: Option<Sending<'a, f64>>,
    began: Option<f64>,
    has_begun: bool,
}

impl PendingQuery<'_> {
    /// The start of its answer. Statements sent before it must have been read to their end, or dropped.
    ///
    /// # Errors
    /// What the server says, or the loss of the connection.
    pub async fn rows(&mut self) -> Result<Rows, Failure> {
        if let Some(front) = &mut self.front {
            // Without it the statement is not timed, and what is wrong shows with the statement itself.
            self.began = receive(front).await.ok();
        }
        for settings in self.settings.iter_mut().flatten() {
            receive(settings).await?;
        }
        self.has_begun = true;
        match self.rows.take() {
            Some(mut rows) => receive(&mut rows).await,
            None => Err(read_already()),
        }
    }

    /// Whether the server has got to it, for all that is known: what was sent in front of it has been answered.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.has_begun
    }

    /// The server's clock in front of it, in seconds, once its answer was read; `None` where it was not asked for this statement
    /// alone.
    #[must_use]
    pub fn began(&self) -> Option<f64> {
        self.began
    }

    /// The server's clock behind it, in seconds; `None` where it was not asked, or is not told. The answer must have been read to
    /// its end, or dropped; what of it nobody has asked for is.
    pub async fn ended(&mut self) -> Option<f64> {
        // The driver hands out answers in their order, and waits with one that does not fit.
        (self.settings, self.rows, self.end) = ([None, None], None, None);
        receive(self.back.as_mut()?).await.ok()
    }
}

/// Sends the statements in order, each with the server's time limit, without waiting for an answer. Nothing of them runs on
/// the server 2 s after the deadline, even if it does not hear of us again.
///
/// Each has its own synchronisation point: an error in one leaves the others alone. The server is told a limit only
/// where it differs from that of the statement before. Between two statements that are timed there is one mark.
pub async fn send<'a>(
    session: &'a mut Session,
    requests: &'a [QueryRequest<'a>],
    deadline: Instant,
) -> VecDeque<PendingQuery<'a>> {
    let mut budget = Budget::new(&session.limits, Instant::now(), deadline);
    let limits: Vec<_> = requests
        .iter()
        .map(|request| budget.before(&mut session.limits, request.path, request.timeout))
        .collect();
    budget.end(&mut session.limits);
    if limits
        .iter()
        .flatten()
        .any(|limit| matches!(limit, Setting::Checkpoint(_)))
    {
        checkpoint::prepare(session, deadline).await;
    }
    let session: &'a Session = session;
    let mut pending = VecDeque::with_capacity(requests.len());
    let has_clock = session.kind() != Kind::Pgbouncer;
    let mut is_marked = false;
    for (request, limit) in requests.iter().zip(limits) {
        let is_sent = !matches!(session.prepared.get(&request.key), Some(Prepared::Named(..)));
        let sql = if is_sent { request.sql } else { "" };
        let is_timed = request.is_timed && has_clock;
        let front = mark_if(session, is_timed && !is_marked).await;
        let (checkpoint, limit) = match limit {
            Some(Setting::Text(text)) => (None, Some(text)),
            Some(Setting::Checkpoint(checkpoint)) => (Some(check(session, checkpoint).await), None),
            None => (None, None),
        };
        let (limit, end) = session.limits.translated(sql, request.path, limit);
        let settings = match limit {
            Some(sql) => Some(execute(session, sql).await),
            None => None,
        };
        let settings = [checkpoint, settings];
        let rows = begin(Box::pin(run(session, request))).await;
        let end = match end {
            Some(sql) => Some(execute(session, sql).await),
            None => None,
        };
        pending.push_back(PendingQuery {
            key: request.key,
            timeout: request.timeout,
            front,
            settings,
            rows: Some(rows),
            end,
            back: mark_if(session, is_timed).await,
            began: None,
            has_begun: false,
        });
        is_marked = is_timed;
    }
    pending
}

async fn execute(session: &Session, sql: String) -> Sending<'_, ()> {
    begin(Box::pin(
        async move { Ok(session.client.batch_execute(&sql).await?) },
    ))
    .await
}

async fn mark_if(session: &Session, is_wanted: bool) -> Option<Sending<'_, f64>> {
    if is_wanted {
        Some(begin(Box::pin(mark::ask(session))).await)
    } else {
        None
    }
}

async fn check(session: &Session, checkpoint: Checkpoint) -> Sending<'_, ()> {
    begin(Box::pin(checkpoint.set(session))).await
}

async fn run(session: &Session, request: &QueryRequest<'_>) -> Result<Rows, Failure> {
    const NO_PARAMETERS: [&(dyn postgres_types::ToSql + Sync); 0] = [];
    if session.limits.is_by_message() {
        refuse_lasting_settings(request)?;
        let limits = &session.limits;
        let message = limits.in_one_message(request.path, request.timeout, request.sql);
        let stream = session.client.simple_query_raw(&message.text).await?;
        return Ok(Rows::behind(stream, message.commands, message.offset));
    }
    match session.prepared.get(&request.key) {
        Some(Prepared::Named(statement, _)) => {
            let stream = session.client.query_raw(statement, NO_PARAMETERS).await?;
            Ok(Rows::binary(stream))
        }
        Some(Prepared::Simple(_)) | None => {
            Ok(Rows::text(session.client.simple_query_raw(request.sql).await?))
        }
    }
}

/// Where a pooler ends the transaction with each message, nothing is rolled back: what a statement sets for its session would stay
/// for whoever gets it next. A name may be written with escapes.
fn refuse_lasting_settings(request: &QueryRequest<'_>) -> Result<(), Failure> {
    let is_foreign = request.path != SearchPath::Catalog;
    let sql = request.sql.to_ascii_lowercase();
    if is_foreign && ["set_config", "u&\""].iter().any(|found| sql.contains(found)) {
        let what = "set_config, and names with escapes (U&\"…\"), are not possible through a pooler of statements \
                    (pool_mode=statement), where a setting would stay for others; write the key `settings` and plain names, \
                    or use pool_mode=transaction";
        return Err(Failure::new(Reason::Other, what));
    }
    Ok(())
}

/// Polls once: the driver queues a request at the first poll of its future, so the order of requests is the order
/// on the wire.
async fn begin<'a, T>(
    future: Pin<Box<dyn Future<Output = Result<T, Failure>> + Send + 'a>>,
) -> Sending<'a, T> {
    let mut sending = Box::pin(maybe_done(future));
    let _ = poll!(sending.as_mut());
    sending
}

async fn receive<T>(sending: &mut Sending<'_, T>) -> Result<T, Failure> {
    sending.as_mut().await;
    let answer = sending.as_mut().take_output();
    answer.unwrap_or_else(|| Err(read_already()))
}

fn read_already() -> Failure {
    Failure::connection("the answer has been read already")
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use tokio::sync::oneshot;

    use super::*;

    /// A driver hands out the clock behind a statement only when nobody keeps the statement's own answer.
    #[tokio::test]
    async fn the_clock_does_not_wait_behind_an_answer_that_nobody_reads() {
        let (answer, gone) = oneshot::channel::<()>();
        let unread = async move {
            let _kept = answer;
            std::future::pending::<Result<Rows, Failure>>().await
        };
        let behind = async {
            let _ = gone.await;
            Ok(1.0)
        };
        let refused = async { Err(Failure::new(Reason::Other, "its limit was refused")) };
        let mut query = PendingQuery {
            key: StatementKey(9),
            timeout: Duration::from_secs(60),
            front: None,
            settings: [None, Some(begin(Box::pin(refused)).await)],
            rows: Some(begin(Box::pin(unread)).await),
            end: None,
            back: Some(begin(Box::pin(behind)).await),
            began: None,
            has_begun: false,
        };
        assert!(query.rows().await.is_err());
        assert_eq!(query.ended().now_or_never(), Some(Some(1.0)));
    }
}
