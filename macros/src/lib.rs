//! Procedural macros of pg_exporter, re-exported by it: thin callers of the definition compiler.
#![forbid(unsafe_code)]

mod attributes;
mod definition;
mod derive;
mod directory;
mod lock;
mod tree;

use proc_macro::TokenStream;

/// Compiles the definition files (`*.yml`, `*.yaml`) directly inside one or several directories.
///
/// Directories are relative to the crate's root; branches of a later one replace those of an earlier one. Expands to
/// a documented struct per branch and `pub static COLLECTORS: &[Collector]`, so it is best put into a module of its
/// own. Every mistake in the files is a compile error at the macro's argument that names file, line and column.
///
/// ```text
/// pub mod site {
///     pg_exporter::collectors!("collectors");
/// }
/// ```
///
/// Where a `statements.lock` lies beside the files (`pg_exporter check --record` writes it), what servers said to the
/// statements is compared with them as well: with `PG_EXPORTER_LOCK=require` each difference is an error, without it a
/// warning, with `off` nothing.
///
/// An edited file rebuilds the crate. A file that is added does not, because a macro cannot tell Cargo to watch a
/// directory; a build script of one line does that:
///
/// ```text
/// fn main() { println!("cargo::rerun-if-changed=collectors"); }
/// ```
#[proc_macro]
pub fn collectors(input: TokenStream) -> TokenStream {
    directory::expand(input.into()).into()
}

/// Makes a collector of a struct: its definition and the conversion from a row of its result.
///
/// The struct's attribute takes the keys of a definition, its fields' attributes the properties of a column. Fields
/// are columns: `&'a str` for a label, for a value `f64`, `i64`, `u64`, `bool` or `SystemTime`, or an `Option` of these that is `None` when it is NULL. A doc comment is the
/// description where none is given; `branch` is the struct's name in snake case where it is absent.
///
/// ```text
/// /// Orders by state.
/// #[derive(pg_exporter::Row)]
/// #[collector(query = "SELECT state, count(*) AS open FROM orders GROUP BY state", tags = ["dbname:shop"], ttl = 10)]
/// pub struct ShopOrders<'a> {
///     /// State of the order.
///     #[column(usage = "LABEL")]
///     pub state: &'a str,
///     /// Orders in that state.
///     #[column(usage = "GAUGE")]
///     pub open: Option<f64>,
/// }
/// ```
///
/// `predicate(name = …, predicate_query = …, ttl = …)` may be repeated; `column = "…"` names the column where the
/// field cannot; `discard(at = N, column = "…")` places a column that has no field among the others.
#[proc_macro_derive(Row, attributes(collector, column))]
pub fn row(input: TokenStream) -> TokenStream {
    derive::expand(input.into()).into()
}
