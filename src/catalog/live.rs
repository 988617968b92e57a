//! The set of collectors in force.

use std::collections::BTreeSet;
use std::sync::Arc;

use pg_exporter_schema::{Collector, Tag, dump};
use sha2::{Digest as _, Sha256};

use super::extension_schema;
use super::facts::Wanted;

/// A whole set of collectors, in the order of execution. Never changed: a reload builds another one.
#[derive(Clone, Debug, Default)]
pub struct Live {
    /// Branches: fatal ones first, then by priority, then by name.
    pub collectors: Vec<Arc<Collector>>,
    /// What facts its tags and statements ask for.
    pub wanted: Wanted,
    /// Identifies what is defined, wherever: 16 hexadecimal digits of a SHA-256 over its dump.
    pub hash: String,
}

impl Live {
    /// A live set of these branches.
    #[must_use]
    pub fn new(collectors: impl IntoIterator<Item = Collector>) -> Self {
        let mut collectors: Vec<_> = collectors.into_iter().map(Arc::new).collect();
        collectors.sort_by(|a, b| {
            (!a.fatal, a.priority, &a.name, &a.branch).cmp(&(!b.fatal, b.priority, &b.name, &b.branch))
        });
        let (wanted, hash) = (wanted(&collectors), hash(&collectors));
        Self {
            collectors,
            wanted,
            hash,
        }
    }

    /// Whether the other set is the same but for where in files it is defined.
    #[must_use]
    pub fn means_the_same_as(&self, other: &Self) -> bool {
        let pairs = || self.collectors.iter().zip(&other.collectors);
        self.collectors.len() == other.collectors.len()
            && pairs().all(|(one, other)| one.priority == other.priority && one.means_the_same_as(other))
    }
}

fn hash(collectors: &[Arc<Collector>]) -> String {
    let collectors: Vec<Collector> = collectors.iter().map(|collector| (**collector).clone()).collect();
    let digest = Sha256::digest(dump(&collectors));
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

fn wanted(collectors: &[Arc<Collector>]) -> Wanted {
    let (mut schemas, mut extensions) = (BTreeSet::new(), BTreeSet::new());
    for tag in collectors.iter().flat_map(|collector| collector.tags.iter()) {
        match tag {
            Tag::Schema(name) => schemas.insert(name.to_string()),
            Tag::Extension(name) | Tag::ExtensionFrom(name, _) => extensions.insert(name.to_string()),
            _ => continue,
        };
    }
    for collector in collectors {
        let statements = std::iter::once(&collector.query)
            .chain(collector.predicates.iter().map(|predicate| &predicate.query));
        extensions.extend(
            statements
                .flat_map(|sql| extension_schema::named(sql))
                .map(str::to_owned),
        );
    }
    Wanted {
        schemas: schemas.into_iter().collect(),
        extensions: extensions.into_iter().collect(),
    }
}
