//! The collectors' statements: prepared, sent together, read in order.

use std::sync::Arc;
use std::time::Duration;

use super::denied::{Refused, leave_out, may_do_without};
use super::due::{Due, update};
use super::outcome::{cut_short, fail, has_more_time, too_late};
use super::watch::{Watch, between};
use pg_exporter_schema::Collector;
use tokio::sync::SemaphorePermit;
use tokio::time::Instant;

use crate::postgres::failure::{Failure, Reason};
use crate::postgres::pipeline;
use crate::postgres::pipeline::{PendingQuery, QueryRequest};
use crate::postgres::rows::{Format, Row};
use crate::postgres::search_path::SearchPath;
use crate::postgres::session::Session;
use crate::scrape::page::held::Share;
use crate::scrape::rows::batch::Batch;
use crate::scrape::rows::decode::Decoder;
use crate::scrape::rows::gaps::Gaps;
use crate::scrape::rows::row::has_the_same_rows;
use crate::scrape::run::config::Config;
use crate::scrape::run::database::Database;
use crate::scrape::run::env::Env;
use crate::scrape::run::timing::Took;
use crate::values::encoding::TextReader;

/// Runs the statements; those whose prepared statement the server no longer accepts are prepared anew once, and run
/// unnamed if that does not help. Those that the server denies are run without what it denies, if they can do without it.
pub(in crate::scrape) async fn run_all(
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
    let is_timed = due.iter().any(|item| item.is_timed);
    let mark = is_timed.then_some((pipeline::MARK, pipeline::MARK_STATEMENT, SearchPath::Catalog));
    let statements: Vec<_> = mark
        .into_iter()
        .chain(due.iter().map(|item| (item.key, &*item.query, item.path())))
        .collect();
    let refused = session
        .prepare(&statements, env.grace, env.end().into_std())
        .await?;
    if refused.iter().any(|(key, _)| *key == pipeline::MARK) {
        session.use_text(pipeline::MARK);
    }
    let mut ready = Vec::with_capacity(due.len());
    for mut item in due {
        match refused.iter().find(|(key, _)| *key == item.key) {
            Some((key, failure)) if failure.is_stale_statement() => session.use_text(*key),
            Some((_, failure)) => {
                fail(database, &item, failure.clone(), None, None, env);
                if failure.ends_session() {
                    return Err(failure.clone());
                }
                continue;
            }
            None => {}
        }
        match decoder(database, session, &item) {
            Ok(decoder) => {
                item.decoder = decoder;
                ready.push(item);
            }
            Err(failure) => fail(database, &item, failure, None, None, env),
        }
    }
    Ok(ready)
}

/// The decoder of a prepared statement; `None` when its columns are known only with its first row.
fn decoder(database: &Database, session: &mut Session, item: &Due) -> Result<Option<Arc<Decoder>>, Failure> {
    let Some((shape, format)) = session.shape(item.key) else {
        return Ok(None);
    };
    // Of the same text: one without what is denied is read otherwise.
    let known = update(database, item, |one| {
        (one.key == item.key).then(|| one.decoder.clone())
    });
    let known = known.flatten().flatten();
    if let Some((known, decoder)) = known
        && known == shape
        && decoder.format() == format
        && decoder.reads_by(&session.reader(&item.query, format))
    {
        return Ok(Some(decoder));
    }
    let columns = session.columns(item.key).unwrap_or_default().into_owned();
    let resolve = |session: &Session, format| {
        let reader = session.reader(&item.query, format);
        item.read_by(&columns, format, reader)
    };
    let mut decoder = resolve(session, format)?;
    if decoder.needs_text() {
        session.use_text(item.key);
        decoder = resolve(session, Format::Text)?;
    }
    let decoder = Arc::new(decoder);
    update(database, item, |one| {
        if one.key == item.key {
            one.decoder = Some((shape, Arc::clone(&decoder)));
        }
    });
    Ok(Some(decoder))
}

/// Sends all and reads the answers in order. Returns what is to be tried again.
async fn execute(
    database: &Database,
    session: &mut Session,
    due: Vec<Due>,
    env: &Env<'_>,
) -> Result<Vec<Due>, Failure> {
    let requests: Vec<_> = due
        .iter()
        .map(|item| QueryRequest {
            key: item.key,
            sql: &item.query,
            timeout: env.limit(&item.collector),
            path: item.path(),
            is_timed: item.is_timed,
        })
        .collect();
    // For those whose columns are known only with the first row: they are answered in text.
    let readers: Vec<_> = due
        .iter()
        .map(|item| session.reader(&item.query, Format::Text))
        .collect();
    let mut watch = Watch::new(session.round_trip());
    let (sent, end) = (Instant::now(), env.end());
    let mut pending = pipeline::send(session, &requests, end.into_std()).await;
    let mut stale = Vec::new();
    let mut again = Vec::new();
    let mut refused = Vec::new();
    let mut lost = None;
    let mut mark = None;
    for (item, reader) in due.iter().zip(&readers) {
        let Some(mut query) = pending.pop_front() else {
            break;
        };
        let began = Instant::now();
        let limit = query.timeout;
        let answer = env.within(limit, receive(&mut query, item, reader, env)).await;
        let answer = answer.unwrap_or_else(|| Err(too_late(item, env)));
        let held_up = answer.as_ref().map_or(Duration::ZERO, |answer| answer.held_up);
        let mut took = watch.waited(began.elapsed().saturating_sub(held_up));
        let is_lost = answer.as_ref().is_err_and(Failure::ends_session);
        if item.is_timed && !is_lost {
            let front = query.began().or(mark);
            mark = env.within(Duration::ZERO, query.ended()).await.flatten();
            took.timed = between(front, mark, sent.elapsed());
        } else {
            mark = None;
        }
        match answer {
            Err(failure) if is_lost => {
                // What the server did not get to is not what it ended the session for.
                if query.has_begun() || !failure.is_fatal {
                    let (limit, waited) = (Some(limit), Some(took.waited));
                    fail(database, item, failure.clone(), limit, waited, env);
                }
                lost = Some(failure);
                break;
            }
            answer
                if is_short(&answer, |failure| {
                    has_more_time(item, failure, took.waited, end, env)
                }) =>
            {
                again.push(item.clone());
            }
            Err(failure) if failure.is_stale_statement() && item.retries < 2 => stale.push(item.clone()),
            Err(failure) if may_do_without(item, &failure) => refused.push(Refused {
                item: item.clone(),
                failure,
                limit,
                waited: took.waited,
            }),
            answer => record(database, item, answer, (limit, end), took, env),
        }
    }
    drop(pending);
    if let Some(failure) = lost {
        return Err(failure);
    }
    if !stale.is_empty() {
        // It may have been the checkpoint's or the mark's that was not there.
        session.use_text(pipeline::CHECKPOINT);
        session.use_text(pipeline::MARK);
    }
    for item in &mut stale {
        session.forget(item.key);
        if item.retries > 0 {
            session.use_text(item.key);
        }
        item.retries += 1;
    }
    stale.extend(again);
    stale.extend(leave_out(database, session, refused, env).await?);
    Ok(stale)
}

/// Whether there is no answer, or not the whole of it, for such a failure.
fn is_short(answer: &Result<Received<'_>, Failure>, is_such: impl FnOnce(&Failure) -> bool) -> bool {
    match answer {
        Ok(received) => received.cut.as_ref().is_some_and(is_such),
        Err(failure) => is_such(failure),
    }
}

/// From how many bytes on a result is read alone.
const LARGE: usize = 1 << 20;

/// What lets a large result be read: there is one of it.
type Turn<'a> = Option<SemaphorePermit<'a>>;

/// A statement's result.
struct Received<'a> {
    batch: Batch,
    turn: Turn<'a>,
    /// What the server said in the middle of it, if the rows before that are served all the same.
    cut: Option<Failure>,
    /// For how long others had the turn.
    held_up: Duration,
}

async fn receive<'a>(
    query: &mut PendingQuery<'_>,
    item: &Due,
    reader: &Arc<TextReader>,
    env: &Env<'a>,
) -> Result<Received<'a>, Failure> {
    let config = env.config;
    let (mut turn, mut cut) = (None, None);
    let mut held_up = Duration::ZERO;
    let mut rows = query.rows().await?;
    let mut decoder = item.decoder.clone();
    let mut batch = decoder
        .as_ref()
        .map(|decoder| decoder.batch())
        .unwrap_or_default();
    loop {
        let row = match rows.next().await {
            Ok(Some(row)) => row,
            Ok(None) => break,
            // Without what is not supported it may have all rows.
            Err(failure) if failure.is_unsupported() && may_do_without(item, &failure) => {
                return Err(failure);
            }
            Err(failure) if item.collector.partial && !batch.is_empty() && is_of_statement(&failure) => {
                cut = Some(failure);
                break;
            }
            Err(failure) => return Err(failure),
        };
        let decoder = match &decoder {
            Some(decoder) => decoder,
            None => {
                let first = decoder.insert(Arc::new(first_row(item, &row, reader)?));
                batch = first.batch();
                first
            }
        };
        decoder.push(|index| row.cell(index), config.max_label_bytes, &mut batch)?;
        if turn.is_none() && batch.memory() > LARGE {
            // Many at once would take together what each of them may.
            let asked = Instant::now();
            turn = env.large.acquire().await.ok();
            held_up = asked.elapsed();
        }
    }
    let (length, most) = (batch.encoded_len(), config.max_encoded_bytes);
    if length > most {
        let what = format!("the page would have {length} bytes of it, more than twice --max-result-bytes");
        return Err(Failure::new(Reason::TooLarge, what));
    }
    Ok(Received {
        batch,
        turn,
        cut,
        held_up,
    })
}

/// Whether the server has ended the statement alone: the session is of use, and the rows before are right.
fn is_of_statement(failure: &Failure) -> bool {
    failure.sqlstate.is_some() && !failure.ends_session() && failure.reason != Reason::TooLarge
}

/// Room for the lines of a result, which take the place of the last ones.
fn room_for_lines(database: &Database, item: &Due, batch: &Batch, env: &Env<'_>) -> Result<Share, Failure> {
    let replaced = update(database, item, |one| one.sample_bytes()).unwrap_or(0);
    let most = env.config.max_held_bytes.saturating_add(replaced);
    let mut lines = env.held.share();
    if lines.resize(batch.encoded_len(), most) {
        Ok(lines)
    } else {
        Err(too_much(env.config))
    }
}

fn too_much(config: &Config) -> Failure {
    let what = format!(
        "the results of all collectors and databases together would have more than {} bytes (a multiple of --max-result-bytes)",
        config.max_held_bytes
    );
    Failure::new(Reason::TooLarge, what)
}

fn first_row(item: &Due, row: &Row, reader: &Arc<TextReader>) -> Result<Decoder, Failure> {
    item.read_by(&row.columns(), row.format(), Arc::clone(reader))
}

fn record(
    database: &Database,
    item: &Due,
    answer: Result<Received<'_>, Failure>,
    (limit, end): (Duration, Instant),
    took: Took,
    env: &Env<'_>,
) {
    // What the end of the run cuts short, as that was when it was sent, has had less time than it was allowed.
    let told = |failure: Failure| match end <= Instant::now() {
        true => failure,
        false => failure.after(took.at_most, limit),
    };
    let with_room = answer.map_err(told).and_then(|mut received| {
        received.cut = received.cut.map(told);
        let lines = room_for_lines(database, item, &received.batch, env)?;
        Ok((received, lines))
    });
    match with_room {
        Ok((
            Received {
                batch,
                turn: _turn,
                cut,
                ..
            },
            mut lines,
        )) => {
            let mut samples = env.encoder.borrow_mut().encode(&item.collector, &batch);
            lines.resize(samples.bytes.len(), usize::MAX);
            samples.share = Arc::new(lines);
            let gaps = Gaps::of(&item.collector, &batch, &item.without);
            let is_wanted = |wanted: &Arc<Collector>| has_the_same_rows(wanted, &item.collector);
            let batch = env.wanted.borrow().iter().any(is_wanted).then(|| Arc::new(batch));
            if let Some(batch) = &batch {
                env.handlers.call(&item.collector, &database.label(), batch);
            }
            update(database, item, |one| {
                one.succeeded(samples, env.run.at, took);
                one.batch = batch;
                if one.gaps != gaps {
                    if !gaps.is_empty() {
                        let branch = &item.collector.branch;
                        tracing::warn!(collector = %branch, database = %database.name, "{gaps}");
                    }
                    one.gaps = gaps;
                }
            });
            if let Some(failure) = cut {
                cut_short(database, item, &failure, limit, env);
            }
        }
        Err(failure) => fail(database, item, failure, Some(limit), Some(took.waited), env),
    }
}
