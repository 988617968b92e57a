//! The health probe: its own connection, its own task, nothing shared with scrapes but the connection information.

use std::time::{Duration, Instant};

use tokio::time::MissedTickBehavior;

use super::snapshot::{Health, Lag, Snapshot, State};
use crate::catalog::facts::Kind;
use crate::postgres::backoff::Backoff;
use crate::postgres::connect::Endpoint;
use crate::postgres::deadline::within;
use crate::postgres::failure::{Failure, Reason};
use crate::postgres::session::{Session, StatementKey};

/// The statement's key on the probe's connection.
const KEY: StatementKey = StatementKey(1);

/// Recovery, whether replay is paused, bytes and seconds that replay is behind.
///
/// Lag is known only while a WAL receiver is connected: without one the positions that this server has say nothing
/// about the primary's. The newest known position is the sender's report, which a role without `pg_monitor` does not
/// see, or what was received. Time counts from the last replayed commit while bytes are outstanding.
///
/// A receiver asks a silent primary for a sign of life after half of `wal_receiver_timeout`, and has it at once: one that has
/// heard nothing for longer, and two seconds, has lost the primary, though it will find out later. (Who does not see when
/// it heard something last learns it then, too.)
const STATEMENT: &str = "\
SELECT r.in_recovery,
       CASE WHEN r.in_recovery THEN pg_catalog.pg_is_wal_replay_paused() ELSE false END,
       CASE WHEN w.newest - r.replayed IS NOT NULL THEN pg_catalog.float8(greatest(w.newest - r.replayed, 0)) END,
       CASE WHEN w.pid IS NULL THEN NULL
            WHEN w.newest <= r.replayed THEN 0
            WHEN pg_catalog.pg_last_xact_replay_timestamp() IS NULL THEN NULL
            ELSE greatest(pg_catalog.date_part('epoch', pg_catalog.clock_timestamp()
                                               - pg_catalog.pg_last_xact_replay_timestamp()), 0) END
  FROM (SELECT pg_catalog.pg_is_in_recovery() AS in_recovery,
               CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn() END AS replayed) r
  LEFT JOIN (SELECT pid,
                    greatest(latest_end_lsn,
                             CASE WHEN pg_catalog.pg_is_in_recovery()
                                  THEN pg_catalog.pg_last_wal_receive_lsn() END) AS newest
               FROM pg_catalog.pg_stat_get_wal_receiver(),
                    CAST(pg_catalog.current_setting('wal_receiver_timeout') AS pg_catalog.interval) AS given
              WHERE (given > interval '0' AND pg_catalog.clock_timestamp() - last_msg_receipt_time
                                              > given / 2 + interval '2 s') IS NOT TRUE) w
         ON w.pid IS NOT NULL AND r.in_recovery";

/// Before 10 the functions have other names and lag is not told.
const STATEMENT_BEFORE_10: &str = "\
SELECT pg_catalog.pg_is_in_recovery(),
       CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_is_xlog_replay_paused() ELSE false END,
       NULL::pg_catalog.float8,
       NULL::pg_catalog.float8";

/// Probes the target at the interval until it is dropped.
pub async fn run(endpoint: Endpoint, interval: Duration, health: Health) {
    let mut session = None;
    // A refused role or database is not tried every second: each try is a line in the server's log.
    let mut refused = Backoff::default();
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        health.beat();
        let began = Instant::now();
        if !refused.may_try(began) {
            continue;
        }
        let answer = probe(&endpoint, session.take()).await;
        let (state, lag, reason) = match answer {
            Ok((kept, state, lag)) => {
                session = Some(kept);
                refused.succeeded();
                (state, lag, None)
            }
            Err(failure) => {
                if failure.is_refusal() {
                    refused.failed(Instant::now());
                }
                let state = if failure.is_starting() {
                    State::Starting
                } else {
                    State::Down
                };
                (state, Lag::default(), Some(failure.to_string().into()))
            }
        };
        let at = Instant::now();
        health.publish(Snapshot {
            state,
            lag,
            at,
            took: at.saturating_duration_since(began),
            reason,
        });
    }
}

/// One probe, on the kept session or, if that is gone or too old, on a new one.
async fn probe(endpoint: &Endpoint, kept: Option<Session>) -> Result<(Session, State, Lag), Failure> {
    if let Some(session) = kept.filter(|session| !session.is_closed()) {
        if session.is_expired(Instant::now()) {
            session.close().await;
        } else {
            match ask(session, endpoint).await {
                // The connection was closed behind our back; whether the target is down a new one will tell.
                Err(failure) if failure.reason == Reason::Connection => {}
                answer => return answer,
            }
        }
    }
    // Unlike a statement, a connect may have several hosts to try.
    let deadline = Instant::now() + endpoint.longest_connect();
    let session = endpoint.connect(deadline).await?;
    ask(session, endpoint).await
}

async fn ask(mut session: Session, endpoint: &Endpoint) -> Result<(Session, State, Lag), Failure> {
    let limit = endpoint.connect_timeout;
    let answer = match within(Instant::now() + limit, query(&mut session, limit)).await {
        Ok(answer) => answer,
        Err(_) => Err(Failure::timeout("the probe was not answered in time")),
    };
    let (state, lag) = match answer {
        Ok(answer) => answer,
        Err(failure) => {
            session.abandon();
            return Err(failure);
        }
    };
    if let Err(failure) = endpoint.check_role(&mut session, state == State::Replica) {
        session.close().await;
        return Err(failure);
    }
    Ok((session, state, lag))
}

async fn query(session: &mut Session, limit: Duration) -> Result<(State, Lag), Failure> {
    if session.kind() == Kind::Pgbouncer {
        session.ping().await?;
        return Ok((
            State::Primary,
            Lag {
                bytes: Some(0),
                time: Some(Duration::ZERO),
                paused: false,
            },
        ));
    }
    let sql = if session.version() < 100_000 {
        STATEMENT_BEFORE_10
    } else {
        STATEMENT
    };
    let row = session.one_row(Some(KEY), sql, &[], limit).await?;
    let unreadable = |_| Failure::new(Reason::Other, "the probe's answer has an unexpected form");
    let in_recovery: bool = row.try_get(0).map_err(unreadable)?;
    if !in_recovery {
        return Ok((
            State::Primary,
            Lag {
                bytes: Some(0),
                time: Some(Duration::ZERO),
                paused: false,
            },
        ));
    }
    let bytes: Option<f64> = row.try_get(2).map_err(unreadable)?;
    let seconds: Option<f64> = row.try_get(3).map_err(unreadable)?;
    let lag = Lag {
        bytes: bytes.map(|bytes| bytes as u64),
        time: seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()),
        paused: row.try_get(1).map_err(unreadable)?,
    };
    Ok((State::Replica, lag))
}
