//! The collector language of pg_exporter.

mod diagnostic;
mod model;

pub use diagnostic::{Diagnostic, Severity};
pub use model::{
    Bucket, Collector, Column, DEFAULT_TIMEOUT, Family, List, OPEN, Origin, Predicate, Tag, Text, Usage,
};
