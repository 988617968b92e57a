//! Which of several databases serves a series that all of them yield.
//!
//! The rule: whoever served it first keeps it, for as long as the collector is installed there; of those that begin at the same
//! time the URL's database is first, then they are in the order of their names. So a series never jumps to another database's
//! value: while its owner fails, it is missing.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::samples::has_repeats;

/// The keys of one database's series, for each family of its definition.
pub(in crate::scrape) type Keys = Vec<Arc<[u64]>>;

/// What one database claims: the keys that it serves now; `None` while it serves nothing.
pub(in crate::scrape) type Claim<'a> = (&'a str, Option<&'a Keys>);

/// Who owns which series of one collector.
#[derive(Debug, Default)]
pub(in crate::scrape) struct Owners {
    /// What each database served last.
    held: BTreeMap<String, Keys>,
    /// The owners of series that several databases yield.
    owners: HashMap<u64, String>,
    /// Series that are not served, by the position of their database among the last claims.
    dropped: HashSet<(usize, u64)>,
    /// Databases that yield series of others, and these others.
    involved: BTreeSet<String>,
}

impl Owners {
    /// Takes the claims of all databases on which the collector is installed, in order.
    pub(in crate::scrape) fn settle(&mut self, claims: &[Claim<'_>]) {
        let is_installed = |database: &str| claims.iter().any(|(known, _)| *known == database);
        self.held.retain(|database, _| is_installed(database));
        self.owners.retain(|_, database| is_installed(database));
        self.dropped.clear();
        self.involved.clear();
        if claims.len() > 1 {
            self.settle_repeated(claims);
        }
        for (database, keys) in claims {
            if let Some(keys) = keys {
                self.held.insert((*database).to_owned(), (*keys).clone());
            }
        }
    }

    fn settle_repeated(&mut self, claims: &[Claim<'_>]) {
        let known = |(database, keys): &Claim<'_>| keys.or_else(|| self.held.get(*database)).map(distinct);
        let known: Vec<Vec<u64>> = claims
            .iter()
            .map(|claim| known(claim).unwrap_or_default())
            .collect();
        if !has_repeats(known.iter().flatten().copied()) {
            return;
        }
        let mut claimants: HashMap<u64, Vec<usize>> = HashMap::new();
        for (at, keys) in known.iter().enumerate() {
            keys.iter()
                .for_each(|key| claimants.entry(*key).or_default().push(at));
        }
        let held: BTreeMap<&String, HashSet<u64>> = self
            .held
            .iter()
            .map(|(database, keys)| (database, distinct(keys).into_iter().collect()))
            .collect();
        let mut new = Vec::new();
        for (key, claimants) in claimants.iter().filter(|(_, claimants)| claimants.len() > 1) {
            let names = || {
                claimants
                    .iter()
                    .filter_map(|at| claims.get(*at).map(|(name, _)| *name))
            };
            let held_it = |name: &&str| {
                held.get(&(*name).to_owned())
                    .is_some_and(|keys| keys.contains(key))
            };
            let owner = self.owners.get(key).map(String::as_str);
            let owner = owner.or_else(|| names().find(held_it)).or_else(|| names().next());
            let Some(owner) = owner else { continue };
            for (at, name) in claimants.iter().zip(names()) {
                self.involved.insert(name.to_owned());
                if name != owner {
                    self.dropped.insert((*at, *key));
                }
            }
            new.push((*key, owner.to_owned()));
        }
        self.owners.extend(new);
    }

    /// Whether every claim is granted.
    pub(in crate::scrape) fn are_distinct(&self) -> bool {
        self.dropped.is_empty()
    }

    /// Whether the claim at that position has the series.
    pub(in crate::scrape) fn grants(&self, claim: usize, key: u64) -> bool {
        !self.dropped.contains(&(claim, key))
    }

    /// The databases that yield the same series, by name.
    pub(in crate::scrape) fn involved(&self) -> &BTreeSet<String> {
        &self.involved
    }
}

/// The keys of all families, each once.
fn distinct(keys: &Keys) -> Vec<u64> {
    let mut lists: Vec<&Arc<[u64]>> = Vec::new();
    for list in keys.iter().filter(|list| !list.is_empty()) {
        if !lists.iter().any(|known| Arc::ptr_eq(known, list)) {
            lists.push(list);
        }
    }
    let mut all: Vec<u64> = lists.iter().flat_map(|list| list.iter().copied()).collect();
    if lists.len() > 1 {
        all.sort_unstable();
        all.dedup();
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(keys: &[u64]) -> Option<Keys> {
        Some(vec![Arc::from(keys)])
    }

    /// Settles claims of databases `a`, `b`, … and tells who has series 7.
    fn owner(owners: &mut Owners, claims: &[(&'static str, Option<Keys>)]) -> Vec<&'static str> {
        let borrowed: Vec<Claim<'_>> = claims.iter().map(|(name, keys)| (*name, keys.as_ref())).collect();
        owners.settle(&borrowed);
        let has = |(_, (_, keys)): &(usize, &(&str, Option<Keys>))| {
            keys.as_ref()
                .is_some_and(|keys| keys.iter().any(|list| list.contains(&7)))
        };
        let claiming = claims.iter().enumerate().filter(has);
        claiming
            .filter(|(at, _)| owners.grants(*at, 7))
            .map(|(_, (name, _))| *name)
            .collect()
    }

    #[test]
    fn a_failing_owner_is_not_replaced() {
        let mut owners = Owners::default();
        let both = [("a", keys(&[7, 1])), ("b", keys(&[7, 2]))];
        assert_eq!(owner(&mut owners, &both), ["a"]);
        assert_eq!(owners.involved().len(), 2);
        assert!(owner(&mut owners, &[("a", None), ("b", keys(&[7, 2]))]).is_empty());
        assert_eq!(owner(&mut owners, &both), ["a"]);
    }

    #[test]
    fn who_came_first_keeps_it() {
        let mut owners = Owners::default();
        assert_eq!(owner(&mut owners, &[("a", None), ("b", keys(&[7]))]), ["b"]);
        let both = [("a", keys(&[7])), ("b", keys(&[7]))];
        assert_eq!(owner(&mut owners, &both), ["b"]);
        assert_eq!(owner(&mut owners, &both), ["b"]);
        assert!(owner(&mut owners, &[("a", keys(&[7])), ("b", None)]).is_empty());
    }

    #[test]
    fn an_owner_that_is_gone_is_replaced() {
        let mut owners = Owners::default();
        owner(
            &mut owners,
            &[("a", keys(&[7])), ("b", keys(&[7])), ("c", keys(&[7]))],
        );
        assert_eq!(owner(&mut owners, &[("b", keys(&[7])), ("c", keys(&[7]))]), ["b"]);
        assert_eq!(owner(&mut owners, &[("c", keys(&[7]))]), ["c"]);
        assert!(owners.are_distinct());
    }

    #[test]
    fn others_are_not_touched() {
        let mut owners = Owners::default();
        owner(&mut owners, &[("a", keys(&[1, 7])), ("b", keys(&[2, 7]))]);
        assert!(owners.grants(0, 1) && owners.grants(1, 2) && !owners.grants(1, 7));
        owner(&mut owners, &[("a", keys(&[1])), ("b", keys(&[2]))]);
        assert!(owners.are_distinct() && owners.involved().is_empty());
    }
}
