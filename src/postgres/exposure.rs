//! Who else may put something where a statement's names are looked for: what they create there may run as our role.

use std::time::Instant;

use pg_exporter_schema::{Collector, Tag, Text};
use postgres_types::Type;

use super::deadline::within;
use super::failure::{Failure, Reason};
use super::search_path;
use super::search_path::SearchPath;
use super::session::Session;

/// How far a statement of a site is open to others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Exposure {
    role: String,
    is_superuser: bool,
    /// Whether names are looked for where the role finds them, for want of another word.
    is_of_role: bool,
    /// Schemas of the path in which others may create, each with who they are.
    schemas: Vec<String>,
}

/// Of each schema of a path who may create in it: anybody, or some roles that are neither ours nor superusers. One that is not
/// there yet is open to whoever may create schemas in the database.
const STATEMENT: &str = "\
SELECT current_user::pg_catalog.text,
       (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user),
       ARRAY(
SELECT pg_catalog.format(CASE WHEN s.oid IS NULL THEN 'schema %I, which is not there and which %s may create'
                              ELSE 'schema %I, in which %s may create objects' END, s.name, s.who)
  FROM (SELECT p.place, p.name, n.oid,
               CASE WHEN CASE WHEN n.oid IS NULL
                              THEN pg_catalog.has_database_privilege('public'::pg_catalog.name, d.oid, 'CREATE'::pg_catalog.text)
                              ELSE pg_catalog.has_schema_privilege('public'::pg_catalog.name, n.oid, 'CREATE'::pg_catalog.text) END
                    THEN 'anybody'
                    ELSE (SELECT pg_catalog.string_agg(r.text, ', '::pg_catalog.text)
                            FROM (SELECT pg_catalog.format('role %I', rolname) AS text
                                    FROM pg_catalog.pg_roles
                                   WHERE NOT rolsuper AND rolname <> current_user
                                     AND rolname !~ '^pg_'::pg_catalog.text
                                     AND CASE WHEN n.oid IS NULL
                                              THEN pg_catalog.has_database_privilege(oid, d.oid, 'CREATE'::pg_catalog.text)
                                              ELSE pg_catalog.has_schema_privilege(oid, n.oid, 'CREATE'::pg_catalog.text) END
                                   ORDER BY rolname LIMIT 3) r) END AS who
          FROM pg_catalog.unnest($1::pg_catalog.name[]) WITH ORDINALITY p(name, place)
          JOIN pg_catalog.pg_database d ON d.datname = pg_catalog.current_database()
          LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = p.name
         WHERE p.name !~ '^pg_'::pg_catalog.text) s
 WHERE s.who IS NOT NULL
 ORDER BY s.place)";

/// The path that a pooled session has by itself.
const OF_SESSION: &str =
    "SELECT reset_val FROM pg_catalog.pg_settings WHERE name = 'search_path'::pg_catalog.text";

/// What to tell of how far a definition's statement is open to others; none where it is not. Not for pgbouncer's console.
///
/// What is shipped writes names in full. But some of it, where it is switched on, reads what a site has made: by a path, or in schemas
/// that its tags name.
///
/// # Errors
/// What the server says, the loss of the connection, or a timeout at the deadline.
pub async fn warning(
    session: &mut Session,
    collector: &Collector,
    is_shipped: bool,
    deadline: Instant,
) -> Result<Option<String>, Failure> {
    let path = SearchPath::of(collector, !is_shipped);
    if !is_shipped {
        return Ok(read(session, path, deadline).await?.warning());
    }
    let of_tags: Vec<Text> = collector.tags.iter().filter_map(schema_of).collect();
    let schemas = match path {
        SearchPath::Defined { schemas, .. } if !schemas.is_empty() => schemas,
        _ => &*of_tags,
    };
    if schemas.is_empty() {
        return Ok(None);
    }
    let path = SearchPath::Defined {
        schemas,
        settings: &[],
        is_of_role: false,
    };
    Ok(read(session, path, deadline).await?.warning_of_shipped())
}

fn schema_of(tag: &Tag) -> Option<Text> {
    match tag {
        Tag::Schema(name) => Some(name.clone()),
        _ => None,
    }
}

async fn read(session: &mut Session, path: SearchPath<'_>, deadline: Instant) -> Result<Exposure, Failure> {
    let asked = ask(session, path, deadline);
    within(deadline, asked)
        .await
        .unwrap_or_else(|_| Err(Failure::timeout("the server did not answer in time")))
}

async fn ask(session: &mut Session, path: SearchPath<'_>, deadline: Instant) -> Result<Exposure, Failure> {
    let limit = deadline.saturating_duration_since(Instant::now());
    let is_of_role = path.is_of_role();
    let text = match path {
        SearchPath::Defined { schemas, .. } if !schemas.is_empty() => {
            pg_exporter_schema::search_path(schemas)
        }
        _ if is_of_role => {
            session.learn_role_path(limit).await?;
            match session.limits.role_path.clone() {
                Some(path) => path,
                None => get(&session.one_row(None, OF_SESSION, &[], limit).await?, 0)?,
            }
        }
        _ => search_path::SAFE.to_owned(),
    };
    let user: String = {
        let row = session
            .one_row(None, "SELECT session_user::pg_catalog.text", &[], limit)
            .await?;
        get(&row, 0)?
    };
    let schemas: Vec<String> = search_path::schemas_of(&text)
        .into_iter()
        .map(|schema| if schema == "$user" { user.clone() } else { schema })
        .collect();
    let row = session
        .one_row(None, STATEMENT, &[(&schemas, Type::NAME_ARRAY)], limit)
        .await?;
    Ok(Exposure {
        role: get(&row, 0)?,
        is_superuser: get(&row, 1)?,
        is_of_role,
        schemas: get(&row, 2)?,
    })
}

fn get<'a, T: postgres_types::FromSql<'a>>(row: &'a tokio_postgres::Row, index: usize) -> Result<T, Failure> {
    row.try_get(index)
        .map_err(|_| Failure::new(Reason::Other, "the server's answer has an unexpected form"))
}

impl Exposure {
    /// What to tell of what is shipped.
    fn warning_of_shipped(&self) -> Option<String> {
        (!self.schemas.is_empty()).then(|| {
            format!(
                "reads what is in {}: what they create there may run as role {}{}, and be what it reports; let only administrators \
                 create objects there, or skip the collector",
                self.schemas.join(", and in "),
                self.role,
                self.is_superuser()
            )
        })
    }

    fn is_superuser(&self) -> &str {
        if self.is_superuser { ", a superuser" } else { "" }
    }

    /// What to tell of it, and what to do; none where nobody else may do anything.
    fn warning(&self) -> Option<String> {
        let role = &self.role;
        let advice =
            "write the key `search_path` with schemas that only you may create in, and every name in full";
        let is_superuser = self.is_superuser();
        if !self.schemas.is_empty() {
            return Some(format!(
                "looks for names in {}: what they create there may run as role {role}{is_superuser}; {advice}",
                self.schemas.join(", and in ")
            ));
        }
        (self.is_superuser && self.is_of_role).then(|| {
            format!(
                "looks for names on the path of role {role}, a superuser: whoever may create objects there some day runs as \
                 it; {advice}, and scrape with a role that has pg_monitor alone"
            )
        })
    }
}
