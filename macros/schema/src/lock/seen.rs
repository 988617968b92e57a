//! Servers in a message: `PostgreSQL 10-12 (standby)`.

use std::collections::BTreeSet;
use std::fmt;

use super::server::{Role, Server, shown_releases};

/// Servers, by role.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    primaries: BTreeSet<u32>,
    standbys: BTreeSet<u32>,
    consoles: BTreeSet<u32>,
}

impl Seen {
    pub(crate) fn of<'a>(servers: impl IntoIterator<Item = &'a Server>) -> Self {
        let mut seen = Self::default();
        for server in servers {
            match server.role {
                Role::Primary => seen.primaries.insert(server.release),
                Role::Standby => seen.standbys.insert(server.release),
                Role::Pgbouncer => seen.consoles.insert(server.release),
            };
        }
        seen
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.primaries.is_empty() && self.standbys.is_empty() && self.consoles.is_empty()
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |releases: &BTreeSet<u32>| {
            let releases: Vec<u32> = releases.iter().copied().collect();
            shown_releases(&releases)
        };
        let mut parts = Vec::new();
        if self.primaries == self.standbys {
            parts.extend(
                (!self.primaries.is_empty()).then(|| format!("PostgreSQL {}", list(&self.primaries))),
            );
        } else {
            for (releases, role) in [(&self.primaries, Role::Primary), (&self.standbys, Role::Standby)] {
                let is_there = !releases.is_empty();
                parts.extend(is_there.then(|| format!("PostgreSQL {} ({})", list(releases), role.word())));
            }
        }
        parts.extend((!self.consoles.is_empty()).then(|| format!("pgbouncer {}", list(&self.consoles))));
        f.write_str(&parts.join(" and "))
    }
}
