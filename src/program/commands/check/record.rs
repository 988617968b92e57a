//! `check --record`: what servers say, written into `statements.lock` beside the definitions.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pg_exporter_schema::{
    Answer, Collector, LOCK_FILE, Lock, Part, Role, Server, Statement, Tag, fingerprint,
};

use crate::catalog::extension_schema;
use crate::catalog::facts::{Facts, Kind};
use crate::catalog::plan::{self, Context, Plan, Verdict, Why};
use crate::postgres::failure::Failure;
use crate::postgres::rows::ResultColumn;
use crate::program::stop::Stop;

/// What was found out, by branch.
#[derive(Debug, Default)]
pub(super) struct Recording {
    answers: BTreeMap<Statement, BTreeMap<Server, BTreeSet<Answer>>>,
    /// Why a branch could not be asked about on some server.
    lacks: BTreeMap<String, String>,
    servers: BTreeSet<Server>,
}

/// A server as the lock names it.
pub(super) fn recorded_server(facts: &Facts, kind: Kind, extensions: &[String]) -> Server {
    let role = match kind {
        Kind::Pgbouncer => Role::Pgbouncer,
        _ if facts.in_recovery => Role::Standby,
        _ => Role::Primary,
    };
    let version = |name: &String| {
        let extension = facts.extensions.get(name)?;
        Some((name.clone(), extension.version.clone()))
    };
    Server::new(
        facts.version,
        role,
        extensions.iter().filter_map(version).collect(),
    )
}

/// The extensions that a branch names: its columns may be others with another version of them.
pub(super) fn extensions(collector: &Collector) -> Vec<String> {
    let of_tags = collector.tags.iter().filter_map(|tag| match tag {
        Tag::Extension(name) | Tag::ExtensionFrom(name, _) => Some(&**name),
        _ => None,
    });
    let statements = collector.predicates.iter().map(|predicate| &predicate.query);
    let of_text = statements
        .chain([&collector.query])
        .flat_map(|sql| extension_schema::named(sql));
    of_tags.chain(of_text).map(str::to_owned).collect()
}

impl Recording {
    /// The branches whose statements the server can be asked about, and whether they are installed there. Those that are
    /// skipped, or wait for a tag of the exporter, are asked about as well: their time may come.
    pub(super) fn applicable(
        &mut self,
        plan: &Plan,
        facts: &Facts,
        context: &Context,
    ) -> Vec<(Arc<Collector>, bool)> {
        self.servers.insert(recorded_server(facts, context.kind, &[]));
        let mut applicable = Vec::new();
        for (collector, verdict) in &plan.verdicts {
            let is_of_exporter = |tag: &Tag| matches!(tag, Tag::Custom(_) | Tag::Not(_));
            let tags = collector.tags.iter().filter(|tag| !is_of_exporter(tag));
            let meant = Collector {
                skip: false,
                tags: tags.cloned().collect(),
                ..(**collector).clone()
            };
            // By itself: no other branch of its collector stands in its way.
            let alone = plan::plan(&[Arc::new(meant)], facts, context);
            match alone.verdicts.into_iter().next() {
                Some((_, Verdict::Active)) => {
                    applicable.push((Arc::clone(collector), *verdict == Verdict::Active));
                }
                // What is said on the connection of the URL holds on the others.
                Some((_, Verdict::Inactive(Why::Discovered))) => {}
                Some((_, Verdict::Inactive(why))) => {
                    if let Some(why) = reason(&why) {
                        self.lacks(collector, &why);
                    }
                }
                Some(_) | None => {}
            }
        }
        applicable
    }

    /// A branch that cannot be asked about on some server. The first reason is the one to tell.
    pub(super) fn lacks(&mut self, collector: &Collector, why: &str) {
        let told = self.lacks.entry(collector.branch.to_string());
        told.or_insert_with(|| why.to_owned());
    }

    /// Notes what a server says to a statement. A console may not show its columns, and what we fail at says nothing.
    pub(super) fn note(
        &mut self,
        collector: &Collector,
        part: Part,
        server: &Server,
        columns: &Result<Option<Vec<ResultColumn>>, Failure>,
    ) {
        let answer = match columns {
            Ok(None) => return,
            Ok(Some(columns)) => Answer::Columns(columns.iter().map(recorded).collect()),
            Err(failure) => match &failure.sqlstate {
                Some(sqlstate) => Answer::Refused {
                    sqlstate: sqlstate.to_string(),
                    position: failure.position,
                },
                None => return,
            },
        };
        let statement = Statement {
            branch: collector.branch.to_string(),
            part,
        };
        let of_statement = self.answers.entry(statement).or_default();
        of_statement.entry(server.clone()).or_default().insert(answer);
    }

    /// Adds it all to a lock.
    fn add_to(&self, lock: &mut Lock, collectors: &[&Collector]) {
        for collector in collectors {
            let predicates = (1..).zip(collector.predicates.iter());
            let predicates = predicates.map(|(number, one)| (Part::Predicate(number), &one.query));
            for (part, sql) in [(Part::Query, &collector.query)].into_iter().chain(predicates) {
                let statement = Statement {
                    branch: collector.branch.to_string(),
                    part,
                };
                let fingerprint = fingerprint(sql, &collector.search_path);
                for (server, answers) in self.answers.get(&statement).into_iter().flatten() {
                    lock.record(statement.clone(), fingerprint, server, accepted(answers));
                }
                if !self.answers.contains_key(&statement) {
                    let why = self.lacks.get(&*collector.branch).map(String::as_str);
                    lock.record_unproven(
                        statement,
                        fingerprint,
                        why.unwrap_or("no server of its versions was asked"),
                    );
                }
            }
            lock.retain_servers(&collector.branch, |server| is_for(collector, server));
        }
    }
}

/// What the databases of a server say: one that takes the statement tells more than one that refuses it.
fn accepted(answers: &BTreeSet<Answer>) -> Vec<Answer> {
    let is_taken = |answer: &&Answer| matches!(answer, Answer::Columns(_));
    let taken: Vec<Answer> = answers.iter().filter(is_taken).cloned().collect();
    if taken.is_empty() {
        answers.iter().cloned().collect()
    } else {
        taken
    }
}

fn recorded(column: &ResultColumn) -> pg_exporter_schema::ResultColumn {
    pg_exporter_schema::ResultColumn {
        name: column.name.to_string(),
        kind: column.type_name(),
    }
}

/// Why a branch is not asked about, without names of databases and exact versions: the lock tells none. `None` where the
/// server is not one that the branch is for.
fn reason(why: &Why) -> Option<String> {
    match why {
        Why::Kind(_) | Why::TooOld { .. } | Why::TooNew { .. } | Why::NotPrimary | Why::NotReplica => None,
        Why::Extension(name, _) => Some(format!("extension {name} is not installed")),
        Why::Schema(name, _) => Some(format!("schema {name} does not exist")),
        why => Some(why.to_string()),
    }
}

/// Whether a branch is for a server of that release.
fn is_for(collector: &Collector, server: &Server) -> bool {
    let step = if server.release < 100_000 { 100 } else { 10_000 };
    server.release < collector.max_version && collector.min_version < server.release + step
}

/// Writes what was recorded into the lock of each directory. What other servers said to the same texts stays.
///
/// # Errors
/// When a lock cannot be read or written.
pub(super) fn write(
    collectors: &[Arc<Collector>],
    paths: &[PathBuf],
    recording: &Recording,
) -> Result<(), Stop> {
    let mut directories: BTreeMap<PathBuf, Vec<&Collector>> = BTreeMap::new();
    for collector in collectors {
        let file = Path::new(&*collector.origin.file);
        let directory = file.parent().unwrap_or(Path::new("")).to_owned();
        directories.entry(directory).or_default().push(collector);
    }
    for (directory, collectors) in directories {
        let file = directory.join(LOCK_FILE);
        let failed = |error: std::io::Error| Stop::failure(format!("{}: {error}", file.display()));
        let before = match fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(failed(error)),
        };
        // What cannot be read of it is recorded anew.
        let (mut lock, _) = Lock::parse(&before, LOCK_FILE);
        recording.add_to(&mut lock, &collectors);
        let is_whole = paths.contains(&directory);
        let find = |branch: &str| collectors.iter().find(|collector| collector.branch == branch);
        lock.retain(|statement| match (find(&statement.branch), statement.part) {
            (Some(collector), Part::Predicate(number)) => number <= collector.predicates.len(),
            (Some(_), Part::Query) => true,
            (None, _) => !is_whole,
        });
        let text = lock.to_text();
        let is_new = text != before;
        if is_new {
            fs::write(&file, text).map_err(failed)?;
        }
        let servers: Vec<String> = recording.servers.iter().map(ToString::to_string).collect();
        tracing::info!(
            file = %file.display(),
            branches = collectors.len(),
            changed = is_new,
            "recorded what was said by {}",
            servers.join(", ")
        );
    }
    Ok(())
}
