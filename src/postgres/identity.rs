//! Who answers and what the role may do there, for the doctor. Nothing of it is needed to scrape.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use postgres_types::{ToSql, Type};

use super::deadline::within;
use super::failure::{Failure, Reason};
use super::session::{Session, StatementKey};

/// What a PostgreSQL server says about itself and the role.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Identity {
    /// `version()`.
    pub version: String,
    /// Who runs or made it, as far as its roles and version tell.
    pub flavour: String,
    /// The role.
    pub role: String,
    /// Whether the role may do everything.
    pub is_superuser: bool,
    /// Whether the role has the privileges of `pg_monitor`; `None` where there is no such role (before 10).
    pub is_monitor: Option<bool>,
    /// Extensions of the database with their versions.
    pub extensions: Vec<String>,
    /// Databases that take connections but not the role's, and the statements that change that.
    pub locked: Vec<(String, String)>,
    /// Functions that shipped statements do without where the role may not call them, and the statements that change that.
    pub denied: Vec<(String, String)>,
    /// The server's clock less this machine's in seconds, exact to half the round trip.
    pub clock_skew: f64,
}

const KEY: StatementKey = StatementKey(2);
const REMEDY: StatementKey = StatementKey(3);

const STATEMENT: &str = "\
SELECT pg_catalog.version(), current_user::pg_catalog.text,
       ARRAY(SELECT rolname::pg_catalog.text FROM pg_catalog.pg_roles ORDER BY 1),
       (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user),
       (SELECT pg_catalog.pg_has_role(oid, 'USAGE') FROM pg_catalog.pg_roles WHERE rolname = 'pg_monitor'),
       ARRAY(SELECT pg_catalog.format('%s %s', extname, extversion) FROM pg_catalog.pg_extension ORDER BY 1),
       ARRAY(SELECT datname::pg_catalog.text FROM pg_catalog.pg_database
              WHERE datallowconn AND NOT datistemplate AND NOT pg_catalog.has_database_privilege(oid, 'CONNECT')
              ORDER BY datname),
       ARRAY(SELECT pg_catalog.format('GRANT CONNECT ON DATABASE %I TO %I;', datname, current_user) FROM pg_catalog.pg_database
              WHERE datallowconn AND NOT datistemplate AND NOT pg_catalog.has_database_privilege(oid, 'CONNECT')
              ORDER BY datname),
       ARRAY(SELECT pg_catalog.format('%s(%s)', p.proname, pg_catalog.oidvectortypes(p.proargtypes))
               FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
              WHERE n.nspname = 'pg_catalog' AND p.proname = ANY ($1::pg_catalog.name[])
                AND NOT pg_catalog.has_function_privilege(p.oid, 'EXECUTE')
              ORDER BY p.oid),
       ARRAY(SELECT pg_catalog.format('GRANT EXECUTE ON FUNCTION pg_catalog.%I(%s) TO %I;', p.proname,
                                      pg_catalog.oidvectortypes(p.proargtypes), current_user)
               FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
              WHERE n.nspname = 'pg_catalog' AND p.proname = ANY ($1::pg_catalog.name[])
                AND NOT pg_catalog.has_function_privilege(p.oid, 'EXECUTE')
              ORDER BY p.oid),
       pg_catalog.date_part('epoch', pg_catalog.clock_timestamp())";

/// Functions that shipped statements call only where the role may: without them a part is missing, and nothing fails.
const GUARDED: [&str; 5] = [
    "pg_control_checkpoint",
    "pg_control_system",
    "pg_ls_logdir",
    "pg_ls_waldir",
    "pg_stat_get_progress_info",
];

/// Statements that grant what a message says is missing: the kind of object as the message names it, or `role`.
const REMEDIES: &str = "\
SELECT CASE
  WHEN $1 IN ('function', 'procedure', 'aggregate') THEN ARRAY(
    SELECT pg_catalog.format('GRANT EXECUTE ON FUNCTION %I.%I(%s) TO %I;', nspname, proname,
                             pg_catalog.oidvectortypes(p.proargtypes), current_user)
      FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = pronamespace
     WHERE proname = $2 AND NOT pg_catalog.has_function_privilege(p.oid, 'EXECUTE') ORDER BY 1)
  WHEN $1 = 'schema' THEN ARRAY[pg_catalog.format('GRANT USAGE ON SCHEMA %I TO %I;', $2, current_user)]
  WHEN $1 = 'database' THEN ARRAY[pg_catalog.format('GRANT CONNECT ON DATABASE %I TO %I;', $2, current_user)]
  WHEN $1 = 'role' THEN ARRAY[pg_catalog.format('GRANT %I TO %I;', $2, current_user)]
  ELSE ARRAY(
    SELECT pg_catalog.format('GRANT SELECT ON %I.%I TO %I;', nspname, relname, current_user)
      FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = relnamespace
     WHERE relname = $2 AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
       AND NOT pg_catalog.has_table_privilege(c.oid, 'SELECT') ORDER BY 1)
  END";

/// Asks a PostgreSQL server.
///
/// # Errors
/// What the server says, the loss of the connection, or a timeout at the deadline.
pub async fn read(session: &mut Session, deadline: Instant) -> Result<Identity, Failure> {
    let before = SystemTime::now();
    let guarded = GUARDED.as_slice();
    let row = ask(session, KEY, STATEMENT, &[(&guarded, Type::NAME_ARRAY)], deadline).await?;
    let now = midpoint(before, SystemTime::now());
    let roles: Vec<String> = get(&row, 2)?;
    let version: String = get(&row, 0)?;
    Ok(Identity {
        flavour: flavour(&version, &roles).to_owned(),
        version,
        role: get(&row, 1)?,
        is_superuser: get(&row, 3)?,
        is_monitor: get(&row, 4)?,
        extensions: get(&row, 5)?,
        locked: get::<Vec<String>>(&row, 6)?
            .into_iter()
            .zip(get::<Vec<String>>(&row, 7)?)
            .collect(),
        denied: get::<Vec<String>>(&row, 8)?
            .into_iter()
            .zip(get::<Vec<String>>(&row, 9)?)
            .collect(),
        clock_skew: get::<f64>(&row, 10)? - now,
    })
}

/// The statements that grant what a failure for want of privileges says is missing. Empty when it cannot be told; run in
/// the database in which it failed.
///
/// # Errors
/// As [`read`].
pub async fn remedies(
    session: &mut Session,
    failure: &Failure,
    deadline: Instant,
) -> Result<Vec<String>, Failure> {
    let Some((kind, name)) = missing(&failure.message) else {
        return Ok(Vec::new());
    };
    let parameters: [(&(dyn ToSql + Sync), Type); 2] = [(&kind, Type::TEXT), (&name, Type::TEXT)];
    let row = ask(session, REMEDY, REMEDIES, &parameters, deadline).await?;
    get(&row, 0)
}

async fn ask(
    session: &mut Session,
    key: StatementKey,
    sql: &str,
    parameters: &[(&(dyn ToSql + Sync), Type)],
    deadline: Instant,
) -> Result<tokio_postgres::Row, Failure> {
    let limit = deadline.saturating_duration_since(Instant::now());
    let answer = session.one_row(Some(key), sql, parameters, limit);
    within(deadline, answer)
        .await
        .unwrap_or_else(|_| Err(Failure::timeout("the server did not answer in time")))
}

fn get<'a, T: postgres_types::FromSql<'a>>(row: &'a tokio_postgres::Row, index: usize) -> Result<T, Failure> {
    row.try_get(index)
        .map_err(|_| Failure::new(Reason::Other, "the server's answer has an unexpected form"))
}

fn midpoint(before: SystemTime, after: SystemTime) -> f64 {
    let elapsed = after.duration_since(before).unwrap_or(Duration::ZERO);
    (before + elapsed / 2)
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs_f64()
}

/// Services and forks give themselves away by a role or in `version()`.
fn flavour(version: &str, roles: &[String]) -> &'static str {
    const BY_VERSION: [(&str, &str); 5] = [
        ("EnterpriseDB", "EDB Postgres Advanced Server"),
        ("Greenplum", "Greenplum"),
        ("-YB-", "YugabyteDB"),
        ("Redshift", "Redshift"),
        ("CockroachDB", "CockroachDB"),
    ];
    const BY_ROLE: [(&str, &str); 6] = [
        ("alloydbsuperuser", "AlloyDB"),
        ("cloudsqlsuperuser", "Cloud SQL"),
        ("rds_superuser", "Amazon RDS or Aurora"),
        ("azure_pg_admin", "Azure Database"),
        ("neon_superuser", "Neon"),
        ("supabase_admin", "Supabase"),
    ];
    let by_version = BY_VERSION.iter().find(|(word, _)| version.contains(word));
    let by_role = || {
        BY_ROLE
            .iter()
            .find(|(role, _)| roles.iter().any(|known| known == role))
    };
    by_version.or_else(by_role).map_or("PostgreSQL", |(_, name)| name)
}

/// What a message for want of privileges is about, as kind and name.
fn missing(message: &str) -> Option<(&str, &str)> {
    // Settings: what may read them is a role.
    if message.contains("pg_read_all_settings") || message.starts_with("permission denied to examine") {
        return Some(("role", "pg_read_all_settings"));
    }
    let rest = message.strip_prefix("permission denied for ")?;
    let (kind, name) = rest.rsplit_once(' ')?;
    // Before 11 every relation was called so.
    let kind = if kind == "relation" { "table" } else { kind };
    Some((kind, name.trim_matches('"')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_read_from_the_message() {
        let table = [
            (
                "permission denied for function pg_ls_waldir",
                Some(("function", "pg_ls_waldir")),
            ),
            (
                "permission denied for relation heartbeat",
                Some(("table", "heartbeat")),
            ),
            (
                "permission denied for materialized view m",
                Some(("materialized view", "m")),
            ),
            (
                "permission denied for schema monitor",
                Some(("schema", "monitor")),
            ),
            (
                "permission denied to examine \"data_directory\"",
                Some(("role", "pg_read_all_settings")),
            ),
            (
                "must be superuser or a member of pg_read_all_settings to examine \"data_directory\"",
                Some(("role", "pg_read_all_settings")),
            ),
            ("must be superuser to do that", None),
        ];
        for (message, expected) in table {
            assert_eq!(missing(message), expected, "{message}");
        }
    }

    #[test]
    fn flavours_are_told_by_version_or_role() {
        let roles = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(
            flavour("PostgreSQL 15.4 on x86_64", &roles(&["postgres"])),
            "PostgreSQL"
        );
        assert_eq!(
            flavour("PostgreSQL 15.4", &roles(&["rds_superuser"])),
            "Amazon RDS or Aurora"
        );
        assert_eq!(flavour("PostgreSQL 15.2-YB-2.25", &[]), "YugabyteDB");
    }
}
