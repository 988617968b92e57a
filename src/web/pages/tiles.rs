//! The figures at the top of the page.

use std::time::Duration;

use super::figures::{ago, bytes, count, plural, seconds, version};
use super::options::Group;
use super::rows::Row;
use crate::health::{Lag, Snapshot, State};
use crate::scrape::{Overview, Run, ServerOverview};

/// One figure.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Tile {
    pub(super) label: &'static str,
    pub(super) value: String,
    pub(super) note: String,
    /// How it is to be coloured: nothing, `warn`, `bad`.
    pub(super) tone: &'static str,
    /// How much of its limit it is, in percent.
    pub(super) share: Option<u64>,
}

/// What is not known.
const UNKNOWN: &str = "–";

/// From this share of a limit on, it is worth a look, and from that on, a hurry.
const MUCH: u64 = 80;
const TOO_MUCH: u64 = 95;

pub(super) fn tiles(overview: Option<&Overview>, snapshot: &Snapshot, rows: &[Row<'_>]) -> Vec<Tile> {
    let mut tiles = vec![role(snapshot)];
    let Some(overview) = overview else {
        return tiles;
    };
    let server = &overview.server;
    tiles.push(uptime(server));
    tiles.push(lag(snapshot, server.lag));
    tiles.push(connections(server));
    tiles.push(last_scrape(overview.runs.last()));
    tiles.push(series(rows));
    tiles.push(collectors(rows));
    tiles.push(databases(overview));
    tiles
}

fn role(snapshot: &Snapshot) -> Tile {
    let (value, tone) = match snapshot.state {
        State::Primary => ("Primary", ""),
        State::Replica => ("Replica", ""),
        State::Starting => ("Starting", "warn"),
        State::Unknown => ("Unknown", "warn"),
        State::Down => ("Down", "bad"),
    };
    let note = if snapshot.state == State::Unknown {
        "not probed yet".to_owned()
    } else {
        let took = seconds(snapshot.took.as_secs_f64());
        match snapshot.at.elapsed().as_secs() {
            0 => format!("probed just now in {took}"),
            age => format!("probed {} ago in {took}", seconds(age as f64)),
        }
    };
    Tile {
        label: "Role",
        value: value.to_owned(),
        note,
        tone,
        ..Tile::default()
    }
}

fn uptime(server: &ServerOverview) -> Tile {
    let version = match server.version {
        0 => "version not known yet".to_owned(),
        number => format!("version {}", version(number)),
    };
    Tile {
        label: "Uptime",
        value: server
            .uptime
            .map_or_else(|| UNKNOWN.to_owned(), |uptime| seconds(uptime.as_secs_f64())),
        note: version,
        ..Tile::default()
    }
}

/// What the probe says; where it cannot say how long, what the last scrape did.
fn lag(snapshot: &Snapshot, scraped: Option<Duration>) -> Tile {
    let Lag {
        bytes: behind,
        time,
        paused,
    } = snapshot.lag;
    let time = time.or(scraped);
    let (value, note, tone) = match snapshot.state {
        State::Primary => (UNKNOWN.to_owned(), "does not replay".to_owned(), ""),
        State::Replica => {
            let value = time.map_or_else(|| "Unknown".to_owned(), |time| seconds(time.as_secs_f64()));
            let note = match behind {
                Some(behind) => format!("{} to replay", bytes(behind)),
                None => "no WAL receiver, or not known".to_owned(),
            };
            if paused {
                (value, "replay is paused".to_owned(), "warn")
            } else {
                (value, note, if time.is_none() { "warn" } else { "" })
            }
        }
        State::Starting | State::Down | State::Unknown => (UNKNOWN.to_owned(), "not known".to_owned(), ""),
    };
    Tile {
        label: "Replay lag",
        value,
        note,
        tone,
        ..Tile::default()
    }
}

fn connections(server: &ServerOverview) -> Tile {
    let share = server
        .connections
        .zip(server.max_connections)
        .map(|(used, most)| used.saturating_mul(100) / most.max(1));
    let note = match (server.max_connections, share) {
        (Some(most), Some(share)) => format!("of {}, {share} %", count(most)),
        (Some(most), None) => format!("of {}", count(most)),
        (None, _) if server.connections.is_some() => "limit not known".to_owned(),
        (None, _) => "no collector tells".to_owned(),
    };
    Tile {
        label: "Connections",
        value: server.connections.map_or_else(|| UNKNOWN.to_owned(), count),
        note,
        tone: match share {
            Some(TOO_MUCH..) => "bad",
            Some(MUCH..) => "warn",
            _ => "",
        },
        share: share.map(|share| share.min(100)),
    }
}

fn last_scrape(last: Option<&Run>) -> Tile {
    let (value, note) = match last {
        Some(run) => (seconds(run.took.as_secs_f64()), ago(run.ended)),
        None => (UNKNOWN.to_owned(), "no scrape yet".to_owned()),
    };
    Tile {
        label: "Last scrape",
        value,
        note,
        tone: if last.is_some_and(|run| !run.up) {
            "bad"
        } else {
            ""
        },
        ..Tile::default()
    }
}

fn series(rows: &[Row<'_>]) -> Tile {
    Tile {
        label: "Series",
        value: count(rows.iter().map(|row| row.series).sum()),
        note: "of all collectors".to_owned(),
        ..Tile::default()
    }
}

fn collectors(rows: &[Row<'_>]) -> Tile {
    let of = |group| rows.iter().filter(|row| row.group == group).count();
    let failing = of(Group::Failing);
    let waiting = of(Group::Waiting);
    let mut note = format!("{} inactive", of(Group::Inactive));
    for (number, word) in [(waiting, "waiting"), (failing, "failing")] {
        if number > 0 {
            note = format!("{number} {word}, {note}");
        }
    }
    Tile {
        label: "Collectors",
        value: of(Group::Running).to_string(),
        note,
        tone: if failing > 0 { "bad" } else { "" },
        ..Tile::default()
    }
}

fn databases(overview: &Overview) -> Tile {
    let all = overview.databases.len();
    let down = overview
        .databases
        .iter()
        .filter(|one| one.up == Some(false))
        .count();
    let unknown = overview.databases.iter().filter(|one| one.up.is_none()).count();
    let (note, tone) = match (down, unknown) {
        (0, 0) => ("all scraped well".to_owned(), ""),
        (0, _) => (format!("{unknown} not scraped yet"), ""),
        _ => (
            format!("{down} {} failed", plural(down, "scrape", "scrapes")),
            "bad",
        ),
    };
    Tile {
        label: "Databases",
        value: all.to_string(),
        note,
        tone,
        ..Tile::default()
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn snapshot(state: State, lag: Lag) -> Snapshot {
        Snapshot {
            state,
            lag,
            at: Instant::now(),
            took: Duration::from_millis(1),
            reason: None,
        }
    }

    #[test]
    fn lag_is_that_of_replicas() {
        let known = Lag {
            bytes: Some(16 << 20),
            time: Some(Duration::from_secs(90)),
            paused: false,
        };
        let paused = Lag {
            paused: true,
            ..known
        };
        let table = [
            (State::Primary, known, ("–", "does not replay", "")),
            (State::Replica, known, ("1 min 30 s", "16.0 MB to replay", "")),
            (State::Replica, paused, ("1 min 30 s", "replay is paused", "warn")),
            (
                State::Replica,
                Lag::default(),
                ("Unknown", "no WAL receiver, or not known", "warn"),
            ),
            (State::Down, known, ("–", "not known", "")),
        ];
        for (state, behind, expected) in table {
            let tile = lag(&snapshot(state, behind), None);
            assert_eq!((&*tile.value, &*tile.note, tile.tone), expected);
        }
    }

    #[test]
    fn connections_near_their_limit_stand_out() {
        let server = |used, most| ServerOverview {
            connections: used,
            max_connections: most,
            ..ServerOverview::default()
        };
        let table = [
            (server(Some(12), Some(100)), ("12", "of 100, 12 %", "", Some(12))),
            (
                server(Some(85), Some(100)),
                ("85", "of 100, 85 %", "warn", Some(85)),
            ),
            (
                server(Some(103), Some(100)),
                ("103", "of 100, 103 %", "bad", Some(100)),
            ),
            (server(Some(5), None), ("5", "limit not known", "", None)),
            (server(None, None), ("–", "no collector tells", "", None)),
        ];
        for (server, expected) in table {
            let tile = connections(&server);
            assert_eq!((&*tile.value, &*tile.note, tile.tone, tile.share), expected);
        }
    }
}
