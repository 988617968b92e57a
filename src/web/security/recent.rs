//! The keys seen last.

use std::num::NonZeroUsize;

use lru::LruCache;

/// Keys kept: more than an exporter has clients.
const MOST: NonZeroUsize = NonZeroUsize::MIN.saturating_add(127);

/// A keyed hash of a name, its hash and a password.
pub(super) type Key = [u8; 32];

/// A bounded set that forgets the key that was not asked for longest.
pub(super) struct Recent(LruCache<Key, ()>);

impl Default for Recent {
    fn default() -> Self {
        Self(LruCache::new(MOST))
    }
}

impl Recent {
    /// Whether the key is in the set.
    pub(super) fn has(&mut self, key: &Key) -> bool {
        self.0.get(key).is_some()
    }

    pub(super) fn add(&mut self, key: Key) {
        self.0.put(key, ());
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
        let most = MOST.get();
        for n in 0..most {
            recent.add(key(n));
        }
        assert!(recent.has(&key(0)));
        recent.add(key(most));
        assert!(recent.has(&key(0)) && !recent.has(&key(1)) && recent.has(&key(2)));
        assert_eq!(recent.0.len(), most);
        recent.clear();
        assert!(!recent.has(&key(0)));
    }
}
