//! What could be done about extensions that collectors ask for, for the doctor. Nothing of it is needed to scrape.

use std::collections::BTreeMap;
use std::time::Instant;

use postgres_types::{ToSql, Type};

use super::failure::{Failure, Reason};
use super::session::{Session, StatementKey};
use crate::catalog::plan::is_at_least;

/// Extensions that work only in a server that loaded their library when it started.
const PRELOADED: [&str; 4] = ["citus", "pg_stat_statements", "pg_wait_sampling", "timescaledb"];

/// An extension whose files the server has, in one database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Available {
    /// Its name.
    pub name: String,
    /// The version that is in the database.
    pub installed: Option<String>,
    /// The version of the server's files, if it is later and they lead to it.
    pub update: Option<String>,
    /// Whether the server has to be restarted with its library first.
    pub lacks_library: bool,
}

/// What the server has of some extensions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extensions {
    /// Those whose files are there.
    pub available: Vec<Available>,
    /// Libraries that the server loads when it starts; `None` where the role may not see which.
    pub preloaded: Option<String>,
}

const VERSIONS_KEY: StatementKey = StatementKey(5);
const KEY: StatementKey = StatementKey(6);

/// The versions of all files. One extension's file that the server cannot read fails it as a whole; then no update is known of.
const VERSIONS: &str = "\
SELECT ARRAY(SELECT a.name::pg_catalog.text FROM pg_catalog.pg_available_extensions AS a
              WHERE a.name::pg_catalog.text = ANY ($1::pg_catalog.text[]) ORDER BY a.name),
       ARRAY(SELECT a.default_version FROM pg_catalog.pg_available_extensions AS a
              WHERE a.name::pg_catalog.text = ANY ($1::pg_catalog.text[]) ORDER BY a.name)";

/// Of an extension whose files are not there it is an error. A library that was loaded when the server started has settings; one
/// that a session loads by itself defines none.
const STATEMENT: &str = "\
SELECT (SELECT e.extversion FROM pg_catalog.pg_extension AS e WHERE e.extname = $1::pg_catalog.name),
       (SELECT pg_catalog.count(*) FROM pg_catalog.pg_extension_update_paths($1::pg_catalog.name)),
       ARRAY(SELECT p.target FROM pg_catalog.pg_extension_update_paths($1::pg_catalog.name) AS p
               JOIN pg_catalog.pg_extension AS e ON e.extversion = p.source
              WHERE e.extname = $1::pg_catalog.name AND p.path IS NOT NULL),
       EXISTS (SELECT FROM pg_catalog.pg_settings AS s
                WHERE pg_catalog.strpos(s.name, $1::pg_catalog.text || '.') = 1),
       (SELECT s.setting FROM pg_catalog.pg_settings AS s WHERE s.name = 'shared_preload_libraries')";

/// Asks a PostgreSQL server, in the database that is connected to.
///
/// # Errors
/// The loss of the connection, or a timeout at the deadline.
pub async fn read(session: &mut Session, names: &[String], deadline: Instant) -> Result<Extensions, Failure> {
    let mut extensions = Extensions::default();
    let versions = versions(session, names, deadline).await?;
    for name in names {
        let parameters: [(&(dyn ToSql + Sync), Type); 1] = [(name, Type::TEXT)];
        let asked = session.one_row_until(KEY, STATEMENT, &parameters, deadline);
        let row = match asked.await {
            Ok(row) => row,
            Err(failure) if is_of_connection(&failure) => return Err(failure),
            Err(_) => continue,
        };
        let installed: Option<String> = get(&row, 0)?;
        let targets: Vec<String> = get(&row, 2)?;
        let is_loaded: bool = get(&row, 3)?;
        extensions.preloaded = get(&row, 4)?;
        extensions.available.push(Available {
            name: name.clone(),
            update: update(installed.as_deref(), versions.get(name), &targets),
            installed,
            lacks_library: !is_loaded && PRELOADED.contains(&name.as_str()),
        });
    }
    Ok(extensions)
}

async fn versions(
    session: &mut Session,
    names: &[String],
    deadline: Instant,
) -> Result<BTreeMap<String, String>, Failure> {
    let parameters: [(&(dyn ToSql + Sync), Type); 1] = [(&names, Type::TEXT_ARRAY)];
    let asked = session.one_row_until(VERSIONS_KEY, VERSIONS, &parameters, deadline);
    let row = match asked.await {
        Ok(row) => row,
        Err(failure) if is_of_connection(&failure) => return Err(failure),
        Err(_) => return Ok(BTreeMap::new()),
    };
    let names: Vec<String> = get(&row, 0)?;
    let versions: Vec<Option<String>> = get(&row, 1)?;
    let known = names
        .into_iter()
        .zip(versions)
        .filter_map(|(name, version)| Some((name, version?)));
    Ok(known.collect())
}

fn is_of_connection(failure: &Failure) -> bool {
    matches!(failure.reason, Reason::Connection | Reason::Timeout)
}

/// The version of the files, if it is later than the installed one and among those that the files lead to.
fn update(installed: Option<&str>, version: Option<&String>, targets: &[String]) -> Option<String> {
    let (installed, version) = (installed?, version?);
    (targets.contains(version) && !is_at_least(installed, version)).then(|| version.clone())
}

fn get<'a, T: postgres_types::FromSql<'a>>(row: &'a tokio_postgres::Row, index: usize) -> Result<T, Failure> {
    row.try_get(index)
        .map_err(|_| Failure::new(Reason::Other, "the server's answer has an unexpected form"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_update_is_later_and_can_be_had() {
        let targets = ["1.9", "1.10", "1.5"].map(str::to_owned);
        for (installed, version, expected) in [
            (Some("1.4"), Some("1.10"), Some("1.10")),
            (Some("1.9"), Some("1.10"), Some("1.10")),
            (Some("1.10"), Some("1.9"), None),
            (Some("1.10"), Some("1.10"), None),
            (Some("1.4"), Some("1.11"), None),
            (Some("1.4"), None, None),
            (None, Some("1.10"), None),
        ] {
            let version = version.map(str::to_owned);
            assert_eq!(
                update(installed, version.as_ref(), &targets).as_deref(),
                expected,
                "{installed:?} {version:?}"
            );
        }
    }
}
