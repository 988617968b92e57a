//! Prepares statements on a server and compares their results with the definitions. Nothing is executed, but for pgbouncer,
//! whose console knows no preparation.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pg_exporter_schema::{Collector, Diagnostic, Part, Server, Severity};
use tokio::time::timeout_at;

use super::place::{Files, Position};
use super::record::{self, Recording, recorded_server};
use super::unfit::Unfit;
use crate::catalog::Live;
use crate::catalog::facts::Facts;
use crate::catalog::facts::Kind;
use crate::catalog::plan;
use crate::catalog::plan::Context;
use crate::catalog::{extension_schema, is_shipped};
use crate::postgres::connect::Endpoint;
use crate::postgres::exposure;
use crate::postgres::facts;
use crate::postgres::failure::{Failure, Reason};
use crate::postgres::pipeline;
use crate::postgres::pipeline::QueryRequest;
use crate::postgres::rows::ResultColumn;
use crate::postgres::search_path::SearchPath;
use crate::postgres::session::{Session, StatementKey};
use crate::program::commands;
use crate::program::setup::Setup;
use crate::program::stop::Stop;
use crate::scrape::Mismatch;

/// What a database may take for all of it.
const PATIENCE: Duration = Duration::from_secs(60);

/// What servers said.
pub(super) struct Answers {
    /// What is wrong with collectors that would be installed there.
    pub(super) findings: Vec<Diagnostic>,
    /// What is to be recorded, of all that could be.
    pub(super) recording: Recording,
}

/// Asks every server that the command line names about the collectors that would be installed there: in the database of the
/// URL, and in those that would be discovered.
///
/// A discovered database that cannot be asked is a warning, and the others are asked all the same.
///
/// # Errors
/// When a server cannot be asked.
pub(super) fn ask(
    setup: &Setup,
    collectors: &[Arc<Collector>],
    records: bool,
    is_strict: bool,
) -> Result<Answers, Stop> {
    let live = Live::new(collectors.iter().map(|collector| (**collector).clone()));
    let mut inspection = Inspection {
        setup,
        live,
        is_strict,
        files: Files::default(),
        found: Vec::new(),
        unfit: Unfit::default(),
        place: String::new(),
        recording: records.then(Recording::default),
    };
    let unreachable =
        |failure: Failure| Stop::failure(format!("the server of --url cannot be asked: {failure}"));
    let runtime = commands::runtime()?;
    for url in &setup.settings.urls {
        let endpoint = setup.endpoint_of(url)?;
        runtime.block_on(async {
            let facts = inspection.database(&endpoint, false).await.map_err(unreachable)?;
            for name in setup.discovered(&endpoint, &facts) {
                // One that refuses says nothing about the others.
                if let Err(failure) = inspection.database(&endpoint.with_database(&name), true).await {
                    inspection.left_out(&name, &failure);
                }
            }
            Ok::<_, Stop>(())
        })?;
    }
    let mut found = inspection.found;
    found.extend(inspection.unfit.into_findings());
    found.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
    found.dedup();
    Ok(Answers {
        findings: found,
        recording: inspection.recording.unwrap_or_default(),
    })
}

struct Inspection<'a> {
    setup: &'a Setup,
    live: Live,
    /// Whether it counts what others may do to statements.
    is_strict: bool,
    files: Files,
    found: Vec<Diagnostic>,
    unfit: Unfit,
    /// Where that is not plain: ` in database x` of a discovered one, ` on PostgreSQL 14 (standby)` of several servers.
    place: String,
    /// What is recorded, if anything is.
    recording: Option<Recording>,
}

impl Inspection<'_> {
    /// Looks at the collectors that are installed on one database.
    async fn database(&mut self, endpoint: &Endpoint, discovered: bool) -> Result<Facts, Failure> {
        let deadline = Instant::now() + PATIENCE;
        let mut session = endpoint.connect(deadline).await?;
        let facts = facts::read(&mut session, &self.live.wanted, !discovered, deadline).await?;
        let context = Context {
            kind: session.kind(),
            discovered,
            tags: self.setup.tags(),
            skips: Arc::default(),
        };
        self.place = if discovered {
            format!(" in database {}", facts.database)
        } else {
            String::new()
        };
        if self.setup.settings.urls.len() > 1 {
            let server = recorded_server(&facts, context.kind, &[]);
            self.place.push_str(&format!(" on {server}"));
        }
        let plan = plan::plan(&self.live.collectors, &facts, &context);
        self.unfit.note(&plan);
        let mut wanted: Vec<(Arc<Collector>, bool)> = plan
            .installed()
            .map(|collector| (Arc::clone(collector), true))
            .collect();
        if let Some(recording) = &mut self.recording {
            wanted = recording.applicable(&plan, &facts, &context);
        }
        // What cannot be replaced keeps a collector from being installed.
        let text = |sql: &str| {
            extension_schema::replaced(sql, &facts).map_or_else(|_| sql.to_owned(), Cow::into_owned)
        };
        for (collector, is_installed) in &wanted {
            let path = SearchPath::of(collector, !is_shipped(collector));
            if path.is_of_role() {
                session.learn_role_path(PATIENCE).await?;
            }
            let server = recorded_server(&facts, context.kind, &record::extensions(collector));
            for (number, predicate) in (1..).zip(collector.predicates.iter()) {
                let columns = columns(&mut session, &text(&predicate.query), path, deadline).await;
                self.note(collector, Part::Predicate(number), &server, &columns);
                if *is_installed {
                    self.predicate(collector, columns)?;
                }
            }
            let columns = columns(&mut session, &text(&collector.query), path, deadline).await;
            let columns = columns.map_err(|failure| in_definition(failure, &collector.query, &facts));
            // What a predicate rules out on this server need not run on it.
            if columns.is_err() && is_ruled_out(&mut session, collector, text).await {
                if let Some(recording) = &mut self.recording {
                    recording.lacks(collector, "its predicate does not hold");
                }
                continue;
            }
            self.note(collector, Part::Query, &server, &columns);
            if *is_installed {
                self.query(collector, columns)?;
                if self.is_strict && session.kind() != Kind::Pgbouncer {
                    let is_shipped = is_shipped(collector);
                    let warning = exposure::warning(&mut session, collector, is_shipped, deadline).await?;
                    self.exposure(collector, warning);
                }
            }
        }
        Ok(facts)
    }

    /// A database cannot be asked, or not to the end.
    fn left_out(&mut self, name: &str, failure: &Failure) {
        self.unfit.leave_out(name);
        self.found.push(Diagnostic {
            file: "--url".to_owned(),
            line: 0,
            column: 0,
            severity: Severity::Warning,
            message: format!("database {name} cannot be asked, statements are not checked there: {failure}"),
        });
    }

    /// Notes what the server says, where that is recorded.
    fn note(
        &mut self,
        collector: &Collector,
        part: Part,
        server: &Server,
        columns: &Result<Option<Vec<ResultColumn>>, Failure>,
    ) {
        if let Some(recording) = &mut self.recording {
            recording.note(collector, part, server, columns);
        }
    }

    fn predicate(
        &mut self,
        collector: &Collector,
        columns: Result<Option<Vec<ResultColumn>>, Failure>,
    ) -> Result<(), Failure> {
        let place = Position {
            line: collector.origin.line.max(1),
            column: 1,
        };
        match columns {
            Err(failure) => self.refused(collector, "a predicate", place, failure),
            Ok(columns) => {
                let is_boolean =
                    |columns: &Vec<ResultColumn>| columns.iter().map(ResultColumn::type_name).eq(["bool"]);
                if !columns.as_ref().is_none_or(is_boolean) {
                    let message = format!(
                        "a predicate of `{}` must return one column of type boolean",
                        collector.branch
                    );
                    self.add(collector, place, Severity::Error, &message);
                }
                Ok(())
            }
        }
    }

    fn query(
        &mut self,
        collector: &Collector,
        columns: Result<Option<Vec<ResultColumn>>, Failure>,
    ) -> Result<(), Failure> {
        match columns {
            Err(failure) => {
                let place = match failure.position {
                    Some(position) => self.files.in_query(collector, position),
                    None => Position {
                        line: collector.origin.query_line.max(1),
                        column: 1,
                    },
                };
                return self.refused(collector, "the query", place, failure);
            }
            Ok(None) => {}
            Ok(Some(columns)) => self.compare(collector, &columns),
        }
        Ok(())
    }

    fn exposure(&mut self, collector: &Collector, warning: Option<String>) {
        if let Some(warning) = warning {
            let place = Position {
                line: collector.origin.query_line.max(1),
                column: 1,
            };
            let message = format!("the statement of `{}` {warning}", collector.branch);
            self.add(collector, place, Severity::Warning, &message);
        }
    }

    /// A statement that the server refuses is a finding; a connection that is gone ends the check.
    fn refused(
        &mut self,
        collector: &Collector,
        what: &str,
        place: Position,
        failure: Failure,
    ) -> Result<(), Failure> {
        if failure.reason == Reason::Connection || failure.sqlstate.is_none() {
            return Err(failure);
        }
        let message = format!("the server refuses {what} of `{}`: {failure}", collector.branch);
        self.add(collector, place, Severity::Error, &message);
        Ok(())
    }

    fn compare(&mut self, collector: &Collector, columns: &[ResultColumn]) {
        let misfit = Mismatch::between(collector, columns);
        for column in misfit.missing {
            let name = &column.column;
            let place = self.files.of_column(collector, name);
            let message = format!(
                "the result of `{}` has no column `{name}`; select it, or remove it here",
                collector.branch
            );
            self.add(collector, place, Severity::Error, &message);
        }
        for (column, found) in misfit.no_numbers {
            let (name, kind) = (&column.column, found.type_name());
            let place = self.files.of_column(collector, name);
            let message = format!(
                "column `{name}` of `{}` is of type {kind}, which is no number; cast it in the query",
                collector.branch
            );
            self.add(collector, place, Severity::Error, &message);
        }
        for column in misfit.extra {
            let name = &column.name;
            let place = Position {
                line: collector.origin.query_line.max(1),
                column: 1,
            };
            let message = format!(
                "the result of `{}` has a column `{name}` that `metrics` does not list; list it, or select less",
                collector.branch
            );
            self.add(collector, place, Severity::Warning, &message);
        }
    }

    fn add(&mut self, collector: &Collector, place: Position, severity: Severity, message: &str) {
        let Position { line, column } = place;
        let message = format!("{message}{}", self.place);
        self.found.push(Diagnostic {
            file: collector.origin.file.to_string(),
            line,
            column,
            severity,
            message,
        });
    }
}

/// Whether one of the collector's predicates does not hold on the server, as far as the server tells.
async fn is_ruled_out(session: &mut Session, collector: &Collector, text: impl Fn(&str) -> String) -> bool {
    if session.kind() == Kind::Pgbouncer {
        return false;
    }
    for predicate in collector.predicates.iter() {
        let row = session
            .one_row(None, &text(&predicate.query), &[], PATIENCE)
            .await;
        if row.is_ok_and(|row| row.try_get(0).is_ok_and(|holds: bool| !holds)) {
            return true;
        }
    }
    false
}

/// The same, at its place in the definition rather than in what was sent.
fn in_definition(mut failure: Failure, sql: &str, facts: &Facts) -> Failure {
    failure.position = failure
        .position
        .map(|position| extension_schema::position_in_definition(sql, facts, position));
    failure
}

/// The columns of a statement's result; `None` where they cannot be known.
async fn columns(
    session: &mut Session,
    sql: &str,
    path: SearchPath<'_>,
    deadline: Instant,
) -> Result<Option<Vec<ResultColumn>>, Failure> {
    if session.kind() != Kind::Pgbouncer {
        return session.describe(sql, path, deadline).await.map(Some);
    }
    let orders = [QueryRequest {
        key: StatementKey(u64::MAX),
        sql,
        timeout: PATIENCE,
        path,
        is_timed: false,
    }];
    let mut flights = pipeline::send(session, &orders, deadline).await;
    let Some(mut flight) = flights.pop_front() else {
        return Ok(None);
    };
    let first = async {
        let mut rows = flight.rows().await?;
        rows.next().await?;
        Ok(rows.columns().map(<[ResultColumn]>::to_vec))
    };
    timeout_at(deadline.into(), first)
        .await
        .unwrap_or_else(|_| Err(Failure::timeout("no answer in time")))
}
