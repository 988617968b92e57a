//! The collector language of pg_exporter.
//!
//! Files of definitions go through passes, one file each: `parse` reads them with their places, `resolve` makes
//! the model of them, `layer` puts files together and lets entries without a query `tune` what is
//! there, `check` looks at the set as a whole. Every mistake is collected, none ends a pass.
//! Beside them is the reader of [another YAML file](web_options), since only this crate knows YAML.
//!
//! ```
//! use pg_exporter_schema::{Source, Strictness, compile};
//!
//! let outcome = compile(&[Source::new("demo.yml", "demo: { query: SELECT 1 AS one }")], Strictness::Strict);
//! let found: Vec<String> = outcome.diagnostics.iter().map(ToString::to_string).collect();
//! assert_eq!(found, ["demo.yml:1:1: `demo` has no `metrics`; list the columns of its query"]);
//! ```
#![forbid(unsafe_code)]

mod check;
mod diagnostic;
mod dump;
mod json_schema;
mod keys;
mod layer;
mod model;
mod node;
mod parse;
mod place;
mod raw;
mod report;
mod resolve;
mod scalar;
mod source;
mod sql;
mod text;
mod tune;
mod value;
mod web;
mod write;

pub use diagnostic::{Diagnostic, Severity};
pub use dump::dump;
pub use json_schema::json_schema;
pub use layer::{Outcome, compile, compile_node, layer};
pub use model::{
    Bucket, Collector, Column, DEFAULT_TIMEOUT, Family, List, OPEN, Origin, Predicate, Tag, Text, Usage,
};
pub use node::{Kind, Node};
pub use place::{At, Spot};
pub use report::Strictness;
pub use source::{Source, definition_files, read_dir, read_path, rerun_if_changed};
pub use text::shortest;
pub use web::{Confidential, Pem, RateLimitOptions, TlsOptions, WebOptions, web_options};
pub use write::{write, write_file};
