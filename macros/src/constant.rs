//! A definition as a constant expression. Lists are constants of their own: only there may what has a destructor be
//! borrowed for ever.

use std::time::Duration;

use pg_exporter_schema::{Bucket, Collector, Column, Family, Predicate, Tag, Usage};
use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;

/// The whole definition, with that origin.
pub(crate) fn collector(collector: &Collector, origin: &TokenStream) -> TokenStream {
    let Collector {
        branch,
        name,
        desc,
        query,
        min_version,
        max_version,
        ..
    } = collector;
    let Collector {
        fatal,
        skip,
        priority,
        max_series,
        ..
    } = collector;
    let predicates = list("Predicate", collector.predicates.iter().map(predicate));
    let tags = list("Tag", collector.tags.iter().map(tag));
    let columns = list("Column", collector.columns.iter().map(column));
    let (ttl, max_stale) = (duration(collector.ttl), duration(collector.max_stale));
    let timeout = option(collector.timeout.map(duration));
    quote! {{
        use ::std::borrow::Cow::Borrowed;
        ::pg_exporter::schema::Collector {
            branch: Borrowed(#branch),
            name: Borrowed(#name),
            desc: Borrowed(#desc),
            query: Borrowed(#query),
            predicates: #predicates,
            tags: #tags,
            ttl: #ttl,
            timeout: #timeout,
            min_version: #min_version,
            max_version: #max_version,
            fatal: #fatal,
            skip: #skip,
            priority: #priority,
            max_series: #max_series,
            max_stale: #max_stale,
            columns: #columns,
            origin: #origin,
        }
    }}
}

/// A definition that says nothing, for a struct with mistakes.
pub(crate) fn blank() -> TokenStream {
    let blank = Collector {
        branch: "".into(),
        name: "".into(),
        desc: "".into(),
        query: "".into(),
        predicates: Vec::new().into(),
        tags: Vec::new().into(),
        ttl: Duration::ZERO,
        timeout: None,
        min_version: 0,
        max_version: 0,
        fatal: false,
        skip: true,
        priority: 0,
        max_series: 0,
        max_stale: Duration::ZERO,
        columns: Vec::new().into(),
        origin: pg_exporter_schema::Origin::default(),
    };
    collector(&blank, &origin(&quote!(""), &quote!(0), &quote!(0)))
}

/// Where it is defined.
pub(crate) fn origin(file: &TokenStream, line: &TokenStream, query_line: &TokenStream) -> TokenStream {
    quote! {
        ::pg_exporter::schema::Origin { file: Borrowed(#file), line: #line, query_line: #query_line }
    }
}

fn list(kind: &str, items: impl Iterator<Item = TokenStream>) -> TokenStream {
    let kind = Ident::new(kind, Span::call_site());
    quote!({
        const LIST: &[::pg_exporter::schema::#kind] = &[#(#items),*];
        Borrowed(LIST)
    })
}

fn predicate(predicate: &Predicate) -> TokenStream {
    let Predicate { name, query, ttl } = predicate;
    let ttl = duration(*ttl);
    quote!(::pg_exporter::schema::Predicate { name: Borrowed(#name), query: Borrowed(#query), ttl: #ttl })
}

fn tag(tag: &Tag) -> TokenStream {
    let variant = match tag {
        Tag::Cluster => quote!(Cluster),
        Tag::Primary => quote!(Primary),
        Tag::Replica => quote!(Replica),
        Tag::Pgbouncer => quote!(Pgbouncer),
        Tag::Extension(name) => quote!(Extension(Borrowed(#name))),
        Tag::Schema(name) => quote!(Schema(Borrowed(#name))),
        Tag::Database(name) => quote!(Database(Borrowed(#name))),
        Tag::User(name) => quote!(User(Borrowed(#name))),
        Tag::Not(name) => quote!(Not(Borrowed(#name))),
        Tag::Custom(name) => quote!(Custom(Borrowed(#name))),
    };
    quote!(::pg_exporter::schema::Tag::#variant)
}

fn column(item: &Column) -> TokenStream {
    let Column {
        column,
        name,
        help,
        scale,
        ..
    } = item;
    let usage = usage(item.usage);
    let default = option(item.default.map(|default| quote!(#default)));
    let buckets = list("Bucket", item.buckets.iter().map(bucket));
    let families = list("Family", item.families.iter().map(family));
    quote! {
        ::pg_exporter::schema::Column {
            column: Borrowed(#column),
            name: Borrowed(#name),
            usage: #usage,
            help: Borrowed(#help),
            scale: #scale,
            default: #default,
            buckets: #buckets,
            families: #families,
        }
    }
}

fn usage(usage: Usage) -> TokenStream {
    let variant = match usage {
        Usage::Label => quote!(Label),
        Usage::Gauge => quote!(Gauge),
        Usage::Counter => quote!(Counter),
        Usage::Histogram => quote!(Histogram),
        Usage::Discard => quote!(Discard),
    };
    quote!(::pg_exporter::schema::Usage::#variant)
}

fn bucket(bucket: &Bucket) -> TokenStream {
    let Bucket { bound, le } = bucket;
    quote!(::pg_exporter::schema::Bucket { bound: #bound, le: Borrowed(#le) })
}

fn family(family: &Family) -> TokenStream {
    let Family { name, head } = family;
    quote!(::pg_exporter::schema::Family { name: Borrowed(#name), head: Borrowed(#head) })
}

fn duration(duration: Duration) -> TokenStream {
    let (seconds, nanos) = (duration.as_secs(), duration.subsec_nanos());
    quote!(::core::time::Duration::new(#seconds, #nanos))
}

fn option(value: Option<TokenStream>) -> TokenStream {
    match value {
        Some(value) => quote!(::core::option::Option::Some(#value)),
        None => quote!(::core::option::Option::None),
    }
}
