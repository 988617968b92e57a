//! Which functions the server denies, to the role or to everybody, and what stands for them in a statement that can do without.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use pg_exporter_schema::Text;
use postgres_types::{ToSql, Type};

use super::deadline::within;
use super::failure::{Failure, Reason};
use super::session::Session;
use crate::catalog::optional_functions;

/// Of these functions of `pg_catalog`: whether each is denied to the role; a query that stands for a call of it wherever a call may
/// stand, with the columns and types of its result, of one row of NULL, or without a row where it returns rows or has columns of its
/// own; and a query that calls it alone, with arguments that name nothing. There is none of the latter for a function that is denied, and
/// for one of a site's own (not in `$2`) that may do something to what its arguments name. It is asked only when the server has denied something.
const STATEMENT: &str = "\
WITH asked AS (
  SELECT p.oid, p.proname::pg_catalog.text AS name, p.proretset, p.prorettype, p.proallargtypes, p.proargmodes, p.proargnames,
         p.proargtypes, p.pronargs, p.provolatile, pg_catalog.has_function_privilege(p.oid, 'EXECUTE') AS is_allowed
    FROM pg_catalog.pg_proc AS p JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
   WHERE n.nspname = 'pg_catalog' AND p.proname = ANY ($1::pg_catalog.name[])
), called AS (
  SELECT d.*, (
         SELECT ARRAY[pg_catalog.count(*)::pg_catalog.text, pg_catalog.string_agg(
                  pg_catalog.format('%L::pg_catalog.%I', v.value, a.typname), ', ' ORDER BY place)]
           FROM pg_catalog.generate_subscripts(d.proargtypes, 1) AS place
           JOIN pg_catalog.pg_type AS a ON a.oid = d.proargtypes[place]
           JOIN (VALUES ('text', ''), ('name', ''), ('bool', 'f'), ('pg_lsn', '0/0'), ('oid', '0'), ('regclass', '0'),
                        ('int2', '0'), ('int4', '0'), ('int8', '0')) AS v (type, value) ON v.type = a.typname
         ) AS given
    FROM asked AS d
), known AS (
  SELECT d.oid, d.name, d.is_allowed,
         CASE WHEN d.proargmodes IS NULL OR NOT d.proargmodes::pg_catalog.text[] && ARRAY['o', 'b', 't'] THEN
           pg_catalog.format('SELECT NULL::pg_catalog.%I AS %I', t.typname, d.name)
             || CASE WHEN d.proretset THEN ' WHERE false' ELSE '' END
         ELSE 'SELECT ' || pg_catalog.array_to_string(ARRAY(
              SELECT pg_catalog.format('NULL::pg_catalog.%I AS %I', a.typname, d.proargnames[place])
                FROM pg_catalog.generate_subscripts(d.proargmodes, 1) AS place
                JOIN pg_catalog.pg_type AS a ON a.oid = d.proallargtypes[place]
               WHERE d.proargmodes[place]::pg_catalog.text IN ('o', 'b', 't')
               ORDER BY place), ', ') || ' WHERE false'
         END AS instead,
         CASE WHEN d.is_allowed AND d.given[1] = d.pronargs::pg_catalog.text
                   AND (d.pronargs = 0 OR d.provolatile <> 'v' OR d.name = ANY ($2::pg_catalog.text[])) THEN
           pg_catalog.format('SELECT EXISTS (SELECT 1 FROM pg_catalog.%I(%s))', d.name, d.given[2])
         ELSE '' END AS call
    FROM called AS d JOIN pg_catalog.pg_type AS t ON t.oid = d.prorettype
)
SELECT ARRAY(SELECT name FROM known ORDER BY oid), ARRAY(SELECT is_allowed FROM known ORDER BY oid),
       ARRAY(SELECT instead FROM known ORDER BY oid), ARRAY(SELECT call FROM known ORDER BY oid)";

/// Less time than this is not worth a trial.
const SHORTEST: Duration = Duration::from_millis(20);

/// Functions that a statement does without.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Without {
    /// The role may not execute them.
    pub denied: Vec<String>,
    /// The server raises an error whoever calls them: it does not have what they tell.
    pub refused: Vec<String>,
}

impl Without {
    /// Whether it is whole.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.denied.len() + self.refused.len()
    }

    /// Whether it is one of them.
    #[must_use]
    pub fn has(&self, function: &str) -> bool {
        self.denied.iter().chain(&self.refused).any(|one| one == function)
    }
}

/// Which functions are called to see whether the server raises an error for them: that is one in its log for each that does.
#[derive(Clone, Debug)]
pub(crate) enum Trial<'a> {
    /// Those that it raised one for before.
    Of(BTreeSet<&'a str>),
    /// All: it raised one for a statement.
    All,
}

impl Trial<'_> {
    fn has(&self, function: &str) -> bool {
        match self {
            Self::Of(functions) => functions.contains(function),
            Self::All => true,
        }
    }
}

/// What is denied, with what stands for each.
#[derive(Debug, Default)]
pub(crate) struct Denied {
    denied: BTreeMap<String, String>,
    /// With the SQLSTATE that the server raises.
    refused: BTreeMap<String, (String, Box<str>)>,
}

impl Denied {
    /// Those of the functions that a statement can do without, which had been without some and has failed with that SQLSTATE, if it has. A
    /// function that raises another one is none that it called: on a standby that is so for what only a primary tells.
    pub(crate) fn of(&self, optional: &[Text], before: &Without, code: Option<&str>) -> Without {
        let is_asked = |name: &&String| optional.iter().any(|one| **one == ***name);
        let refused = self.refused.iter().filter(|(name, (_, raised))| {
            before.refused.contains(name) || code.is_some_and(|code| *code == **raised)
        });
        Without {
            denied: self.denied.keys().filter(is_asked).cloned().collect(),
            refused: refused.map(|(name, _)| name).filter(is_asked).cloned().collect(),
        }
    }

    /// What stands for a call of it.
    pub(crate) fn instead(&self, function: &str) -> Option<&str> {
        let refused = || self.refused.get(function).map(|(instead, _)| instead);
        self.denied.get(function).or_else(refused).map(String::as_str)
    }
}

/// Asks which of them the role may not execute, which of them the server raises an error for, and what may stand for each.
///
/// # Errors
/// What the server says, the loss of the connection, or a timeout at the deadline.
pub(crate) async fn read(
    session: &mut Session,
    functions: &[&str],
    trial: &Trial<'_>,
    deadline: Instant,
) -> Result<Denied, Failure> {
    let told = within(deadline, ask(session, functions, trial, deadline)).await;
    told.unwrap_or_else(|_| Err(Failure::timeout("the server did not tell in time what it denies")))
}

async fn ask(
    session: &mut Session,
    functions: &[&str],
    trial: &Trial<'_>,
    deadline: Instant,
) -> Result<Denied, Failure> {
    let harmless = optional_functions();
    let parameters: [(&(dyn ToSql + Sync), Type); 2] =
        [(&functions, Type::NAME_ARRAY), (&harmless, Type::TEXT_ARRAY)];
    let limit = deadline.saturating_duration_since(Instant::now());
    let row = session.one_row(None, STATEMENT, &parameters, limit).await?;
    let unreadable = |_| Failure::new(Reason::Other, "the server's answer has an unexpected form");
    let texts = |index: usize| row.try_get::<_, Vec<String>>(index).map_err(unreadable);
    let allowed: Vec<bool> = row.try_get(1).map_err(unreadable)?;
    let mut denied = Denied::default();
    let functions = texts(0)?.into_iter().zip(texts(2)?).zip(allowed).zip(texts(3)?);
    for (((name, instead), is_allowed), call) in functions {
        if !is_allowed {
            denied.denied.insert(name, instead);
        } else if !call.is_empty()
            && trial.has(&name)
            && let Some(code) = refusal(session, &call, deadline).await?
        {
            denied.refused.insert(name, (instead, code));
        }
    }
    // Of a function that there is in several forms one may be denied, and another one refused.
    let Denied {
        denied: lacking,
        refused,
    } = &mut denied;
    refused.retain(|name, _| !lacking.contains_key(name));
    Ok(denied)
}

/// With what SQLSTATE the server refuses the call, if it does so whoever asks.
async fn refusal(session: &mut Session, call: &str, deadline: Instant) -> Result<Option<Box<str>>, Failure> {
    // The server's limit comes first: the session is of use then.
    let limit = deadline.saturating_duration_since(Instant::now()) * 3 / 4;
    if limit < SHORTEST {
        return Ok(None);
    }
    match session.one_row(None, call, &[], limit).await {
        Err(failure) if failure.is_unsupported() => Ok(failure.sqlstate),
        Err(lost) if lost.sqlstate.is_none() || lost.ends_session() => Err(lost),
        Ok(_) | Err(_) => Ok(None),
    }
}
