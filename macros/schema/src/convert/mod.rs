//! Files of other exporters, written anew in this language: `pg_exporter convert`.

pub(crate) mod conversion;
pub(crate) mod duration;
pub(crate) mod front;
pub(crate) mod prometheus;
pub(crate) mod sql_exporter;
pub(crate) mod usages;
pub(crate) mod writer;
