//! What the planner must know of a database, read at the start of each scrape in one round trip.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::TryStreamExt as _;
use postgres_types::{ToSql, Type};
use tokio_postgres::Row;

use super::deadline::within;
use super::failure::{Failure, Reason};
use super::limits::ServerClock;
use super::session::{Session, StatementKey};
use super::text::{Name, Sent};
use super::version::dotted_version;
use crate::catalog::facts::{Extension, Facts, Kind, Wanted};
use crate::catalog::flavour::{Flavour, Signs};
use crate::values::encoding::TextReader;
use crate::values::name;

/// The statement's key on every connection; collectors' keys begin behind it.
const KEY: StatementKey = StatementKey(0);

/// The first key that is free for others: checkpoints and marks have one, too.
pub const FIRST_FREE_KEY: u64 = 3;

/// Where a pooler ends the transaction with each message it runs on whatever search path: operators are qualified, too.
const STATEMENT: &str = "\
SELECT pg_catalog.current_setting('server_version_num')::pg_catalog.int4,
       pg_catalog.pg_is_in_recovery(),
       pg_catalog.current_database()::pg_catalog.text,
       current_user::pg_catalog.text,
       ARRAY(SELECT datname::pg_catalog.text FROM pg_catalog.pg_database
              WHERE $3 AND datallowconn AND NOT datistemplate AND datconnlimit OPERATOR(pg_catalog.<>) -2
                AND pg_catalog.has_database_privilege(oid, 'CONNECT')),
       ARRAY(SELECT nspname::pg_catalog.text FROM pg_catalog.pg_namespace WHERE nspname OPERATOR(pg_catalog.=) ANY ($1::pg_catalog.name[])),
       ARRAY(SELECT pg_catalog.unnest(ARRAY[e.extname::pg_catalog.text, n.nspname::pg_catalog.text,
                                            e.extversion::pg_catalog.text])
               FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) e.extnamespace
              WHERE e.extname OPERATOR(pg_catalog.=) ANY ($2::pg_catalog.name[])),
       (SELECT oid FROM pg_catalog.pg_database WHERE datname OPERATOR(pg_catalog.=) pg_catalog.current_database()),
       pg_catalog.date_part('epoch', pg_catalog.clock_timestamp()),
       ARRAY(SELECT datname::pg_catalog.text FROM pg_catalog.pg_database
              WHERE pg_catalog.current_setting('server_encoding') OPERATOR(pg_catalog.<>) ALL ('{UTF8,SQL_ASCII}'::pg_catalog.text[]))";

/// The first version with the function that tells the system identifier.
const HAS_CONTROL_SYSTEM: u32 = 90_600;

/// Asked for once per connection, by itself: the function may be revoked.
const CLUSTER: &str = "SELECT system_identifier FROM pg_catalog.pg_control_system()";

/// What tells whose server it is; asked for once per connection.
const SIGNS: &str = "\
SELECT pg_catalog.version(),
       ARRAY(SELECT p.proname::pg_catalog.text
               FROM pg_catalog.pg_proc AS p JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) p.pronamespace
              WHERE n.nspname OPERATOR(pg_catalog.=) 'pg_catalog'::pg_catalog.name AND p.proname OPERATOR(pg_catalog.=) ANY ($1::pg_catalog.name[])),
       ARRAY(SELECT rolname::pg_catalog.text FROM pg_catalog.pg_roles WHERE rolname OPERATOR(pg_catalog.=) ANY ($2::pg_catalog.name[])
             UNION SELECT datname::pg_catalog.text FROM pg_catalog.pg_database WHERE datname OPERATOR(pg_catalog.=) ANY ($2::pg_catalog.name[]))";

/// Reads the facts, the list of databases only if `databases` is true.
///
/// # Errors
/// What the server says, the loss of the connection, or a timeout at the deadline.
pub async fn read(
    session: &mut Session,
    wanted: &Wanted,
    databases: bool,
    deadline: Instant,
) -> Result<Facts, Failure> {
    let facts = async {
        match session.kind() {
            Kind::Postgres | Kind::Pooled => postgres(session, wanted, databases, deadline).await,
            Kind::Pgbouncer => pgbouncer(session).await,
        }
    };
    match within(deadline, facts).await {
        Ok(facts) => facts,
        Err(_) => Err(Failure::timeout("the server did not answer in time")),
    }
}

async fn postgres(
    session: &mut Session,
    wanted: &Wanted,
    databases: bool,
    deadline: Instant,
) -> Result<Facts, Failure> {
    let encoding = session.encoding();
    let sent = |names: &[String]| -> Vec<Sent> {
        // What the database cannot name it does not have.
        let names = names.iter().filter_map(|name| encoding.bytes(name));
        names.map(|name| Sent(name.into_owned())).collect()
    };
    let (wanted_schemas, wanted_extensions) = (sent(&wanted.schemas), sent(&wanted.extensions));
    let parameters: [(&(dyn ToSql + Sync), Type); 3] = [
        (&wanted_schemas, Type::NAME_ARRAY),
        (&wanted_extensions, Type::NAME_ARRAY),
        (&databases, Type::BOOL),
    ];
    let asked = Instant::now();
    let limit = deadline.saturating_duration_since(asked);
    let row = session.one_row(Some(KEY), STATEMENT, &parameters, limit).await?;
    session.has_answered_in(asked.elapsed());
    let unreadable = |_| Failure::new(Reason::Other, "the server's facts have an unexpected form");
    session.limits.clock = Some(ServerClock::asked(asked, row.try_get(8).map_err(unreadable)?));
    let cluster = cluster(session, limit).await?;
    let flavour = flavour(session, limit).await?;
    let names = |index: usize| names(&row, index);
    let mut databases = names(4)?;
    databases.sort_unstable();
    let of_server = names(9)?
        .into_iter()
        .map(|name| name::bytes_of(&name).into_owned());
    let reader = TextReader::new(encoding, of_server);
    if *session.reader != reader {
        session.reader = Arc::new(reader);
    }
    let texts = |index: usize| -> Result<Vec<String>, Failure> {
        let names = names(index)?.into_iter();
        Ok(names
            .map(|name| encoding.text(&name::bytes_of(&name)).into_owned())
            .collect())
    };
    Ok(Facts {
        version: row.try_get::<_, i32>(0).map_err(unreadable)?.unsigned_abs(),
        in_recovery: row.try_get(1).map_err(unreadable)?,
        database: row.try_get::<_, Name>(2).map_err(unreadable)?.0,
        user: row.try_get::<_, Name>(3).map_err(unreadable)?.0,
        cluster,
        flavour,
        databases,
        schemas: texts(5)?.into_iter().collect(),
        extensions: extensions(texts(6)?),
        oid: row.try_get(7).map_err(unreadable)?,
    })
}

/// Of each extension its name, its schema and its version, one after the other.
fn extensions(texts: Vec<String>) -> BTreeMap<String, Extension> {
    let mut texts = texts.into_iter();
    let mut extensions = BTreeMap::new();
    while let (Some(name), Some(schema), Some(version)) = (texts.next(), texts.next(), texts.next()) {
        extensions.insert(name, Extension { schema, version });
    }
    extensions
}

/// An array of names.
fn names(row: &Row, index: usize) -> Result<Vec<String>, Failure> {
    let names: Vec<Name> = row
        .try_get(index)
        .map_err(|_| Failure::new(Reason::Other, "the server's facts have an unexpected form"))?;
    Ok(names.into_iter().map(|name| name.0).collect())
}

/// The cluster's identifier, 0 when the server does not tell.
async fn cluster(session: &mut Session, limit: Duration) -> Result<i64, Failure> {
    if let Some(cluster) = session.cluster {
        return Ok(cluster);
    }
    if session.version() < HAS_CONTROL_SYSTEM {
        return Ok(0);
    }
    let cluster = match session.one_row(None, CLUSTER, &[], limit).await {
        Ok(row) => row.try_get(0).unwrap_or(0),
        Err(failure) if failure.sqlstate.is_some() && failure.reason != Reason::Connection => 0,
        Err(failure) => return Err(failure),
    };
    session.cluster = Some(cluster);
    Ok(cluster)
}

/// Whose server it is.
async fn flavour(session: &mut Session, limit: Duration) -> Result<Flavour, Failure> {
    if let Some(flavour) = session.flavour {
        return Ok(flavour);
    }
    let (functions, names) = (Flavour::functions(), Flavour::names());
    let parameters: [(&(dyn ToSql + Sync), Type); 2] =
        [(&functions, Type::NAME_ARRAY), (&names, Type::NAME_ARRAY)];
    let flavour = match session.one_row(None, SIGNS, &parameters, limit).await {
        Ok(row) => Flavour::of(Signs {
            version: row.try_get(0).unwrap_or_default(),
            functions: &row.try_get::<_, Vec<String>>(1).unwrap_or_default(),
            names: &row.try_get::<_, Vec<String>>(2).unwrap_or_default(),
        }),
        // Nothing else depends on it.
        Err(failure) if failure.sqlstate.is_some() && failure.reason != Reason::Connection => {
            Flavour::default()
        }
        Err(failure) => return Err(failure),
    };
    session.flavour = Some(flavour);
    Ok(flavour)
}

/// The admin console knows its version only: in a row since 1.12, in a notice before.
async fn pgbouncer(session: &mut Session) -> Result<Facts, Failure> {
    let asked = Instant::now();
    let messages: Vec<_> = session
        .client
        .simple_query_raw("SHOW VERSION")
        .await?
        .try_collect()
        .await?;
    session.has_answered_in(asked.elapsed());
    let row = messages.iter().find_map(|message| match message {
        tokio_postgres::SimpleQueryMessage::Row(row) => row.try_get(0).ok().flatten().map(str::to_owned),
        _ => None,
    });
    let text = row.or_else(|| session.take_notice());
    let version = text
        .as_deref()
        .and_then(dotted_version)
        .unwrap_or_else(|| session.version());
    Ok(Facts {
        version,
        database: "pgbouncer".to_owned(),
        ..Facts::default()
    })
}
