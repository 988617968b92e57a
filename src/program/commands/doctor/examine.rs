//! Asks the target.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use super::asking::{deadline, quoted};
use super::extensions::Look;
use super::findings::{Collector, Connections, Findings, Problem};
use super::others;
use crate::catalog::Live;
use crate::catalog::facts::Kind;
use crate::catalog::facts::{Facts, Wanted};
use crate::catalog::plan::Verdict;
use crate::catalog::{extension_schema, is_shipped, superseded};
use crate::postgres::connect::Endpoint;
use crate::postgres::facts;
use crate::postgres::failure::{Failure, Reason};
use crate::postgres::identity;
use crate::postgres::identity::Identity;
use crate::postgres::remedies::{Denied, remedies};
use crate::postgres::room::Room;
use crate::postgres::session::Session;
use crate::program::commands;
use crate::program::commands::scraped;
use crate::program::setup::Setup;
use crate::program::stop::Stop;
use crate::scrape::overview::duration;
use crate::scrape::{CollectorOverview, DatabaseOverview, Overview, Selection};

/// From this difference of the clocks on, lags and ages on the page are off by more than a scrape interval may hide.
const LARGEST_SKEW: f64 = 2.0;

pub(super) fn target(setup: &Setup) -> Result<Findings, Stop> {
    let endpoint = setup.endpoint()?;
    let catalog = setup.catalog()?;
    let unreachable = |failure: Failure| Stop::failure(format!("the target cannot be reached: {failure}"));
    let runtime = commands::runtime()?;
    let (mut session, facts) = runtime.block_on(first_look(&endpoint)).map_err(unreachable)?;
    let (_, overview) = scraped(setup, Arc::clone(&catalog), Selection::default())?;
    let live = catalog.live();
    runtime.block_on(async {
        let identity = match session.kind() {
            Kind::Pgbouncer => None,
            Kind::Postgres | Kind::Pooled => Some(
                identity::read(&mut session, deadline())
                    .await
                    .map_err(unreachable)?,
            ),
        };
        let mut findings = findings(&facts, identity.as_ref(), &overview);
        findings.connections = connections(setup, &endpoint, &mut session, overview.databases.len()).await;
        findings.problems.extend(
            superseded(setup.base(), live.collectors.iter().map(AsRef::as_ref)).map(|what| Problem {
                what,
                remedies: Vec::new(),
            }),
        );
        findings
            .problems
            .extend(role(setup, &endpoint, identity.as_ref()));
        let of_results = overview.problems.iter().map(|what| Problem {
            what: what.clone(),
            remedies: Vec::new(),
        });
        findings.problems.extend(of_results);
        let mut of_server = None;
        for (at, database) in overview.databases.iter().enumerate() {
            let endpoint = if at == 0 {
                endpoint.clone()
            } else {
                endpoint.with_database(&database.name)
            };
            let extensions = match identity {
                Some(_) => Look::at(&endpoint, &live, of_server.as_ref()).await,
                None => Look::default(),
            };
            findings
                .problems
                .extend(failures(&endpoint, database, &live, identity.is_some(), &extensions).await);
            findings.advice.extend(extensions.advice(&overview, database));
            of_server.get_or_insert(extensions);
            if identity.is_some() {
                let of_others = others::problems(&endpoint, &overview, database).await;
                findings.problems.extend(of_others);
            }
        }
        if facts.in_recovery {
            findings.send_to_the_primary();
        }
        Ok(findings)
    })
}

/// What is installed on the URL's database and proven on other versions than its own.
fn unproven(overview: &Overview) -> Vec<String> {
    let Some(main) = overview.databases.first() else {
        return Vec::new();
    };
    let planned = overview.collectors.iter().zip(&main.verdicts);
    let active = planned.filter(|(_, verdict)| *verdict == &Some(Verdict::Active));
    let elsewhere = active.filter(|(collector, _)| !collector.is_proven(main.version));
    elsewhere
        .filter_map(|(collector, _)| {
            Some(format!(
                "{} (proven {})",
                collector.branch,
                collector.proof(main.version)?
            ))
        })
        .collect()
}

async fn first_look(endpoint: &Endpoint) -> Result<(Session, Facts), Failure> {
    let mut session = endpoint.connect(deadline()).await?;
    let facts = facts::read(&mut session, &Wanted::default(), true, deadline()).await?;
    Ok((session, facts))
}

fn findings(facts: &Facts, identity: Option<&Identity>, overview: &Overview) -> Findings {
    let collectors = overview.databases.iter().flat_map(|database| {
        let collector = |collector| cost(database, collector);
        database.collectors.iter().map(collector)
    });
    let mut collectors: Vec<_> = collectors.collect();
    collectors.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
    let known = identity.cloned().unwrap_or_default();
    let is_pgbouncer = identity.is_none();
    Findings {
        version: facts.version,
        server: if is_pgbouncer {
            "pgbouncer".to_owned()
        } else {
            known.version
        },
        flavour: if is_pgbouncer {
            "pgbouncer".to_owned()
        } else {
            facts.flavour.to_string()
        },
        server_role: if facts.in_recovery { "replica" } else { "primary" },
        role: known.role,
        is_superuser: known.is_superuser,
        extensions: known.extensions,
        clock_skew_seconds: identity.map(|identity| identity.clock_skew),
        connections: None,
        databases: overview
            .databases
            .iter()
            .map(|database| database.name.clone())
            .collect(),
        unproven: unproven(overview),
        collectors,
        problems: Vec::new(),
        advice: Vec::new(),
    }
}

/// How many connections scrapes and health may have, and why. Where the server cannot tell, what the settings say.
async fn connections(
    setup: &Setup,
    endpoint: &Endpoint,
    session: &mut Session,
    databases: usize,
) -> Option<Connections> {
    let (cap, besides) = (endpoint.permits().cap(), Room::besides(endpoint.permits()));
    let room = Room::read(session, Duration::from_secs(1)).await.ok().flatten();
    let most = match room {
        Some(room) if !setup.settings.max_connections_given => {
            // Those of the role are taken for those of the exporter that runs.
            let ours = usize::try_from(room.taken_by_role).unwrap_or_default();
            room.share(room.others(0), ours, cap, databases + besides)
        }
        _ => cap,
    };
    Some(Connections {
        most,
        is_given: setup.settings.max_connections_given,
        usable: room.map(|room| room.usable),
        taken: room.map(|room| room.taken),
        anew: (databases + besides).saturating_sub(most),
    })
}

fn cost(database: &DatabaseOverview, collector: &CollectorOverview) -> Collector {
    Collector {
        name: collector.name.clone(),
        database: database.name.clone(),
        state: collector.state,
        seconds: collector.duration,
        series: collector.series,
    }
}

/// What is wrong with the role and the clock, apart from any collector.
fn role(setup: &Setup, endpoint: &Endpoint, identity: Option<&Identity>) -> Vec<Problem> {
    let Some(identity) = identity else {
        return Vec::new();
    };
    let mut problems = Vec::new();
    if identity.is_monitor == Some(false) && !identity.is_superuser {
        problems.push(Problem {
            what: format!(
                "role {} lacks pg_monitor: of other roles' sessions and statements it sees little, and no error says so",
                identity.role
            ),
            remedies: vec![format!("GRANT pg_monitor TO {};", quoted(&identity.role))],
        });
    }
    let wanted = setup.wants(endpoint);
    for (name, remedy) in identity.locked.iter().filter(|(name, _)| wanted(name)) {
        problems.push(Problem {
            what: format!("database {name} is not scraped: the role may not connect to it"),
            remedies: vec![remedy.clone()],
        });
    }
    for (function, remedy) in &identity.denied {
        problems.push(Problem {
            what: format!("the role may not call {function}: what it tells is missing from the page"),
            remedies: vec![remedy.clone()],
        });
    }
    if identity.clock_skew.abs() > LARGEST_SKEW {
        let skew = Duration::try_from_secs_f64(identity.clock_skew.abs()).unwrap_or_default();
        let side = if identity.clock_skew > 0.0 {
            "ahead of"
        } else {
            "behind"
        };
        problems.push(Problem {
            what: format!(
                "the server's clock is {} {side} this machine's: ages and times on the page differ by that",
                duration(skew)
            ),
            remedies: Vec::new(),
        });
    }
    problems
}

/// What failed on one database, each with the statements that grant what it lacks.
async fn failures(
    endpoint: &Endpoint,
    database: &DatabaseOverview,
    live: &Live,
    may_ask: bool,
    extensions: &Look,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    let name = &database.name;
    let failed: Vec<_> = database
        .collectors
        .iter()
        .filter(|one| matches!(one.state, "failed" | "paused"))
        .collect();
    if let Some(error) = database.error.as_ref().filter(|_| failed.is_empty()) {
        problems.push(Problem {
            what: format!("database {name} cannot be scraped: {error}"),
            remedies: Vec::new(),
        });
    }
    let mut grants = match may_ask && failed.iter().any(|one| may_lack_a_grant(one)) {
        true => Grants::ask(endpoint, live).await.ok(),
        false => None,
    };
    for collector in failed {
        let Some(failure) = &collector.last_error else {
            continue;
        };
        let mut remedies = match &mut grants {
            Some(grants) if may_lack_a_grant(collector) => grants.of(&collector.branch).await,
            _ => Vec::new(),
        };
        let definition = live
            .collectors
            .iter()
            .find(|one| *one.branch == *collector.branch);
        if let Some(definition) = definition.filter(|_| remedies.is_empty() && says_no(failure.reason)) {
            remedies = extensions.remedies(definition);
        }
        problems.push(Problem {
            what: format!("collector {} fails in {name}: {failure}", collector.name),
            remedies,
        });
    }
    problems
}

/// Whether it failed for want of a privilege: on an object, or on the schema that hides it.
fn may_lack_a_grant(collector: &CollectorOverview) -> bool {
    collector
        .last_error
        .as_ref()
        .is_some_and(|error| matches!(error.reason, Reason::Permission | Reason::MissingObject))
}

/// Whether the server has answered, and the answer is that it cannot be done.
fn says_no(reason: Reason) -> bool {
    !matches!(
        reason,
        Reason::Timeout | Reason::LockTimeout | Reason::Connection | Reason::TooLarge
    )
}

/// Asks a database what collectors lack there.
struct Grants<'a> {
    session: Session,
    facts: Facts,
    live: &'a Live,
}

impl<'a> Grants<'a> {
    async fn ask(endpoint: &Endpoint, live: &'a Live) -> Result<Self, Failure> {
        let mut session = endpoint.connect(deadline()).await?;
        let facts = facts::read(&mut session, &live.wanted, false, deadline()).await?;
        Ok(Self { session, facts, live })
    }

    /// The statements that grant what a branch lacks. That it cannot be told is no reason to hide the problem.
    async fn of(&mut self, branch: &str) -> Vec<String> {
        let Some(collector) = self.live.collectors.iter().find(|one| one.branch == branch) else {
            return Vec::new();
        };
        let predicates = collector.predicates.iter().map(|predicate| &predicate.query);
        let statements = predicates.chain([&collector.query]).map(|sql| {
            extension_schema::replaced(sql, &self.facts).map_or_else(|_| sql.to_string(), Cow::into_owned)
        });
        let sql = statements.collect::<Vec<_>>().join(";\n");
        let denied = Denied {
            sql: &sql,
            path: match (&*collector.search_path, is_shipped(collector)) {
                ([], false) => None,
                (schemas, _) => Some(schemas),
            },
        };
        remedies(&mut self.session, denied, deadline())
            .await
            .unwrap_or_default()
    }
}
