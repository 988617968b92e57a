//! What the shipped collectors tell of the server, read from their typed rows. Fields are read as numbers: their types are what was
//! recorded of the statements, and this must compile before anything is.

use std::sync::Arc;
use std::time::Duration;

use pg_exporter_schema::Collector;
use tokio::time::Instant;

use super::server::ServerOverview;
use crate::catalog::compiled::{PgActivity, PgPrimaryOnly, PgReplicaOnly, PgSetting};
use crate::scrape::rows::row::Row;
use crate::scrape::rows::typed::DatabaseRows;
use crate::scrape::rows::value::Value as _;
use crate::scrape::run::database::State;

/// The definitions whose rows are read here.
pub(in crate::scrape) fn wanted() -> Vec<Arc<Collector>> {
    let shipped = [
        PgPrimaryOnly::COLLECTOR,
        PgReplicaOnly::COLLECTOR,
        PgActivity::COLLECTOR,
        PgSetting::COLLECTOR,
    ];
    shipped.into_iter().map(Arc::new).collect()
}

/// The server, from what the URL's database served to the run begun at `start`.
pub(in crate::scrape) fn read(state: &State, start: Instant) -> ServerOverview {
    let primary = served::<PgPrimaryOnly>(state, start);
    let replica = served::<PgReplicaOnly>(state, start);
    let times = [
        primary.as_ref().and_then(|(rows, age)| {
            let row = rows.iter().next()?;
            Some((row.uptime.number(), row.lag.number(), *age))
        }),
        replica.as_ref().and_then(|(rows, age)| {
            let row = rows.iter().next()?;
            Some((row.uptime.number(), row.lag.number(), *age))
        }),
    ];
    let times = times.into_iter().flatten().next();
    let uptime = times.and_then(|(uptime, _, age)| seconds(uptime)?.checked_add(age));
    let activity = served::<PgActivity<'_>>(state, start);
    let setting = served::<PgSetting>(state, start);
    ServerOverview {
        version: state.facts.version,
        flavour: state.facts.flavour,
        user: state.facts.user.clone(),
        uptime,
        connections: activity.and_then(|(rows, _)| count(rows.iter().map(|row| row.count.number()).sum())),
        max_connections: setting.and_then(|(rows, _)| count(rows.iter().next()?.max_connections.number())),
        lag: times.and_then(|(_, lag, _)| seconds(lag)),
    }
}

/// Rows that are served, and their age as of now.
fn served<R: Row>(state: &State, start: Instant) -> Option<(DatabaseRows<R>, Duration)> {
    let (batch, age) = state.rows_served(&R::COLLECTOR, start)?;
    Some((DatabaseRows::new(String::new(), batch), age))
}

fn seconds(seconds: Option<f64>) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds?).ok()
}

fn count(number: Option<f64>) -> Option<u64> {
    let number = number.filter(|number| number.is_finite())?;
    Some(number.max(0.0) as u64)
}
