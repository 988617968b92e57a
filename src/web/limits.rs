//! What clients may use.

use std::time::Duration;

/// What clients may use: a slow one costs one socket and nothing else.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections open at the same time.
    pub connections: usize,
    /// Connections above those whose clients have not had the time to ask: what a flood may open at most.
    pub newcomers: usize,
    /// Pages in the making at the same time, all but those of health, which are there. Were as many connections as there may
    /// be waiting for a scrape, no health check would be answered.
    pub pages: usize,
    /// Bytes of answers that clients have not taken, of all of them together: beyond it pages are refused, health is not. Less where
    /// very many connections are open.
    pub held: usize,
    /// Time that a page for people waits for those before it: one at a time is made.
    pub turn: Duration,
    /// Time for a TLS handshake.
    pub handshake: Duration,
    /// Time for a request's head, from its first byte; for the first head from the connection or its handshake
    /// on.
    pub head: Duration,
    /// Time for a request's body, which nothing here takes.
    pub request: Duration,
    /// Time between two requests of a connection.
    pub idle: Duration,
    /// Time for an answer to be taken by a client that does not keep up.
    pub write: Duration,
    /// Time for a client that was refused in the middle of a request to see that.
    pub farewell: Duration,
    /// Time for running requests to end after a signal.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 512,
            newcomers: 4096,
            pages: 256,
            held: 24 << 20,
            turn: Duration::from_secs(5),
            handshake: Duration::from_secs(5),
            head: Duration::from_secs(5),
            request: Duration::from_secs(10),
            idle: Duration::from_secs(120),
            write: Duration::from_secs(30),
            farewell: Duration::from_secs(1),
            drain: Duration::from_secs(10),
        }
    }
}

/// All that clients may make the process hold: the answers that they have not taken, and what a connection takes by itself at most,
/// with TLS and HTTP/2, as measured while it sends all that it may.
const TOGETHER: usize = 61 << 20;
const OF_CONNECTION: usize = 115 << 10;

/// What may be held in any case.
const LEAST_HELD: usize = 1 << 20;

/// So many connections are more than load balancers and scrapers need: those that come after them get little room.
const FEW: usize = 64;

/// What one connection may make the process hold besides the answers that its client has not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Room {
    /// Bytes of a request's head under HTTP/1 that are always enough; what hyper has read in one go may exceed it.
    pub(super) head: usize,
    /// Requests at the same time under HTTP/2.
    pub(super) requests: u32,
    /// Bytes that TLS has encrypted and that have not left.
    pub(super) encrypted: usize,
}

impl Room {
    const LARGE: Self = Self {
        head: 64 << 10,
        requests: 32,
        encrypted: 64 << 10,
    };
    const SMALL: Self = Self {
        head: 16 << 10,
        requests: 8,
        encrypted: 16 << 10,
    };
}

impl Limits {
    /// Bytes of answers that may be held while so many connections are open.
    pub(super) fn held_beside(&self, connections: usize) -> usize {
        let rest = TOGETHER.saturating_sub(connections.saturating_mul(OF_CONNECTION));
        self.held.min(rest.max(LEAST_HELD))
    }

    /// What a connection may use that begins while so many are open, itself among them.
    pub(super) fn room_beside(connections: usize) -> Room {
        if connections > FEW {
            Room::SMALL
        } else {
            Room::LARGE
        }
    }

    /// The defaults, with fewer connections where the process may open few files: some are for the rest of the exporter.
    pub(super) fn within(descriptors: Option<u64>) -> Self {
        const REST: usize = 128;
        let limits = Self::default();
        let most = descriptors.map_or(usize::MAX, |most| usize::try_from(most).unwrap_or(usize::MAX));
        let most = most.saturating_sub(REST);
        let connections = limits.connections.min(most / 2).max(16);
        Self {
            connections,
            newcomers: limits.newcomers.min(most.saturating_sub(connections)),
            pages: connections / 2,
            ..limits
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_connections_leave_less_for_answers() {
        let limits = Limits::default();
        let held = |connections| limits.held_beside(connections) >> 20;
        assert_eq!([0, 256, 320, 400, 512].map(held), [24, 24, 24, 16, 3]);
        assert_eq!(limits.held_beside(10_000), LEAST_HELD);
        for connections in 0..=limits.connections {
            let all = connections * OF_CONNECTION + limits.held_beside(connections);
            assert!(all < 64_000_000, "{connections}: {all}");
        }
    }
    #[test]
    fn few_connections_have_much_room() {
        let rooms = [1, FEW, FEW + 1, 5000].map(Limits::room_beside);
        assert_eq!(rooms, [Room::LARGE, Room::LARGE, Room::SMALL, Room::SMALL]);
    }
}
