//! What would let the role run a statement that the server has denied it, as statements to grant it.
//!
//! Messages are written in the server's language, so they are not read. What the statement mentions is looked up among the
//! server's objects, and so is what the views and functions it uses mention; what the role lacks of it is to be granted.

use std::collections::BTreeSet;
use std::time::Instant;

use pg_exporter_schema::{Mention, mentions};
use postgres_types::{ToSql, Type};

use super::deadline::within;
use super::failure::Failure;
use super::search_path::{SERVERS_DEFAULT, schemas_of};
use super::session::{Session, StatementKey};

const OBJECTS: StatementKey = StatementKey(3);
const ROLES: StatementKey = StatementKey(4);

/// Of what is mentioned: what grants what the role lacks, what the texts of its views are, and of its functions. Schemas of the path
/// count for names without a schema; a view's relations are its owner's matter, unless it asks with the rights of whoever
/// reads it. `$1` schemas, `$2` names, `$3` whether it is called, `$4` the search path, `$5` whether relations count.
const LACKING: &str = "\
WITH mentioned AS (
  SELECT DISTINCT n.oid AS schema_oid, n.nspname, m.name, m.is_call
    FROM (SELECT pg_catalog.unnest($1::pg_catalog.text[]) AS schema, pg_catalog.unnest($2::pg_catalog.text[]) AS name,
                 pg_catalog.unnest($3::pg_catalog.bool[]) AS is_call) AS m
    JOIN pg_catalog.pg_namespace AS n
      ON n.nspname::pg_catalog.text = m.schema
      OR (m.schema = '' AND (n.nspname::pg_catalog.text = ANY ($4::pg_catalog.text[])
                             OR (n.nspname = current_user AND '$user' = ANY ($4::pg_catalog.text[]))))
), relations AS (
  SELECT c.oid, m.schema_oid, m.nspname, c.relname, c.relkind, c.reloptions
    FROM mentioned AS m JOIN pg_catalog.pg_class AS c ON c.relnamespace = m.schema_oid AND c.relname::pg_catalog.text = m.name
   WHERE NOT m.is_call AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
), functions AS (
  SELECT p.oid, m.schema_oid, m.nspname, p.proname, p.proargtypes, p.prosrc, p.prosecdef,
         p.prolang IN (SELECT oid FROM pg_catalog.pg_language WHERE lanname IN ('sql', 'plpgsql')) AS is_text
    FROM mentioned AS m JOIN pg_catalog.pg_proc AS p ON p.pronamespace = m.schema_oid AND p.proname::pg_catalog.text = m.name
   WHERE m.is_call
)
SELECT ARRAY(
         SELECT DISTINCT pg_catalog.format('GRANT USAGE ON SCHEMA %I TO %I;', s.nspname, current_user)
           FROM (SELECT schema_oid, nspname FROM relations WHERE $5 UNION SELECT schema_oid, nspname FROM functions) AS s
          WHERE NOT pg_catalog.has_schema_privilege(s.schema_oid, 'USAGE') ORDER BY 1)
       || ARRAY(
         SELECT pg_catalog.format('GRANT SELECT ON %I.%I TO %I;', nspname, relname, current_user)
           FROM relations WHERE $5 AND NOT pg_catalog.has_table_privilege(oid, 'SELECT') ORDER BY 1)
       || ARRAY(
         SELECT pg_catalog.format('GRANT EXECUTE ON FUNCTION %I.%I(%s) TO %I;', nspname, proname,
                                  pg_catalog.oidvectortypes(proargtypes), current_user)
           FROM functions WHERE NOT pg_catalog.has_function_privilege(oid, 'EXECUTE') ORDER BY 1),
       ARRAY(SELECT pg_catalog.pg_get_viewdef(oid) FROM relations WHERE relkind = 'v'
               AND NOT coalesce(reloptions::pg_catalog.text, '') ~ 'security_invoker=(true|on|1)' ORDER BY oid),
       ARRAY(SELECT pg_catalog.pg_get_viewdef(oid) FROM relations WHERE relkind = 'v'
               AND coalesce(reloptions::pg_catalog.text, '') ~ 'security_invoker=(true|on|1)' ORDER BY oid)
       || ARRAY(SELECT prosrc FROM functions
                 WHERE is_text AND NOT prosecdef AND nspname <> 'pg_catalog' AND prosrc IS NOT NULL ORDER BY oid)";

/// Functions that look for a role themselves, and what they look for.
const ROLE_OF_FUNCTION: [(&str, &str); 6] = [
    ("pg_database_size", "pg_read_all_stats"),
    ("pg_tablespace_size", "pg_read_all_stats"),
    ("pg_read_file", "pg_read_server_files"),
    ("pg_read_binary_file", "pg_read_server_files"),
    ("pg_stat_file", "pg_read_server_files"),
    ("pg_ls_dir", "pg_read_server_files"),
];

/// Of these roles those that there are and that the role is no member of; and what lets it read settings that it does not see.
const LACKING_ROLES: &str = "\
SELECT ARRAY(
  SELECT pg_catalog.format('GRANT %I TO %I;', rolname, current_user) FROM pg_catalog.pg_roles
   WHERE NOT pg_catalog.pg_has_role(oid, 'USAGE')
     AND (rolname::pg_catalog.text = ANY ($1::pg_catalog.text[])
          OR (rolname = 'pg_read_all_settings' AND EXISTS (
                SELECT FROM pg_catalog.unnest($2::pg_catalog.text[]) AS asked (name)
                 WHERE asked.name NOT IN (SELECT pg_catalog.lower(s.name) FROM pg_catalog.pg_settings AS s))))
   ORDER BY 1)";

/// Views of views, and functions that they call: a bound, since there may be circles.
const DEEPEST: usize = 5;

/// A statement that was denied.
#[derive(Clone, Copy, Debug)]
pub struct Denied<'a> {
    /// Its text, as it was sent.
    pub sql: &'a str,
    /// Schemas in which its unqualified names are looked for besides `pg_catalog`; `None` for the role's own.
    pub path: Option<&'a [pg_exporter_schema::Text]>,
}

/// What the statements of one look are about.
#[derive(Default)]
struct Look {
    schemas: Vec<String>,
    names: Vec<String>,
    calls: Vec<bool>,
}

/// The statements that grant what a statement lacks; empty when it cannot be told. Run in the database in which it failed.
///
/// # Errors
/// What the server says, the loss of the connection, or a timeout at the deadline.
pub async fn remedies(
    session: &mut Session,
    denied: Denied<'_>,
    deadline: Instant,
) -> Result<Vec<String>, Failure> {
    let path = path(session, denied, deadline).await?;
    let all = mentions(denied.sql);
    let mut remedies = Vec::new();
    let mut texts = vec![(denied.sql.to_owned(), true)];
    let mut seen = BTreeSet::new();
    for _ in 0..DEEPEST {
        let mut found = Vec::new();
        for with_relations in [true, false] {
            let look = Look::of(&texts, with_relations, &mut seen);
            if !look.names.is_empty() {
                let (grants, views, sources) =
                    lacking(session, &look, &path, with_relations, deadline).await?;
                remedies.extend(grants);
                found.extend(views.into_iter().map(|text| (text, false)));
                found.extend(sources.into_iter().map(|text| (text, with_relations)));
            }
        }
        texts = found;
    }
    if remedies.is_empty() {
        remedies = lacking_roles(session, &all, deadline).await?;
    }
    let mut told = BTreeSet::new();
    remedies.retain(|remedy| told.insert(remedy.clone()));
    Ok(remedies)
}

impl Look {
    /// What these texts mention that nobody has looked at.
    fn of(texts: &[(String, bool)], with_relations: bool, seen: &mut BTreeSet<(Mention, bool)>) -> Self {
        let mut look = Self::default();
        let texts = texts.iter().filter(|(_, relations)| *relations == with_relations);
        for mention in texts.flat_map(|(text, _)| mentions(text)) {
            if !seen.insert((mention.clone(), with_relations)) {
                continue;
            }
            let (schema, name, is_call) = match mention {
                Mention::Name { schema, name } => (schema, name, false),
                Mention::Call { schema, name } => (schema, name, true),
                Mention::Setting(_) => continue,
            };
            look.schemas.push(schema);
            look.names.push(name);
            look.calls.push(is_call);
        }
        look
    }
}

async fn path(session: &mut Session, denied: Denied<'_>, deadline: Instant) -> Result<Vec<String>, Failure> {
    let mut path = vec!["pg_catalog".to_owned()];
    if let Some(given) = denied.path {
        path.extend(given.iter().map(ToString::to_string));
        return Ok(path);
    }
    let limit = deadline.saturating_duration_since(Instant::now());
    let learned = within(deadline, session.learn_role_path(limit)).await;
    learned.unwrap_or_else(|_| Err(silent()))?;
    let of_role = session.limits.role_path.as_deref().unwrap_or(SERVERS_DEFAULT);
    path.extend(schemas_of(of_role));
    Ok(path)
}

type Lacking = (Vec<String>, Vec<String>, Vec<String>);

async fn lacking(
    session: &mut Session,
    look: &Look,
    path: &Vec<String>,
    with_relations: bool,
    deadline: Instant,
) -> Result<Lacking, Failure> {
    let parameters: [(&(dyn ToSql + Sync), Type); 5] = [
        (&look.schemas, Type::TEXT_ARRAY),
        (&look.names, Type::TEXT_ARRAY),
        (&look.calls, Type::BOOL_ARRAY),
        (path, Type::TEXT_ARRAY),
        (&with_relations, Type::BOOL),
    ];
    let row = session
        .one_row_until(OBJECTS, LACKING, &parameters, deadline)
        .await?;
    let texts = |index: usize| row.try_get(index).unwrap_or_default();
    Ok((texts(0), texts(1), texts(2)))
}

async fn lacking_roles(
    session: &mut Session,
    all: &[Mention],
    deadline: Instant,
) -> Result<Vec<String>, Failure> {
    let is_called = |function: &str| {
        let is_it = |mention: &Mention| matches!(mention, Mention::Call { name, .. } if name == function);
        all.iter().any(is_it)
    };
    let looked_for = ROLE_OF_FUNCTION
        .iter()
        .filter(|(function, _)| is_called(function));
    let roles: Vec<&str> = looked_for.map(|(_, role)| *role).collect();
    let settings = all.iter().filter_map(|mention| match mention {
        Mention::Setting(name) => Some(name.as_str()),
        _ => None,
    });
    let settings: Vec<&str> = settings.collect();
    let parameters: [(&(dyn ToSql + Sync), Type); 2] =
        [(&roles, Type::TEXT_ARRAY), (&settings, Type::TEXT_ARRAY)];
    let row = session
        .one_row_until(ROLES, LACKING_ROLES, &parameters, deadline)
        .await?;
    Ok(row.try_get(0).unwrap_or_default())
}

fn silent() -> Failure {
    Failure::timeout("the server did not answer in time")
}
