//! From the model to Rust. A documented struct per branch, whose attributes hold all that the model holds, and
//! a static of their definitions. The derive macro makes the definitions of the attributes, by the same passes.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote};

use super::{attributes, docs, names};
use crate::lock::kind::FieldKind;
use crate::lock::locks::Locks;
use crate::lock::proof;
use crate::model::{Collector, Column, Usage};

/// The structs of a set and `pub static COLLECTORS`, in the order of the set.
#[must_use]
pub fn write(collectors: &[Collector], locks: &Locks) -> TokenStream {
    let rows = rows(collectors, locks);
    let list = list(&rows);
    quote!(#(#rows)* #list)
}

/// The same as a file for `include!`, laid out to be read.
#[must_use]
pub fn write_file(collectors: &[Collector], locks: &Locks) -> String {
    let rows = rows(collectors, locks);
    let mut text =
        "// Generated from collector definitions. Do not edit: edit the definitions and build.\n".to_owned();
    for row in &rows {
        row.lay_out(&mut text);
    }
    list_file(&rows, &mut text);
    text
}

const LIST_DOC: &str = " Every collector of this set.";

/// A struct to be.
struct Row {
    docs: Vec<String>,
    attributes: Vec<TokenStream>,
    name: Ident,
    /// Whether it borrows labels.
    borrows: bool,
    fields: Vec<Field>,
}

/// A field to be.
struct Field {
    docs: String,
    attributes: Vec<TokenStream>,
    name: Ident,
    kind: &'static str,
}

fn rows(collectors: &[Collector], locks: &Locks) -> Vec<Row> {
    let mut types = names::Names::default();
    collectors
        .iter()
        .map(|collector| row(collector, locks, &mut types))
        .collect()
}

fn row(collector: &Collector, locks: &Locks, types: &mut names::Names) -> Row {
    let mut idents = names::Names::default();
    let kept = collector
        .columns
        .iter()
        .filter(|column| column.usage != Usage::Discard);
    let fields: Vec<Field> = kept
        .map(|column| {
            let name = idents.field(&column.column);
            let sql = locks.sql_type(collector, column);
            Field {
                docs: docs::of_column(column, sql.as_deref()),
                attributes: attributes::of_column(collector, column, &name),
                name,
                kind: kind(collector, column, locks),
            }
        })
        .collect();
    Row {
        docs: docs::of_collector(collector),
        attributes: attributes::of_collector(collector),
        name: types.structure(&collector.branch),
        borrows: fields.iter().any(|field| field.kind == LABEL),
        fields,
    }
}

const LABEL: &str = "&'a str";

/// The type of a column's field: what was recorded of it, or what holds every number.
fn kind(collector: &Collector, column: &Column, locks: &Locks) -> &'static str {
    if column.usage == Usage::Label {
        return LABEL;
    }
    let recorded = proof::column(locks, collector, column);
    let (kind, may_be_null) = recorded.map_or((FieldKind::Float, true), |it| (it.kind, it.may_be_null));
    match (kind, may_be_null) {
        (FieldKind::Float, true) => "::core::option::Option<f64>",
        (FieldKind::Integer, true) => "::core::option::Option<i64>",
        (FieldKind::Unsigned, true) => "::core::option::Option<u64>",
        (FieldKind::Boolean, true) => "::core::option::Option<bool>",
        (FieldKind::Time, true) => "::core::option::Option<::std::time::SystemTime>",
        (FieldKind::Float, false) => "f64",
        (FieldKind::Integer, false) => "i64",
        (FieldKind::Unsigned, false) => "u64",
        (FieldKind::Boolean, false) => "bool",
        (FieldKind::Time, false) => "::std::time::SystemTime",
    }
}

fn list(rows: &[Row]) -> TokenStream {
    let definitions = rows.iter().map(Row::definition);
    quote! {
        #[doc = #LIST_DOC]
        pub static COLLECTORS: &[::pg_exporter::schema::Collector] = &[#(#definitions,)*];
    }
}

fn list_file(rows: &[Row], text: &mut String) {
    text.push_str(&format!("\n///{LIST_DOC}\n"));
    text.push_str("pub static COLLECTORS: &[::pg_exporter::schema::Collector] = &[\n");
    for row in rows {
        let lifetime = if row.borrows { "<'static>" } else { "" };
        let name = &row.name;
        text.push_str(&format!(
            "    <{name}{lifetime} as ::pg_exporter::Row>::COLLECTOR,\n"
        ));
    }
    text.push_str("];\n");
}

impl Row {
    fn definition(&self) -> TokenStream {
        let name = &self.name;
        let lifetime = self.borrows.then(|| quote!(<'static>));
        quote!(<#name #lifetime as ::pg_exporter::Row>::COLLECTOR)
    }

    fn lay_out(&self, text: &mut String) {
        text.push('\n');
        for line in &self.docs {
            text.push_str(&format!("///{}{line}\n", if line.is_empty() { "" } else { " " }));
        }
        let lifetime = if self.borrows { "<'a>" } else { "" };
        text.push_str("#[derive(Clone, Debug, PartialEq, ::pg_exporter::Row)]\n#[collector(\n");
        for item in &self.attributes {
            text.push_str(&format!("    {item},\n"));
        }
        text.push_str(&format!(")]\npub struct {}{lifetime} {{\n", self.name));
        for field in &self.fields {
            field.lay_out(text);
        }
        text.push_str("}\n");
    }
}

impl ToTokens for Row {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let docs = self.docs.iter().map(|line| {
            if line.is_empty() {
                String::new()
            } else {
                format!(" {line}")
            }
        });
        let Self {
            attributes,
            name,
            fields,
            ..
        } = self;
        let lifetime = self.borrows.then(|| quote!(<'a>));
        tokens.extend(quote! {
            #(#[doc = #docs])*
            #[derive(Clone, Debug, PartialEq, ::pg_exporter::Row)]
            #[collector(#(#attributes,)*)]
            pub struct #name #lifetime { #(#fields,)* }
        });
    }
}

impl Field {
    fn lay_out(&self, text: &mut String) {
        let attributes: Vec<String> = self.attributes.iter().map(ToString::to_string).collect();
        text.push_str(&format!(
            "    /// {}\n    #[column({})]\n",
            self.docs,
            attributes.join(", ")
        ));
        text.push_str(&format!("    pub {}: {},\n", self.name, self.kind));
    }
}

impl ToTokens for Field {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let docs = format!(" {}", self.docs);
        let Self { attributes, name, .. } = self;
        // One of the texts of `kind`, which are types.
        let kind: TokenStream = self.kind.parse().unwrap_or_default();
        tokens.extend(quote!(#[doc = #docs] #[column(#(#attributes),*)] pub #name: #kind));
    }
}
