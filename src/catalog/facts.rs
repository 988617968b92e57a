//! What planning must know of a database; `postgres::facts` reads it.

use std::collections::{BTreeMap, BTreeSet};

use super::flavour::Flavour;

/// What answers at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A PostgreSQL server.
    Postgres,
    /// A PostgreSQL server through a pooler: the server's session may change between transactions, so nothing is set
    /// or prepared that outlives one.
    Pooled,
    /// pgbouncer's admin console: simple protocol, text values, no settings.
    Pgbouncer,
}

/// Facts of one database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// `server_version_num`; of pgbouncer 10000·major + 100·minor + patch; 0 when unknown.
    pub version: u32,
    /// Whether the server replays WAL.
    pub in_recovery: bool,
    /// The connected database.
    pub database: String,
    /// Its OID, 0 when there is none (pgbouncer): one that was dropped and made anew has the same name.
    pub oid: u32,
    /// The role.
    pub user: String,
    /// The cluster's system identifier, 0 when the server does not tell (before 9.6, pgbouncer).
    pub cluster: i64,
    /// Whose server it is.
    pub flavour: Flavour,
    /// Databases that can be connected to, without templates; empty when they were not asked for.
    pub databases: Vec<String>,
    /// Of the schemas that some collector asks for, those that exist here.
    pub schemas: BTreeSet<String>,
    /// Of the extensions that some collector asks for, those that are installed here.
    pub extensions: BTreeMap<String, Extension>,
}

/// An extension that is installed in a database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extension {
    /// The schema that its objects are in, not quoted.
    pub schema: String,
    /// Its version, as `CREATE EXTENSION` names it.
    pub version: String,
}

/// What facts are asked for besides the fixed ones: names that occur in tags and statements. A database of ten thousand schemas is
/// asked for two of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Schemas named by a tag.
    pub schemas: Vec<String>,
    /// Extensions named by a tag, or in a statement as `@extschema:NAME@`.
    pub extensions: Vec<String>,
}
