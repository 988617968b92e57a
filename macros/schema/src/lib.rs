//! The collector language of pg_exporter.
//!
//! The way of a file, a room each: `language` holds one row per key; `read` makes nodes and typed values with their
//! positions of text, with `sql`, which knows as much of it as can be known without a server; `resolve` makes the model of them, lays files over files, lets entries without a query tune what is
//! there and checks the set as a whole; `lock` compares it with what servers said when they were asked; `render` writes the
//! model as Rust, YAML, JSON Schema and documentation. Every mistake is collected, none ends a pass. Beside them are the readers of two other YAML files, [web_options] and
//! [targets()], since only this crate knows YAML.
//!
//! ```
//! use pg_exporter_schema::{Source, Strictness, compile};
//!
//! let outcome = compile(&[Source::new("demo.yml", "demo: { query: SELECT 1 AS one }")], Strictness::Strict);
//! let found: Vec<String> = outcome.diagnostics.iter().map(ToString::to_string).collect();
//! assert_eq!(found, ["demo.yml:1:1: `demo` has no `metrics`; list the columns of its query"]);
//! ```
#![forbid(unsafe_code)]

mod convert;
mod language;
mod lock;
mod model;
mod read;
mod render;
mod resolve;
mod sql;
mod targets;
mod web;

pub use convert::conversion::{Converted, convert};
pub use language::tag::FLAVOURS;
pub use lock::fingerprint::fingerprint;
pub use lock::kind::SqlKind;
pub use lock::locks::{LockStrictness, Locks};
pub use lock::position::place_in_query;
pub use lock::record::{Answer, Lock, Part, ResultColumn, Statement};
pub use lock::server::{Role, Server, shown_releases};
pub use lock::text::LOCK_FILE;
pub use model::{
    Bucket, Collector, Column, DEFAULT_TIMEOUT, Family, List, OPEN, Origin, Predicate, Setting, Tag, Text,
    Usage, search_path,
};
pub use read::diagnostic::{Diagnostic, Severity};
pub use read::node::{Kind, Node};
pub use read::position::{At, Location, Position};
pub use read::report::Strictness;
pub use read::source::{Source, definition_files, read_dir, read_lock, read_path, rerun_if_changed};
pub use render::constant::{constant, constant_origin};
pub use render::docs::key_tables;
pub use render::dump::dump;
pub use render::in_force::{InForce, Shown, in_force};
pub use render::json_schema::schema::json_schema;
pub use render::write::structs::{write, write_file};
pub use resolve::exact::inexact;
pub use resolve::layer::{Outcome, compile, compile_node, layer};
pub use resolve::names::shortest;
pub use sql::mentions::{Mention, mentions};
pub use sql::scan::is_in_quotes;
pub use sql::without::without_calls;
pub use targets::found::{Given, Keys, Placed};
pub use targets::keys::{Stands, TARGET_KEYS, Takes, TargetKey};
pub use targets::merge::Merged;
pub use targets::read::targets;
pub use targets::schema::targets_schema;
pub use web::options::{RateLimitOptions, WebOptions, web_options};
pub use web::secret::{MASK, Secret};
pub use web::tls::{Pem, TlsOptions};
