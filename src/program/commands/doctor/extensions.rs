//! What to do about extensions: create them, update them, load their libraries.

use std::collections::BTreeSet;

use pg_exporter_schema::{Collector as Definition, Tag};

use super::asking::{deadline, quoted};
use super::findings::Problem;
use crate::catalog::plan::{Verdict, Why};
use crate::catalog::{Live, extension_schema};
use crate::postgres::connect::Endpoint;
use crate::postgres::extensions::{Available, Extensions, read};
use crate::scrape::{DatabaseOverview, Overview};

/// What one database, and the server's files, have of the extensions that collectors ask for.
#[derive(Default)]
pub(super) struct Look {
    has: Extensions,
}

impl Look {
    /// Asks a database. One that is not the URL's is asked only for what the server has at all.
    pub(super) async fn at(endpoint: &Endpoint, live: &Live, of_server: Option<&Look>) -> Self {
        let wanted = live.wanted.extensions.iter();
        let names: Vec<String> = match of_server {
            None => wanted.cloned().collect(),
            Some(look) => wanted.filter(|name| look.find(name).is_some()).cloned().collect(),
        };
        if names.is_empty() {
            return Self::default();
        }
        // That the database cannot be connected to is told elsewhere.
        let Ok(mut session) = endpoint.connect(deadline()).await else {
            return Self::default();
        };
        let has = read(&mut session, &names, deadline()).await;
        Self {
            has: has.unwrap_or_default(),
        }
    }

    fn find(&self, name: &str) -> Option<&Available> {
        self.has.available.iter().find(|one| one.name == name)
    }

    /// What may be why a collector of the extension fails: a library that is not loaded, or a version that is not the newest.
    pub(super) fn remedies(&self, definition: &Definition) -> Vec<String> {
        let of_it = names(definition);
        let found = of_it.iter().filter_map(|name| self.find(name));
        found.filter_map(|one| self.statement(one)).collect()
    }

    /// What collectors would have more of, each with the statement for it. Collectors that fail are told of elsewhere.
    pub(super) fn advice(&self, overview: &Overview, database: &DatabaseOverview) -> Vec<Problem> {
        let advice = |one: &Available| {
            let (waiting, running) = concerned(&one.name, overview, database);
            let what = match (&one.installed, &one.update) {
                (None, _) if !waiting.is_empty() => format!(
                    "extension {} is among the server's files but not created in {}: {} collects nothing there",
                    one.name,
                    database.name,
                    joined(&waiting)
                ),
                (Some(installed), Some(update)) if !(waiting.is_empty() && running.is_empty()) => format!(
                    "extension {} in {} is {installed}, and the server's files have {update}: what {} would have of the newer one is missing",
                    one.name,
                    database.name,
                    joined(&waiting.union(&running).copied().collect())
                ),
                _ => return None,
            };
            let mut remedies: Vec<String> = self.preload(one).into_iter().collect();
            remedies.push(change(one));
            Some(Problem { what, remedies })
        };
        self.has.available.iter().filter_map(advice).collect()
    }

    /// The one statement that an extension in a database lacks.
    fn statement(&self, one: &Available) -> Option<String> {
        self.preload(one)
            .or_else(|| (one.installed.is_none() || one.update.is_some()).then(|| change(one)))
    }

    /// The setting that loads its library, beside those that are loaded already.
    fn preload(&self, one: &Available) -> Option<String> {
        if !one.lacks_library {
            return None;
        }
        let Some(preloaded) = &self.has.preloaded else {
            return Some(format!(
                "-- add {} to shared_preload_libraries, which this role may not see, and restart the server",
                one.name
            ));
        };
        let mut libraries: Vec<&str> = preloaded.split(',').map(str::trim).collect();
        // TimescaleDB and Citus want to be the first.
        libraries.insert(0, &one.name);
        let list: Vec<String> = libraries
            .iter()
            .filter(|library| !library.is_empty())
            .map(|library| format!("'{}'", library.trim_matches('"').replace('\'', "''")))
            .collect();
        Some(format!(
            "ALTER SYSTEM SET shared_preload_libraries = {}; -- then restart the server",
            list.join(", ")
        ))
    }
}

/// What brings an extension to the version of the server's files.
fn change(one: &Available) -> String {
    let name = quoted(&one.name);
    match &one.update {
        None => format!("CREATE EXTENSION {name};"),
        Some(version) => format!(
            "ALTER EXTENSION {name} UPDATE TO '{}';",
            version.replace('\'', "''")
        ),
    }
}

/// The extensions that a definition asks for.
fn names(definition: &Definition) -> BTreeSet<String> {
    let by_tag = definition.tags.iter().filter_map(|tag| match tag {
        Tag::Extension(name) | Tag::ExtensionFrom(name, _) => Some(name.to_string()),
        _ => None,
    });
    let in_text = extension_schema::named(&definition.query).map(str::to_owned);
    by_tag.chain(in_text).collect()
}

/// Collectors that the extension keeps from running in a database, and those of it that run.
fn concerned<'a>(
    extension: &str,
    overview: &'a Overview,
    database: &DatabaseOverview,
) -> (BTreeSet<&'a str>, BTreeSet<&'a str>) {
    let (mut waiting, mut running) = (BTreeSet::new(), BTreeSet::new());
    for (definition, verdict) in overview.collectors.iter().zip(&database.verdicts) {
        match verdict {
            Some(Verdict::Inactive(Why::Extension(name, _) | Why::ExtensionOlder(name, _, _)))
                if name == extension =>
            {
                waiting.insert(&*definition.name);
            }
            Some(Verdict::Active) if names(definition).contains(extension) => {
                running.insert(&*definition.name);
            }
            _ => {}
        }
    }
    waiting.retain(|name| !running.contains(name));
    (waiting, running)
}

fn joined(names: &BTreeSet<&str>) -> String {
    names.iter().copied().collect::<Vec<_>>().join(", ")
}
