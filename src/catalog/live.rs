//! The set of collectors in force.

use std::collections::BTreeSet;
use std::sync::Arc;

use pg_exporter_schema::{Collector, Tag};

use crate::target::facts::Wanted;

/// A whole set of collectors, in the order of execution. Never changed: a reload builds another one.
#[derive(Clone, Debug, Default)]
pub struct Live {
    /// Branches: fatal ones first, then by priority, then by name.
    pub collectors: Vec<Arc<Collector>>,
    /// What facts its tags ask for.
    pub wanted: Wanted,
}

impl Live {
    /// A live set of these branches.
    #[must_use]
    pub fn new(collectors: impl IntoIterator<Item = Collector>) -> Self {
        let mut collectors: Vec<_> = collectors.into_iter().map(Arc::new).collect();
        collectors.sort_by(|a, b| {
            (!a.fatal, a.priority, &a.name, &a.branch).cmp(&(!b.fatal, b.priority, &b.name, &b.branch))
        });
        let wanted = wanted(&collectors);
        Self { collectors, wanted }
    }
}

fn wanted(collectors: &[Arc<Collector>]) -> Wanted {
    let (mut schemas, mut extensions) = (BTreeSet::new(), BTreeSet::new());
    for tag in collectors.iter().flat_map(|collector| collector.tags.iter()) {
        match tag {
            Tag::Schema(name) => schemas.insert(name.to_string()),
            Tag::Extension(name) => extensions.insert(name.to_string()),
            _ => continue,
        };
    }
    Wanted { schemas: schemas.into_iter().collect(), extensions: extensions.into_iter().collect() }
}
