//! An exporter with the collectors of one site: definition files, a collector written as a Rust struct, and defaults of
//! its own.
#![forbid(unsafe_code)]

mod tables;

use std::sync::LazyLock;

use pg_exporter::Row as _;
use pg_exporter::schema::Collector;

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

/// Every collector of this exporter. Add `pg_exporter::catalog::compiled::COLLECTORS` to have the shipped ones too.
#[must_use]
pub fn collectors() -> &'static [Collector] {
    static ALL: LazyLock<Vec<Collector>> =
        LazyLock::new(|| [files::COLLECTORS, &[ShopTables::COLLECTOR]].concat());
    &ALL
}
