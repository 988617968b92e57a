//! What load balancers are told: the state of the target as a background probe saw it last.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;

/// What the probe found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Never probed.
    Unknown,
    /// The server says that it is starting up (SQLSTATE 57P03).
    Starting,
    /// Not reachable, or the last probe is too old.
    Down,
    /// Reachable and not in recovery; pgbouncer when reachable.
    Primary,
    /// Reachable and in recovery.
    Replica,
}

impl State {
    /// The body of a health answer.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Starting => "starting",
            Self::Down => "down",
            Self::Primary => "primary",
            Self::Replica => "replica",
        }
    }

    /// Whether the target answers statements.
    #[must_use]
    pub fn is_up(self) -> bool {
        matches!(self, Self::Primary | Self::Replica)
    }
}

/// How far replay is behind. A primary has lag 0.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Lag {
    /// Bytes of WAL received and not replayed; `None` when not known.
    pub bytes: Option<u64>,
    /// Age of the last replayed transaction while bytes are outstanding; `None` when not known.
    pub time: Option<Duration>,
    /// Whether replay is paused.
    pub paused: bool,
}

/// One probe's outcome.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// What the probe found, `Down` when the snapshot is too old.
    pub state: State,
    /// How far replay is behind.
    pub lag: Lag,
    /// When the probe ended.
    pub at: Instant,
    /// What the probe took.
    pub took: Duration,
    /// Why the target is not up, without secrets.
    pub reason: Option<Arc<str>>,
}

/// A view of the probe, cheap to clone and to read: handlers never contact the target.
#[derive(Clone, Debug)]
pub struct Health {
    last: Arc<ArcSwap<Snapshot>>,
    max_age: Duration,
}

impl Health {
    /// The last snapshot; one older than its allowed age says `Down`.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let mut snapshot = Snapshot::clone(&self.last.load());
        if snapshot.state != State::Unknown && snapshot.at.elapsed() > self.max_age {
            snapshot.state = State::Down;
            snapshot.reason = Some("the last probe is too old".into());
        }
        snapshot
    }

    /// Whether the probe task runs: what `/liveness` answers from.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        true
    }
}
