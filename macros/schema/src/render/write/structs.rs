//! From the model to Rust. A documented struct per branch, whose attributes hold all that the model holds, and
//! a static of their definitions. The derive macro makes the definitions of the attributes, by the same passes.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote};

use super::{attributes, docs, names};
use crate::model::{Collector, Usage};

/// The structs of a set and `pub static COLLECTORS`, in the order of the set.
#[must_use]
pub fn write(collectors: &[Collector]) -> TokenStream {
    let rows = rows(collectors);
    let list = list(&rows);
    quote!(#(#rows)* #list)
}

/// The same as a file for `include!`, laid out to be read.
#[must_use]
pub fn write_file(collectors: &[Collector]) -> String {
    let rows = rows(collectors);
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
    is_label: bool,
}

fn rows(collectors: &[Collector]) -> Vec<Row> {
    let mut types = names::Names::default();
    collectors
        .iter()
        .map(|collector| row(collector, &mut types))
        .collect()
}

fn row(collector: &Collector, types: &mut names::Names) -> Row {
    let mut idents = names::Names::default();
    let kept = collector
        .columns
        .iter()
        .filter(|column| column.usage != Usage::Discard);
    let fields: Vec<Field> = kept
        .map(|column| {
            let name = idents.field(&column.column);
            Field {
                docs: docs::of_column(column),
                attributes: attributes::of_column(collector, column, &name),
                name,
                is_label: column.usage == Usage::Label,
            }
        })
        .collect();
    Row {
        docs: docs::of_collector(collector),
        attributes: attributes::of_collector(collector),
        name: types.structure(&collector.branch),
        borrows: fields.iter().any(|field| field.is_label),
        fields,
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
    fn kind(&self) -> TokenStream {
        if self.is_label {
            quote!(&'a str)
        } else {
            quote!(::core::option::Option<f64>)
        }
    }

    fn lay_out(&self, text: &mut String) {
        let kind = if self.is_label {
            "&'a str"
        } else {
            "::core::option::Option<f64>"
        };
        let attributes: Vec<String> = self.attributes.iter().map(ToString::to_string).collect();
        text.push_str(&format!(
            "    /// {}\n    #[column({})]\n",
            self.docs,
            attributes.join(", ")
        ));
        text.push_str(&format!("    pub {}: {kind},\n", self.name));
    }
}

impl ToTokens for Field {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let docs = format!(" {}", self.docs);
        let Self { attributes, name, .. } = self;
        let kind = self.kind();
        tokens.extend(quote!(#[doc = #docs] #[column(#(#attributes),*)] pub #name: #kind));
    }
}
