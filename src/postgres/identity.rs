//! Who answers and what the role may do there, for the doctor. Nothing of it is needed to scrape.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use postgres_types::Type;

use super::failure::{Failure, Reason};
use super::session::{Session, StatementKey};
use super::text::Name;
use crate::catalog::optional_functions;

/// What a PostgreSQL server says about itself and the role.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Identity {
    /// `version()`.
    pub version: String,
    /// The role.
    pub role: String,
    /// Whether the role may do everything.
    pub is_superuser: bool,
    /// Whether the role has what `pg_monitor` gives: the two roles that let it see statistics and settings. `None` where there are
    /// no such roles (before 10).
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

const STATEMENT: &str = "\
SELECT pg_catalog.version(), current_user::pg_catalog.text,
       (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user),
       (SELECT pg_catalog.bool_and(pg_catalog.pg_has_role(oid, 'USAGE')) FROM pg_catalog.pg_roles
         WHERE rolname IN ('pg_read_all_settings', 'pg_read_all_stats')),
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

/// Asks a PostgreSQL server.
///
/// # Errors
/// What the server says, the loss of the connection, or a timeout at the deadline.
pub async fn read(session: &mut Session, deadline: Instant) -> Result<Identity, Failure> {
    let before = SystemTime::now();
    let mut optional = optional_functions();
    // These stand in a text of pg_size, which asks for the right.
    optional.extend(["pg_ls_logdir", "pg_ls_waldir"]);
    let row = session
        .one_row_until(KEY, STATEMENT, &[(&optional, Type::NAME_ARRAY)], deadline)
        .await?;
    let now = midpoint(before, SystemTime::now());
    Ok(Identity {
        version: get(&row, 0)?,
        role: get::<Name>(&row, 1)?.0,
        is_superuser: get(&row, 2)?,
        is_monitor: get(&row, 3)?,
        extensions: texts(&row, 4)?,
        locked: texts(&row, 5)?.into_iter().zip(texts(&row, 6)?).collect(),
        denied: texts(&row, 7)?.into_iter().zip(texts(&row, 8)?).collect(),
        clock_skew: get::<f64>(&row, 9)? - now,
    })
}

/// Names of whatever bytes.
fn texts(row: &tokio_postgres::Row, index: usize) -> Result<Vec<String>, Failure> {
    let names: Vec<Name> = get(row, index)?;
    Ok(names.into_iter().map(|name| name.0).collect())
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
