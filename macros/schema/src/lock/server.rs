//! Which server said something: its version and role, and the extensions that a branch needs.

use std::collections::BTreeMap;
use std::fmt;

/// What kind of server it is, and in which role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// PostgreSQL out of recovery.
    Primary,
    /// PostgreSQL in recovery.
    Standby,
    /// pgbouncer's console.
    Pgbouncer,
}

/// A server as the lock names it: never by an address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Server {
    /// The first version of its major release: 140000, 90600, of pgbouncer 12500.
    pub release: u32,
    /// What it is.
    pub role: Role,
    /// The versions of the extensions that the branch names.
    pub extensions: BTreeMap<String, String>,
}

/// Major releases of PostgreSQL that this project knows, without those before 9.
const RELEASES: [u32; 16] = [
    90_000, 90_100, 90_200, 90_300, 90_400, 90_500, 90_600, 100_000, 110_000, 120_000, 130_000, 140_000,
    150_000, 160_000, 170_000, 180_000,
];

impl Role {
    /// Its word in the lock.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Standby => "standby",
            Self::Pgbouncer => "pgbouncer",
        }
    }

    pub(crate) const ALL: [Self; 3] = [Self::Primary, Self::Standby, Self::Pgbouncer];
}

impl Server {
    /// A server by `server_version_num` (of pgbouncer 10000·major + 100·minor + patch).
    #[must_use]
    pub fn new(version: u32, role: Role, extensions: BTreeMap<String, String>) -> Self {
        Self {
            release: release_of(version, role),
            role,
            extensions,
        }
    }
}

impl fmt::Display for Server {
    /// `PostgreSQL 14 (standby)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let release = Release(self.release);
        match self.role {
            Role::Pgbouncer => write!(f, "pgbouncer {release}"),
            role => write!(f, "PostgreSQL {release} ({})", role.word()),
        }
    }
}

/// The first version of the major release that a version is of.
#[must_use]
pub(crate) fn release_of(version: u32, role: Role) -> u32 {
    // Since PostgreSQL 10 a release has one number; before, and of pgbouncer, two.
    let step = if role == Role::Pgbouncer || version < 100_000 {
        100
    } else {
        10_000
    };
    version - version % step
}

/// A release as people write it: `14`, `9.6`, `1.25`.
pub(crate) struct Release(pub(crate) u32);

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (major, minor) = (self.0 / 10_000, self.0 / 100 % 100);
        if self.0 >= 100_000 {
            write!(f, "{major}")
        } else {
            write!(f, "{major}.{minor}")
        }
    }
}

/// A release of the lock's text.
pub(crate) fn parse_release(word: &str) -> Option<u32> {
    let number = |digits: &str| digits.parse::<u32>().ok().filter(|number| *number < 10_000);
    match word.split_once('.') {
        Some((major, minor)) => {
            let (major, minor) = (number(major)?, number(minor)?);
            (major < 10 && minor < 100).then_some(major * 10_000 + minor * 100)
        }
        None => number(word)
            .filter(|major| *major >= 10)
            .map(|major| major * 10_000),
    }
}

/// The releases of PostgreSQL from one to another, both included.
pub(crate) fn releases(from: u32, to: u32) -> impl Iterator<Item = u32> {
    // What comes behind those that are known has one number, one more each year.
    let known = RELEASES.into_iter();
    let later = (190_000..=to).step_by(10_000);
    known
        .chain(later)
        .filter(move |release| from <= *release && *release <= to)
}

/// Releases as people write them: `10-18`, `13, 15-17`.
#[must_use]
pub fn shown_releases(sorted: &[u32]) -> String {
    let mut text = String::new();
    let mut at = 0;
    while let Some(first) = sorted.get(at) {
        let run = sorted.get(at..).unwrap_or_default();
        let follows = |pair: &&[u32]| match pair {
            [a, b] => *a >= 90_000 && releases(*a, *b).count() == 2,
            _ => false,
        };
        let length = 1 + run.windows(2).take_while(follows).count();
        let last = run.get(length - 1).unwrap_or(first);
        let separator = if text.is_empty() { "" } else { ", " };
        text.push_str(&match length {
            1 => format!("{separator}{}", Release(*first)),
            _ => format!("{separator}{}-{}", Release(*first), Release(*last)),
        });
        at += length;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_read_as_they_are_written() {
        for release in [90_600, 100_000, 180_000, 12_500, 10_800, 11_800] {
            assert_eq!(parse_release(&Release(release).to_string()), Some(release));
        }
        for word in ["", "9", "x", "14.x", "1.200", "99999", "14.1"] {
            assert_eq!(parse_release(word), None, "{word}");
        }
    }

    #[test]
    fn versions_belong_to_releases() {
        assert_eq!(release_of(180_003, Role::Primary), 180_000);
        assert_eq!(release_of(90_624, Role::Standby), 90_600);
        assert_eq!(release_of(12_501, Role::Pgbouncer), 12_500);
    }

    #[test]
    fn runs_of_releases_are_shown_as_ranges() {
        assert_eq!(shown_releases(&[100_000, 110_000, 120_000, 140_000]), "10-12, 14");
        assert_eq!(shown_releases(&[90_600, 100_000]), "9.6-10");
        assert_eq!(shown_releases(&[180_000, 190_000, 200_000]), "18-20");
        assert_eq!(shown_releases(&[11_800, 12_500]), "1.18, 1.25");
        assert_eq!(shown_releases(&[]), "");
    }
}
