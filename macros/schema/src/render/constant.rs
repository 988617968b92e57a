//! A definition as a constant expression. Lists are constants of their own: only there may what has a destructor be
//! borrowed for ever.

use std::time::Duration;

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;

use crate::language::key::{Key, Takes};
use crate::language::{collector, column, predicate};
use crate::model::{Bucket, Collector, Column, Family, Predicate, Setting, Tag, Text};

/// The whole definition as an expression of type `::pg_exporter::schema::Collector`, with that
/// [origin](constant_origin).
#[must_use]
pub fn constant(it: &Collector, origin: &TokenStream) -> TokenStream {
    let branch = &it.branch;
    let fields = collector::KEYS.iter().filter_map(|key| field(key, it));
    quote! {{
        use ::std::borrow::Cow::Borrowed;
        ::pg_exporter::schema::Collector {
            branch: Borrowed(#branch),
            #(#fields,)*
            origin: #origin,
        }
    }}
}

/// Where a definition is, of expressions for file and lines, and the releases it is proven on.
#[must_use]
pub fn constant_origin(
    file: &TokenStream,
    line: &TokenStream,
    query_line: &TokenStream,
    proven: &[u32],
) -> TokenStream {
    quote! {
        ::pg_exporter::schema::Origin {
            file: Borrowed(#file),
            line: #line,
            query_line: #query_line,
            proven: Borrowed(&[#(#proven),*]),
        }
    }
}

/// `field: value` of a key that has a field.
fn field<T>(key: &Key<T>, it: &T) -> Option<TokenStream> {
    let name = Ident::new(key.takes.field()?, Span::call_site());
    let value = match &key.takes {
        Takes::Suffix | Takes::Metric => return None,
        Takes::Text(field) | Takes::Prefix(field) | Takes::Statement(field) => {
            let text = (field.get)(it);
            quote!(Borrowed(#text))
        }
        Takes::Tags(field) => list("Tag", (field.get)(it).iter().map(tag)),
        Takes::Schemas(field) | Takes::Functions(field) => texts((field.get)(it)),
        Takes::Settings(field) => list("Setting", (field.get)(it).iter().map(setting)),
        Takes::Seconds(field) => duration((field.get)(it)),
        Takes::Timeout(field) => option((field.get)(it).as_ref().map(duration)),
        Takes::Version(field) => number((field.get)(it)),
        Takes::Boolean(field) => number((field.get)(it)),
        Takes::Priority(field) => number((field.get)(it)),
        Takes::Count(field) => number((field.get)(it)),
        Takes::Usage(field) => {
            let variant = Ident::new(&format!("{:?}", (field.get)(it)), Span::call_site());
            quote!(::pg_exporter::schema::Usage::#variant)
        }
        Takes::Factor(field) => number((field.get)(it)),
        Takes::Number(field) => option((field.get)(it).as_ref().map(number)),
        Takes::Bounds(field) => list("Bucket", (field.get)(it).iter().map(bucket)),
        Takes::Predicates(field) => list("Predicate", (field.get)(it).iter().map(predicate)),
        Takes::Columns(field) => list("Column", (field.get)(it).iter().map(column)),
    };
    Some(quote!(#name: #value))
}

fn list(kind: &str, items: impl Iterator<Item = TokenStream>) -> TokenStream {
    let kind = Ident::new(kind, Span::call_site());
    quote!({
        const LIST: &[::pg_exporter::schema::#kind] = &[#(#items),*];
        Borrowed(LIST)
    })
}

fn texts(list: &[Text]) -> TokenStream {
    quote!({
        const LIST: &[::pg_exporter::schema::Text] = &[#(Borrowed(#list)),*];
        Borrowed(LIST)
    })
}

fn setting(setting: &Setting) -> TokenStream {
    let Setting { name, value } = setting;
    quote!(::pg_exporter::schema::Setting { name: Borrowed(#name), value: Borrowed(#value) })
}

fn predicate(it: &Predicate) -> TokenStream {
    let fields = predicate::KEYS.iter().filter_map(|key| field(key, it));
    quote!(::pg_exporter::schema::Predicate { #(#fields),* })
}

fn column(it: &Column) -> TokenStream {
    let Column { column, name, .. } = it;
    let fields = column::KEYS.iter().filter_map(|key| field(key, it));
    let families = list("Family", it.families.iter().map(family));
    quote! {
        ::pg_exporter::schema::Column {
            column: Borrowed(#column),
            name: Borrowed(#name),
            #(#fields,)*
            families: #families,
        }
    }
}

fn tag(tag: &Tag) -> TokenStream {
    let variant = match tag {
        Tag::Cluster => quote!(Cluster),
        Tag::Primary => quote!(Primary),
        Tag::Replica => quote!(Replica),
        Tag::Pgbouncer => quote!(Pgbouncer),
        Tag::Extension(name) => quote!(Extension(Borrowed(#name))),
        Tag::ExtensionFrom(name, version) => quote!(ExtensionFrom(Borrowed(#name), Borrowed(#version))),
        Tag::Schema(name) => quote!(Schema(Borrowed(#name))),
        Tag::Database(name) => quote!(Database(Borrowed(#name))),
        Tag::User(name) => quote!(User(Borrowed(#name))),
        Tag::Flavour(name) => quote!(Flavour(Borrowed(#name))),
        Tag::Not(name) => quote!(Not(Borrowed(#name))),
        Tag::Custom(name) => quote!(Custom(Borrowed(#name))),
    };
    quote!(::pg_exporter::schema::Tag::#variant)
}

fn bucket(bucket: &Bucket) -> TokenStream {
    let Bucket { bound, le } = bucket;
    quote!(::pg_exporter::schema::Bucket { bound: #bound, le: Borrowed(#le) })
}

fn family(family: &Family) -> TokenStream {
    let Family { name, head } = family;
    quote!(::pg_exporter::schema::Family { name: Borrowed(#name), head: Borrowed(#head) })
}

fn duration(duration: &Duration) -> TokenStream {
    let (seconds, nanos) = (duration.as_secs(), duration.subsec_nanos());
    quote!(::core::time::Duration::new(#seconds, #nanos))
}

fn number(value: &impl quote::ToTokens) -> TokenStream {
    quote!(#value)
}

fn option(value: Option<TokenStream>) -> TokenStream {
    match value {
        Some(value) => quote!(::core::option::Option::Some(#value)),
        None => quote!(::core::option::Option::None),
    }
}
