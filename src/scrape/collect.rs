//! Runs what is due on one database: predicates in rounds, then the statements, all pipelined.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pg_exporter_schema::Collector;
use tokio::time::timeout_at;

use super::Selection;
use super::batch::Batch;
use super::config::Config;
use super::database::Database;
use super::decode::Decoder;
use super::encode::Encoder;
use super::slot::Slot;
use crate::catalog::Live;
use crate::target::failure::{Failure, Reason};
use crate::target::pipeline::{self, Flight, Order};
use crate::target::pool::Pool;
use crate::target::rows::{Format, Row};
use crate::target::session::{Session, StatementKey};

/// What all databases of one run share.
#[derive(Debug)]
pub struct Env<'a> {
    /// When the run began: the reference instant of all caches.
    pub start: Instant,
    /// When it ends at the latest. Clients that join move it.
    pub deadline: &'a Cell<Instant>,
    /// Time since the run before.
    pub interval: Duration,
    /// The set of collectors.
    pub live: &'a Arc<Live>,
    /// Which of them the run is about.
    pub selection: &'a Selection,
    /// The connections.
    pub pool: &'a Pool,
    /// Allowance for the network on top of each statement's limit.
    pub grace: Duration,
    /// Settings.
    pub config: &'a Config,
    /// Encodes results.
    pub encoder: &'a RefCell<Encoder>,
    /// Numbers statements.
    pub keys: &'a Cell<u64>,
    /// Branches whose last result is kept, for typed rows.
    pub retained: &'a RefCell<BTreeSet<String>>,
}

impl Env<'_> {
    /// A key that no other statement has.
    pub fn next_key(&self) -> StatementKey {
        let key = self.keys.get() + 1;
        self.keys.set(key);
        StatementKey(key)
    }

    /// The server's limit on a statement: its own, or what is left of the scrape.
    fn limit(&self, collector: &Collector) -> Duration {
        let left = self.deadline().saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        collector.timeout.map_or(left, |timeout| timeout.min(left))
    }

    /// When the run ends at the latest, as of now.
    pub fn deadline(&self) -> Instant {
        self.deadline.get()
    }
}

/// A collector to run: a copy of what the slot says, so that the slot is not borrowed across waits.
#[derive(Clone, Debug)]
struct Due {
    slot: usize,
    key: StatementKey,
    collector: Arc<Collector>,
    predicates: Vec<StatementKey>,
    decoder: Option<Arc<Decoder>>,
    /// Times it has been tried on this session after the server refused its prepared statement.
    retries: u8,
}

/// A statement's end, or the end of the session.
enum Ended {
    /// Answered, or refused by the server.
    Answered,
    /// The connection is of no more use.
    Lost(Failure),
}

/// Runs what is due. The session goes back to the pool, or is given up when it is of no more use. That the run's
/// deadline passed is a failure of the collectors that were not done by then, not of the database.
///
/// # Errors
/// When the connection was lost, or the server did not answer in time.
pub(super) async fn run(database: &Database, mut session: Session, env: &Env<'_>) -> Result<(), Failure> {
    let due = take_due(database, env);
    let ended = match predicates(database, &mut session, due.clone(), env).await {
        Ok(due) => statements(database, &mut session, due, env).await,
        Err(failure) => Err(failure),
    };
    match ended {
        Ok(()) => {
            env.pool.put(&database.name, session, database.discovered);
            Ok(())
        }
        Err(failure) => {
            session.abandon();
            for item in &due {
                // What did not get its turn fails with the session.
                fail_unless_done(database, item, &failure, env);
            }
            if Instant::now() < env.deadline() { Err(failure) } else { Ok(()) }
        }
    }
}

fn take_due(database: &Database, env: &Env<'_>) -> Vec<Due> {
    let mut state = database.state.borrow_mut();
    let mut due = Vec::new();
    let selected = |slot: &Slot| env.selection.includes(&slot.collector.name);
    for (at, slot) in state.slots.iter_mut().enumerate().filter(|(_, slot)| selected(slot)) {
        if slot.is_due(env.start, env.config.cache) {
            slot.begin();
            due.push(Due {
                slot: at,
                key: slot.key,
                collector: Arc::clone(&slot.collector),
                predicates: slot.predicates.iter().map(|predicate| predicate.key).collect(),
                decoder: None,
                retries: 0,
            });
        } else {
            slot.hit();
        }
    }
    due
}

/// Asks the predicates, the first of every collector, then the second, and so on: a later one may only make sense
/// where an earlier one holds. What remains is to be run.
async fn predicates(
    database: &Database,
    session: &mut Session,
    mut due: Vec<Due>,
    env: &Env<'_>,
) -> Result<Vec<Due>, Failure> {
    let rounds = due.iter().map(|item| item.predicates.len()).max().unwrap_or(0);
    for round in 0..rounds {
        let mut asked = Vec::new();
        let mut remaining = Vec::new();
        for item in due {
            match cached_answer(database, &item, round, env) {
                None if item.predicates.len() > round => asked.push(item),
                None | Some(true) => remaining.push(item),
                Some(false) => with_slot(database, &item, |slot| slot.skipped(env.start, Duration::ZERO)),
            }
        }
        remaining.extend(ask(database, session, asked, round, env).await?);
        due = remaining;
    }
    due.sort_by_key(|item| item.slot);
    Ok(due)
}

fn cached_answer(database: &Database, item: &Due, round: usize, env: &Env<'_>) -> Option<bool> {
    let ttl = item.collector.predicates.get(round)?.ttl;
    let state = database.state.borrow();
    let (answer, at) = state.slots.get(item.slot)?.predicates.get(round)?.answer?;
    (env.config.cache && env.start.saturating_duration_since(at) < ttl).then_some(answer)
}

async fn ask(
    database: &Database,
    session: &mut Session,
    asked: Vec<Due>,
    round: usize,
    env: &Env<'_>,
) -> Result<Vec<Due>, Failure> {
    let statements: Vec<(StatementKey, &str)> = asked
        .iter()
        .filter_map(|item| Some((*item.predicates.get(round)?, &*item.collector.predicates.get(round)?.query)))
        .collect();
    let refused = session.prepare(&statements, env.deadline()).await?;
    let mut passed = Vec::new();
    let mut ready = Vec::new();
    for (item, (key, sql)) in asked.iter().zip(&statements) {
        match refused.iter().find(|(refused, _)| refused == key) {
            Some((_, failure)) => fail(database, item, failure.clone(), None, env),
            None => ready.push((item, Order { key: *key, sql, timeout: env.limit(&item.collector) })),
        }
    }
    let orders: Vec<Order<'_>> = ready.iter().map(|(_, order)| order.clone()).collect();
    let mut flights = pipeline::send(session, &orders).await;
    for (item, _) in ready {
        let Some(flight) = flights.pop_front() else { break };
        let began = Instant::now();
        let limit = pipeline::give_up_at(flight.timeout, env.grace, env.deadline());
        match timeout_at(limit.into(), holds(flight)).await {
            Err(_) => return Err(too_late(item, env)),
            Ok(Err(failure)) if failure.reason == Reason::Connection => return Err(failure),
            Ok(Err(failure)) => fail(database, item, failure, Some(began.elapsed()), env),
            Ok(Ok(answer)) => {
                with_slot(database, item, |slot| {
                    if let Some(predicate) = slot.predicates.get_mut(round) {
                        predicate.answer = Some((answer, env.start));
                    }
                    if !answer {
                        slot.skipped(env.start, began.elapsed());
                    }
                });
                if answer {
                    passed.push(item.clone());
                }
            }
        }
    }
    Ok(passed)
}

/// A predicate's answer: one row of one boolean; no row and NULL are no.
async fn holds(mut flight: Flight<'_>) -> Result<bool, Failure> {
    const BOOL: u32 = 16;
    let mut rows = flight.rows().await?;
    let Some(row) = rows.next().await? else { return Ok(false) };
    if row.columns().iter().map(|column| column.oid).ne([BOOL]) {
        return Err(Failure::new(Reason::Cast, "a predicate must return one column of type boolean"));
    }
    let answer = row.cell(0) == Some(&[1]);
    match rows.next().await? {
        None => Ok(answer),
        Some(_) => Err(Failure::new(Reason::Other, "a predicate must return one row, not several")),
    }
}

/// Runs the statements; those whose prepared statement the server no longer accepts are prepared anew once, and run
/// unnamed if that does not help.
async fn statements(
    database: &Database,
    session: &mut Session,
    mut due: Vec<Due>,
    env: &Env<'_>,
) -> Result<(), Failure> {
    while !due.is_empty() {
        let ready = prepare(database, session, due, env).await?;
        due = execute(database, session, ready, env).await?;
    }
    Ok(())
}

/// Prepares what is new on this session and resolves how the rows are read.
async fn prepare(
    database: &Database,
    session: &mut Session,
    due: Vec<Due>,
    env: &Env<'_>,
) -> Result<Vec<Due>, Failure> {
    let statements: Vec<_> = due.iter().map(|item| (item.key, &*item.collector.query)).collect();
    let refused = session.prepare(&statements, env.deadline()).await?;
    let mut ready = Vec::with_capacity(due.len());
    for mut item in due {
        match refused.iter().find(|(key, _)| *key == item.key) {
            Some((key, failure)) if failure.is_stale_statement() => session.use_text(*key),
            Some((_, failure)) if failure.reason == Reason::Connection => return Err(failure.clone()),
            Some((_, failure)) => {
                fail(database, &item, failure.clone(), None, env);
                continue;
            }
            None => {}
        }
        match decoder(database, session, &item) {
            Ok(decoder) => {
                item.decoder = decoder;
                ready.push(item);
            }
            Err(failure) => fail(database, &item, failure, None, env),
        }
    }
    Ok(ready)
}

/// The decoder of a prepared statement; `None` when its columns are known only with its first row.
fn decoder(database: &Database, session: &mut Session, item: &Due) -> Result<Option<Arc<Decoder>>, Failure> {
    let Some(columns) = session.columns(item.key).cloned() else { return Ok(None) };
    let mut state = database.state.borrow_mut();
    let Some(slot) = state.slots.get_mut(item.slot) else { return Ok(None) };
    if let Some((known, decoder)) = &slot.decoder
        && Arc::ptr_eq(known, &columns)
    {
        return Ok(Some(Arc::clone(decoder)));
    }
    let mut decoder = Decoder::resolve(&item.collector, &columns, Format::Binary)?;
    for column in decoder.absent(&item.collector) {
        tracing::warn!(collector = %item.collector.branch, database = %database.name, column, "the result lacks a column of the definition: its metric is left out");
    }
    for column in decoder.opaque(&item.collector) {
        tracing::warn!(collector = %item.collector.branch, database = %database.name, column, "the column's type is no number: its metric is NaN; cast it in the query");
    }
    if decoder.needs_text() {
        session.use_text(item.key);
        decoder = Decoder::resolve(&item.collector, &columns, Format::Text)?;
    }
    let decoder = Arc::new(decoder);
    slot.decoder = Some((columns, Arc::clone(&decoder)));
    Ok(Some(decoder))
}

/// Sends all and reads the answers in order. Returns what is to be tried again.
async fn execute(
    database: &Database,
    session: &mut Session,
    due: Vec<Due>,
    env: &Env<'_>,
) -> Result<Vec<Due>, Failure> {
    let orders: Vec<_> = due
        .iter()
        .map(|item| Order { key: item.key, sql: &item.collector.query, timeout: env.limit(&item.collector) })
        .collect();
    let mut flights = pipeline::send(session, &orders).await;
    let mut stale = Vec::new();
    let mut lost = None;
    for item in &due {
        let Some(flight) = flights.pop_front() else { break };
        let began = Instant::now();
        let limit = pipeline::give_up_at(flight.timeout, env.grace, env.deadline());
        let answer = timeout_at(limit.into(), receive(flight, item)).await.unwrap_or_else(|_| Err(too_late(item, env)));
        match answer {
            Err(failure) if failure.is_stale_statement() && item.retries < 2 => stale.push(item.clone()),
            answer => {
                if let Ended::Lost(failure) = record(database, item, answer, began.elapsed(), env) {
                    lost = Some(failure);
                    break;
                }
            }
        }
    }
    drop(flights);
    if let Some(failure) = lost {
        return Err(failure);
    }
    for item in &mut stale {
        session.forget(item.key);
        if item.retries > 0 {
            session.use_text(item.key);
        }
        item.retries += 1;
    }
    Ok(stale)
}

async fn receive(mut flight: Flight<'_>, item: &Due) -> Result<Batch, Failure> {
    let mut rows = flight.rows().await?;
    let mut decoder = item.decoder.clone();
    let mut batch = decoder.as_ref().map(|decoder| decoder.batch()).unwrap_or_default();
    while let Some(row) = rows.next().await? {
        let decoder = match &decoder {
            Some(decoder) => decoder,
            None => {
                let first = decoder.insert(Arc::new(first_row(item, &row)?));
                batch = first.batch();
                first
            }
        };
        decoder.push(&row, &mut batch)?;
    }
    Ok(batch)
}

fn first_row(item: &Due, row: &Row) -> Result<Decoder, Failure> {
    Decoder::resolve(&item.collector, &row.columns(), row.format())
}

fn record(
    database: &Database,
    item: &Due,
    answer: Result<Batch, Failure>,
    took: Duration,
    env: &Env<'_>,
) -> Ended {
    match answer {
        Ok(batch) => {
            let samples = env.encoder.borrow_mut().encode(&item.collector, &batch);
            let batch = env.retained.borrow().contains(&*item.collector.branch).then(|| Arc::new(batch));
            with_slot(database, item, |slot| {
                slot.succeeded(samples, env.start, took);
                slot.batch = batch;
            });
            Ended::Answered
        }
        Err(failure) => {
            // Without an SQLSTATE the failure is not the server's answer, so the answers behind it will not come.
            let is_lost = failure.reason == Reason::Connection
                || (failure.reason == Reason::Timeout && failure.sqlstate.is_none());
            fail(database, item, failure.clone(), Some(took), env);
            if is_lost { Ended::Lost(failure) } else { Ended::Answered }
        }
    }
}

fn too_late(item: &Due, env: &Env<'_>) -> Failure {
    let branch = &item.collector.branch;
    Failure::timeout(if Instant::now() >= env.deadline() {
        format!("the scrape's deadline passed while {branch} was running")
    } else {
        format!("no answer to {branch} within its timeout and {:?} for the network", env.grace)
    })
}

fn fail(database: &Database, item: &Due, failure: Failure, took: Option<Duration>, env: &Env<'_>) {
    let branch = &item.collector.branch;
    with_slot(database, item, |slot| {
        let is_new = slot.stats.last_error.as_ref() != Some(&failure);
        let reason = failure.reason.word();
        if is_new {
            tracing::warn!(collector = %branch, database = %database.name, reason, "collector failed: {failure}");
        } else {
            tracing::debug!(collector = %branch, database = %database.name, reason, "collector failed again: {failure}");
        }
        slot.failed(failure, env.start, took, env.interval);
    });
}

fn fail_unless_done(database: &Database, item: &Due, failure: &Failure, env: &Env<'_>) {
    let is_done = database.state.borrow().slots.get(item.slot).is_none_or(|slot| slot.was_executed_at(env.start));
    if !is_done {
        let reason = if Instant::now() < env.deadline() { Reason::Connection } else { Reason::Timeout };
        let behind = Failure::new(reason, format!("not run: {}", failure.message));
        with_slot(database, item, |slot| slot.failed(behind, env.start, None, env.interval));
    }
}

fn with_slot(database: &Database, item: &Due, change: impl FnOnce(&mut Slot)) {
    if let Some(slot) = database.state.borrow_mut().slots.get_mut(item.slot) {
        change(slot);
    }
}
