//! An exporter with the collectors of one site: definition files, a collector written as a Rust struct, and defaults of
//! its own.
#![forbid(unsafe_code)]

mod tables;

use std::io::{Write as _, stderr};
use std::sync::LazyLock;

use pg_exporter::schema::Collector;
use pg_exporter::{DatabaseRows, Exporter, Row as _};

pub use tables::ShopTables;

/// The collectors of the files in `collectors/`, as typed structs.
pub mod files {
    pg_exporter::collectors!("collectors");
}

/// Used where neither a flag nor a variable says otherwise.
pub const DEFAULTS: &[(&str, &str)] = &[
    ("PG_EXPORTER_NAMESPACE", "shop"),
    ("PG_EXPORTER_AUTO_DISCOVERY", "false"),
];

/// The exporter: its collectors, its defaults, and what it does with rows besides serving them.
#[must_use]
pub fn exporter() -> Exporter {
    Exporter::new(collectors())
        .defaults(DEFAULTS)
        .on_rows(tell_of_many_tables)
}

/// From so many tables of a schema on somebody should know.
const MANY: f64 = 1000.0;

/// Code of this site's own that works on rows: it is called after each execution, on a thread of its own.
fn tell_of_many_tables(rows: &DatabaseRows<ShopTables<'static>>) {
    let many = |row: &ShopTables<'_>| row.count.is_some_and(|count| count >= MANY);
    for row in rows.iter().filter(many) {
        let (database, schema) = (rows.database(), row.schema);
        // A closed standard error is no reason to end.
        let _ = writeln!(stderr(), "many tables in schema {schema} of {database}");
    }
}

/// Every collector of this exporter. Add `pg_exporter::catalog::compiled::COLLECTORS` to have the shipped ones too.
#[must_use]
pub fn collectors() -> &'static [Collector] {
    static ALL: LazyLock<Vec<Collector>> =
        LazyLock::new(|| [files::COLLECTORS, &[ShopTables::COLLECTOR]].concat());
    &ALL
}
