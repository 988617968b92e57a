//! How many connections each client has. A client is an IPv4 address, or 64 bits of an IPv6 address; all behind one proxy, and all
//! over unix sockets, are one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::peer::Peer;

/// Connections that are open, by who is at the other end.
#[derive(Debug, Default)]
pub struct PerPeer(Mutex<HashMap<Peer, u64>>);

/// The client of a connection, counted while it lives.
#[derive(Debug)]
pub(super) struct Client {
    all: Arc<PerPeer>,
    peer: Peer,
}

impl PerPeer {
    /// One more connection of a client.
    pub(super) fn count(self: &Arc<Self>, peer: Peer) -> Client {
        *self.counts().entry(peer).or_default() += 1;
        Client {
            all: Arc::clone(self),
            peer,
        }
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<Peer, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Client {
    pub(super) fn peer(&self) -> Peer {
        self.peer
    }

    /// The size of the client by the connections that it has now, this one included: 0 below 4, and one more for each four times as
    /// many. It moves seldom, so that whoever waits stands where it belongs.
    pub(super) fn size(&self) -> u32 {
        let connections = self.all.counts().get(&self.peer).copied();
        connections.and_then(u64::checked_ilog2).unwrap_or_default() / 2
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let mut counts = self.all.counts();
        if let Some(count) = counts.get_mut(&self.peer) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.peer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, reason = "a test fails by panicking")]
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn each_client_has_its_own_and_none_that_is_gone_is_kept() {
        let all = Arc::<PerPeer>::default();
        let peer = |last| Peer::new(Some(Ipv4Addr::new(127, 0, 0, last).into()));
        let one = all.count(peer(1));
        let mut others = Vec::new();
        let mut sizes = Vec::new();
        for _ in 0..16 {
            others.push(all.count(peer(2)));
            sizes.push(others[0].size());
        }
        assert_eq!(sizes, [0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2]);
        assert_eq!((one.size(), all.count(Peer::new(None)).size()), (0, 0));
        drop(others);
        assert_eq!(all.counts().len(), 1);
    }
}
