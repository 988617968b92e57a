//! From files of whatever exporter to one file of this language.

use std::collections::HashSet;
use std::sync::Arc;

use super::writer::{Definition, file};
use super::{prometheus, sql_exporter};
use crate::read::diagnostic::{Diagnostic, Severity};
use crate::read::report::{Report, Strictness};
use crate::read::source::Source;
use crate::read::tree::tree;

/// What came of a conversion.
#[derive(Clone, Debug, Default)]
pub struct Converted {
    /// One definition file. Comments that begin with `DECIDE:` say where a person must.
    pub text: String,
    /// What could not be carried over, or was carried over with a change.
    pub diagnostics: Vec<Diagnostic>,
}

impl Converted {
    /// Whether something of the files is not in the result.
    #[must_use]
    pub fn is_incomplete(&self) -> bool {
        self.diagnostics
            .iter()
            .any(|found| found.severity == Severity::Error)
    }
}

/// Writes files of postgres_exporter (`queries.yaml`), CloudNativePG (a ConfigMap, or what is in one) or sql_exporter (a
/// collector file) in this language.
///
/// ```
/// use pg_exporter_schema::{Source, convert};
///
/// let theirs = "x: { query: SELECT 1 AS a, master: true, metrics: [{ a: { usage: GAUGE, description: A } }] }";
/// let ours = convert(&[Source::new("queries.yaml", theirs)]);
/// assert!(ours.text.contains("tags: [cluster]"));
/// ```
#[must_use]
pub fn convert(sources: &[Source]) -> Converted {
    let mut report = Report::new(Strictness::Lenient);
    let mut definitions: Vec<Definition> = Vec::new();
    let mut taken = HashSet::new();
    for source in sources {
        let file: Arc<str> = Arc::from(source.path.as_ref());
        let mut in_file = report.in_file(&file);
        let Some(root) = tree(source, &mut in_file) else {
            continue;
        };
        let of_file = if sql_exporter::is_one(&root) {
            sql_exporter::definitions(&root, &mut in_file)
        } else {
            prometheus::definitions(&root, &mut in_file)
        };
        for definition in of_file {
            if taken.insert(definition.branch.clone()) {
                definitions.push(definition);
                continue;
            }
            let message = format!(
                "`{}` is defined before, too; this one is left out, rename it",
                definition.branch
            );
            in_file.error(definition.node.position, message);
        }
    }
    let names: Vec<&str> = sources.iter().map(|source| source.path.as_ref()).collect();
    Converted {
        text: file(&names, &definitions),
        diagnostics: report.into_sorted(),
    }
}
