//! What load balancers are told: the state of the target as a background probe saw it last.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;

use super::beat::Beat;
use crate::postgres::deadline::Traffic;

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
    /// All states.
    pub const ALL: [Self; 5] = [
        Self::Unknown,
        Self::Starting,
        Self::Down,
        Self::Primary,
        Self::Replica,
    ];

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

impl Lag {
    /// What a primary has.
    pub const NONE: Self = Self {
        bytes: Some(0),
        time: Some(Duration::ZERO),
        paused: false,
    };
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
    shared: Arc<Shared>,
    traffic: Traffic,
}

#[derive(Debug)]
struct Shared {
    last: ArcSwap<Snapshot>,
    /// Whether the probe task turns its loop.
    beat: Beat,
    max_age: Duration,
}

impl Health {
    /// A view without a snapshot yet. A snapshot older than `max_age` counts as down; a probe task that has not turned
    /// its loop for `longest_turn` counts as dead.
    #[must_use]
    pub fn new(max_age: Duration, longest_turn: Duration) -> Self {
        let origin = Instant::now();
        let unknown = Snapshot {
            state: State::Unknown,
            lag: Lag::default(),
            at: origin,
            took: Duration::ZERO,
            reason: Some("not probed yet".into()),
        };
        let last = ArcSwap::from_pointee(unknown);
        Self {
            shared: Arc::new(Shared {
                last,
                beat: Beat::new(longest_turn),
                max_age,
            }),
            traffic: Traffic::default(),
        }
    }

    /// The same, of a target whose traffic may delay the probe's answers: while there is some, a snapshot holds four times as
    /// long.
    #[must_use]
    pub fn beside(self, traffic: Traffic) -> Self {
        Self { traffic, ..self }
    }

    /// The last snapshot; one older than its allowed age says `Down`.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let mut snapshot = Snapshot::clone(&self.shared.last.load());
        // A target that is not up is no more so with time, and why it is not is worth keeping.
        if self.is_outdated(&snapshot) && snapshot.state.is_up() {
            snapshot.state = State::Down;
            snapshot.reason = Some("the last probe is too old".into());
        }
        snapshot
    }

    /// The state alone, without copying the snapshot.
    #[must_use]
    pub fn state(&self) -> State {
        let snapshot = self.shared.last.load();
        if self.is_outdated(&snapshot) && snapshot.state.is_up() {
            State::Down
        } else {
            snapshot.state
        }
    }

    fn is_outdated(&self, snapshot: &Snapshot) -> bool {
        let (age, max_age) = (snapshot.at.elapsed(), self.shared.max_age);
        let is_late = age > max_age && (age > max_age * 4 || !self.traffic.is_flowing());
        snapshot.state != State::Unknown && is_late
    }

    /// Whether the probe task turns its loop: what `/liveness` answers from. Every step of the loop has a bound.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.shared.beat.is_alive()
    }

    /// The probe task turned its loop.
    pub(in crate::health) fn beat(&self) {
        self.shared.beat.beat();
    }

    /// Publishes a probe's outcome.
    pub(in crate::health) fn publish(&self, snapshot: Snapshot) {
        let before = self.shared.last.load();
        if before.state != snapshot.state {
            let reason = snapshot.reason.as_deref().unwrap_or_default();
            let (from, to) = (before.state.word(), snapshot.state.word());
            if snapshot.state.is_up() {
                tracing::info!(from, to, "target changed");
            } else {
                tracing::warn!(from, to, reason, "target changed");
            }
        }
        self.shared.last.store(Arc::new(snapshot));
    }
}
