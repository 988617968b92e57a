//! What others may turn against the role: settings that the owner of a database makes for all sessions in it, and objects that somebody
//! puts where a statement looks for its own.

use std::sync::Arc;

use pg_exporter_schema::Collector as Definition;

use super::asking::{deadline, quoted};
use super::findings::Problem;
use crate::catalog::is_shipped;
use crate::postgres::connect::Endpoint;
use crate::postgres::exposure;
use crate::scrape::{DatabaseOverview, Overview};

pub(super) async fn problems(
    endpoint: &Endpoint,
    overview: &Overview,
    database: &DatabaseOverview,
) -> Vec<Problem> {
    // That the database cannot be connected to is told elsewhere.
    let Ok(mut session) = endpoint.connect(deadline()).await else {
        return Vec::new();
    };
    let name = &database.name;
    let mut problems = Vec::new();
    if session.is_role_refused() {
        problems.push(Problem {
            what: format!(
                "database {name} sets a role for all its sessions, which its owner may do: the exporter's do not take it; what is \
                 meant for the exporter is set by ALTER ROLE"
            ),
            remedies: vec![format!("ALTER DATABASE {} RESET role;", quoted(name))],
        });
    }
    for one in running(overview, database) {
        let what = match exposure::warning(&mut session, one, is_shipped(one), deadline()).await {
            Ok(warning) => warning,
            Err(failure) => Some(format!("cannot be told to be safe from others: {failure}")),
        };
        problems.extend(what.map(|what| Problem {
            what: format!("the statement of {} in {name} {what}", one.branch),
            remedies: Vec::new(),
        }));
    }
    problems
}

/// The definitions that run on a database.
fn running<'a>(overview: &'a Overview, database: &DatabaseOverview) -> Vec<&'a Definition> {
    let runs = |one: &&Arc<Definition>| {
        let mut collectors = database.collectors.iter();
        collectors.any(|collector| *collector.branch == *one.branch)
    };
    overview
        .collectors
        .iter()
        .filter(runs)
        .map(|one| &**one)
        .collect()
}
