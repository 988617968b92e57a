//! The keys seen last.

use std::collections::VecDeque;

/// Keys kept: more than an exporter has clients. Looking through all of them takes less than a microsecond.
const MOST: usize = 128;

/// A keyed hash of a name, its hash and a password.
pub(super) type Key = [u8; 32];

/// A bounded set that forgets the key that was not asked for longest.
#[derive(Default)]
pub(super) struct Recent(VecDeque<Key>);

impl Recent {
    /// Whether the key is in the set.
    pub(super) fn has(&mut self, key: &Key) -> bool {
        let Some(at) = self.0.iter().position(|known| known == key) else {
            return false;
        };
        if at > 0
            && let Some(key) = self.0.remove(at)
        {
            self.0.push_front(key);
        }
        true
    }

    pub(super) fn add(&mut self, key: Key) {
        if !self.has(&key) {
            self.0.push_front(key);
            self.0.truncate(MOST);
        }
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_stays() {
        let key = |n: usize| [u8::try_from(n).unwrap_or_default(); 32];
        let mut recent = Recent::default();
        for n in 0..MOST {
            recent.add(key(n));
        }
        assert!(recent.has(&key(0)));
        recent.add(key(MOST));
        assert!(recent.has(&key(0)) && !recent.has(&key(1)) && recent.has(&key(2)));
        assert_eq!(recent.0.len(), MOST);
        recent.clear();
        assert!(!recent.has(&key(0)));
    }
}
