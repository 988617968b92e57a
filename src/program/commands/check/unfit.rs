//! Collectors of a site whose tags fit no database of the servers that are asked: nobody would miss their series.

use std::collections::BTreeMap;
use std::sync::Arc;

use pg_exporter_schema::{Collector, Diagnostic, Severity};

use crate::catalog::is_shipped;
use crate::catalog::plan::{Plan, Verdict, Why};

/// What the databases that were asked say to the tags of each branch.
#[derive(Debug, Default)]
pub(super) struct Unfit {
    /// Branches that none has taken so far, with what the first one said.
    branches: BTreeMap<String, (Arc<Collector>, Option<Why>)>,
    /// Databases that could not be asked.
    left_out: Vec<String>,
}

impl Unfit {
    /// Notes what is planned on a database.
    pub(super) fn note(&mut self, plan: &Plan) {
        for (collector, verdict) in plan.verdicts.iter().filter(|(one, _)| !is_shipped(one)) {
            let said = match verdict {
                Verdict::Inactive(why) if is_of_tags(why) => Some(why.clone()),
                // On the connection of the URL the tags have their say.
                Verdict::Inactive(Why::Discovered) => continue,
                _ => None,
            };
            let branch = self.branches.entry(collector.branch.to_string());
            branch
                .and_modify(|(_, before)| *before = before.take().filter(|_| said.is_some()))
                .or_insert_with(|| (Arc::clone(collector), said));
        }
    }

    /// A database could not be asked: what it would say is not known.
    pub(super) fn leave_out(&mut self, name: &str) {
        self.left_out.push(name.to_owned());
    }

    /// A warning for each branch that fits no database.
    pub(super) fn into_findings(self) -> Vec<Diagnostic> {
        let Self { branches, left_out } = self;
        let may_fit = |why: &Why| match why {
            Why::Database(names) => names
                .split(" or ")
                .any(|name| left_out.iter().any(|one| one == name)),
            Why::User(_) => false,
            _ => !left_out.is_empty(),
        };
        let unfit = branches
            .into_values()
            .filter_map(|(collector, why)| Some((collector, why?)));
        unfit
            .filter(|(_, why)| !may_fit(why))
            .map(|(collector, why)| Diagnostic {
                file: collector.origin.file.to_string(),
                line: collector.origin.line.max(1),
                column: 1,
                severity: Severity::Warning,
                message: format!(
                    "`{}` is installed in none of the databases that were asked: {why}; look at its `tags`",
                    collector.branch
                ),
            })
            .collect()
    }
}

/// Whether the tags are for another database, role or server than this one. Version and role of a server change with its life.
fn is_of_tags(why: &Why) -> bool {
    matches!(
        why,
        Why::Database(_)
            | Why::User(_)
            | Why::Schema(..)
            | Why::Extension(..)
            | Why::ExtensionOlder(..)
            | Why::Flavour(_)
    )
}
