//! A collector written in Rust.

use pg_exporter::Row;

/// Tables by schema.
#[derive(Debug, PartialEq, Row)]
#[collector(
    query = "SELECT current_database() AS datname, n.nspname AS schema, count(*) AS count FROM pg_catalog.pg_class c \
             JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             WHERE c.relkind = 'r' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' GROUP BY n.nspname",
    timeout = 1
)]
pub struct ShopTables<'row> {
    /// Name of the database.
    #[column(usage = "LABEL")]
    pub datname: &'row str,
    /// Name of the schema.
    #[column(usage = "LABEL")]
    pub schema: &'row str,
    /// Ordinary tables in the schema.
    #[column(usage = "GAUGE")]
    pub count: Option<f64>,
}
