//! `basic_auth_users`: names and hashes, and what it costs to compare one.

use std::collections::HashMap;
use std::hint::black_box;
use std::ops::Range;
use std::str::FromStr as _;
use std::sync::Arc;

use bcrypt::HashParts;
use pg_exporter_schema::{At, Secret};

use super::documents::Documents;

/// Highest cost that is taken: a comparison takes seconds then, and each step doubles it.
const HIGHEST_COST: u32 = 16;

/// Salt and hash of a word, for comparisons whose outcome does not matter.
const DECOY: &str = "QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi";

/// Who may ask.
#[derive(PartialEq)]
pub(super) struct Users {
    hashes: HashMap<String, Hash>,
    highest_cost: u32,
}

#[derive(PartialEq)]
struct Hash {
    text: Secret,
    cost: u32,
}

/// `None` when there are no users: everybody may ask.
pub(super) fn read(pairs: &[(At<String>, At<Secret>)], documents: &mut Documents) -> Option<Arc<Users>> {
    let mut hashes = HashMap::new();
    for (name, hash) in pairs {
        if name.value.contains(':') {
            let message = format!(
                "user `{}` can never log in: a name has no colon; choose another",
                name.value
            );
            documents.wrong(name, message);
        }
        match cost(hash.value.expose_text().unwrap_or_default()) {
            Ok(cost) => {
                let text = hash.value.clone();
                hashes.insert(name.value.clone(), Hash { text, cost });
            }
            Err(why) => documents.wrong(hash, format!("the password of user `{}` {why}", name.value)),
        }
    }
    let highest_cost = hashes.values().map(|hash| hash.cost).max()?;
    Some(Arc::new(Users { hashes, highest_cost }))
}

/// The cost of a hash, or why it is none that can be used.
fn cost(hash: &str) -> Result<u32, &'static str> {
    const ADVICE: &str = "is no bcrypt hash; make one by `htpasswd -nBC 10 \"\" | tr -d ':\\n'`";
    let known = ["$2a$", "$2b$", "$2y$"]
        .iter()
        .any(|version| hash.starts_with(version));
    let parts = HashParts::from_str(hash).ok().filter(|_| known);
    match parts.ok_or(ADVICE)?.get_cost() {
        cost @ 4..=HIGHEST_COST => Ok(cost),
        0..4 => Err(ADVICE),
        _ => Err("has a cost above 16, which takes seconds each time; make a hash of cost 10 to 12"),
    }
}

impl Users {
    /// What a right password of that name is known by; of an unknown name, nothing.
    pub(super) fn hash(&self, name: &str) -> &str {
        self.hashes
            .get(name)
            .and_then(|hash| hash.text.expose_text())
            .unwrap_or_default()
    }

    /// Whether the password is that of the name. Takes the same time whoever is named.
    pub(super) fn verify(&self, name: &str, password: &[u8]) -> bool {
        let known = self.hashes.get(name);
        let is_right = |hash: &Hash| {
            bcrypt::verify(password, hash.text.expose_text().unwrap_or_default()).unwrap_or(false)
        };
        let right = known.is_some_and(is_right);
        for cost in self.decoys(known) {
            compare_with_decoy(password, cost);
        }
        right
    }

    /// Costs of what is compared beside a hash. A comparison takes twice that of the cost below, so a cheaper hash is
    /// followed by decoys of its cost, of the next, and so on; no hash, by one of the highest cost.
    fn decoys(&self, known: Option<&Hash>) -> Range<u32> {
        match known {
            Some(hash) => hash.cost..self.highest_cost,
            None => self.highest_cost..self.highest_cost + 1,
        }
    }
}

fn compare_with_decoy(password: &[u8], cost: u32) {
    let _ = black_box(bcrypt::verify(password, &format!("$2b${cost:02}${DECOY}")));
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn hashes_of_all_three_versions_are_taken() {
        for version in ["2a", "2b", "2y"] {
            assert_eq!(cost(&format!("${version}$10${DECOY}")), Ok(10));
        }
        for wrong in [
            "",
            "secret",
            "$1$abc",
            &format!("$2x$10${DECOY}"),
            &format!("$2y$03${DECOY}"),
            &format!("$2y$99${DECOY}"),
            &format!("$2y$17${DECOY}"),
            &format!("$2y$10${DECOY}x"),
        ] {
            assert!(cost(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn every_name_costs_the_same() {
        let hash = |cost: u32| Hash {
            text: Secret::from(format!("$2b${cost:02}${DECOY}")),
            cost,
        };
        let costs = [4, 5, 10, 12];
        let users = Users {
            hashes: costs.iter().map(|cost| (cost.to_string(), hash(*cost))).collect(),
            highest_cost: 12,
        };
        let work = |known: Option<&Hash>| -> u32 {
            let own = known.map_or(0, |hash| 1 << hash.cost);
            own + users.decoys(known).map(|cost| 1 << cost).sum::<u32>()
        };
        assert_eq!(work(None), 1 << 12);
        for hash in users.hashes.values() {
            assert_eq!(work(Some(hash)), 1 << 12, "cost {}", hash.cost);
        }
    }

    #[test]
    fn a_decoy_is_a_hash() {
        assert!(bcrypt::verify("fakepassword", &format!("$2b$10${DECOY}")).unwrap());
    }
}
