//! Which of several exporters has a target: by rendezvous hash of its name, so that a further exporter takes its share of each
//! and moves nothing else.

use std::fmt;

/// One of several exporters that share the targets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shard {
    index: u32,
    count: u32,
}

/// Exporters that share targets, at most.
const MOST: u32 = 10_000;

impl Shard {
    /// Reads `I/N`, the first being 0.
    ///
    /// # Errors
    /// What to write.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let advice = "write I/N: the number of this exporter, from 0, and how many there are, such as 0/3";
        let (index, count) = text.split_once('/').ok_or(advice)?;
        let number = |text: &str| text.trim().parse::<u32>().map_err(|_| advice);
        let (index, count) = (number(index)?, number(count)?);
        if count > MOST || index >= count {
            return Err(
                "the number of this exporter begins at 0 and is below how many there are, at most 10000",
            );
        }
        Ok(Self { index, count })
    }

    /// Whether the target of that name is this exporter's.
    #[must_use]
    pub fn has(self, name: &str) -> bool {
        let score = |index: u32| mixed(hash(name) ^ mixed(u64::from(index)));
        (0..self.count)
            .all(|other| other == self.index || (score(other), other) < (score(self.index), self.index))
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

/// The same for a name in every process and release (FNV-1a): exporters must agree.
pub(super) fn hash(name: &str) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    mixed(name.bytes().fold(0xcbf2_9ce4_8422_2325, step))
}

/// Each bit of the result depends on all bits (the end of `SplitMix64`).
fn mixed(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn shard(index: u32, count: u32) -> Shard {
        Shard::parse(&format!("{index}/{count}")).unwrap()
    }

    fn names() -> impl Iterator<Item = String> {
        (0..3000).map(|number| format!("db-{number}.example-5432"))
    }

    #[test]
    fn each_target_is_of_one_shard_and_they_are_even() {
        for count in 1..6 {
            let mut sizes = vec![0; count as usize];
            for name in names() {
                let owners: Vec<_> = (0..count)
                    .filter(|index| shard(*index, count).has(&name))
                    .collect();
                assert_eq!(owners.len(), 1, "{name}");
                for (index, size) in sizes.iter_mut().enumerate() {
                    *size += usize::from(owners.contains(&u32::try_from(index).unwrap()));
                }
            }
            let even = 3000 / count as usize;
            assert!(
                sizes.iter().all(|size| size.abs_diff(even) < even / 4 + 1),
                "{sizes:?}"
            );
        }
    }

    #[test]
    fn a_further_shard_takes_and_nobody_else_changes() {
        for name in names() {
            for index in 0..3 {
                let (before, after) = (shard(index, 3).has(&name), shard(index, 4).has(&name));
                assert!(before || !after, "{name} moved to {index}");
            }
        }
    }

    #[test]
    fn which_is_said_by_two_numbers() {
        assert_eq!(shard(2, 3).to_string(), "2/3");
        for text in ["", "1", "3/3", "0/0", "-1/3", "a/b", "1/2/3", "0/99999"] {
            assert!(Shard::parse(text).is_err(), "{text}");
        }
    }
}
