//! `#[derive(Row)]`: a struct and its attributes become a definition, which is compiled as a file's would be.

use pg_exporter_schema::{At, Collector, Node, Severity, Usage, compile_node};
use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::ext::IdentExt as _;
use syn::spanned::Spanned as _;
use syn::{Data, DeriveInput, Field, Fields, Generics, Lifetime};

use crate::attributes::{self, Item, Value};
use crate::constant;
use crate::tree::Spans;

pub(crate) fn expand(input: TokenStream) -> TokenStream {
    let input: DeriveInput = match syn::parse2(input) {
        Ok(input) => input,
        Err(error) => return error.into_compile_error(),
    };
    match implementation(&input) {
        Ok(tokens) => tokens,
        Err(error) => {
            // The trait is implemented all the same, so that what uses the struct adds no errors of its own.
            let stub = stub(&input);
            let error = error.into_compile_error();
            quote!(#error #stub)
        }
    }
}

fn implementation(input: &DeriveInput) -> syn::Result<TokenStream> {
    check_generics(&input.generics)?;
    let mut spans = Spans::default();
    let definition = Definition::read(input, &mut spans)?;
    let outcome = compile_node(&definition.branch, &definition.node);
    let errors = outcome
        .diagnostics
        .iter()
        .filter(|found| found.severity == Severity::Error);
    let error = errors.map(|found| spans.error(found)).reduce(|mut all, error| {
        all.combine(error);
        all
    });
    match (error, outcome.collectors.first()) {
        (Some(error), _) => Err(error),
        (None, Some(collector)) => Ok(implement(input, collector, &definition)),
        (None, None) => Err(syn::Error::new(
            input.ident.span(),
            "no definition came of this struct",
        )),
    }
}

/// What a struct says.
struct Definition<'a> {
    branch: At<String>,
    node: Node,
    /// Column name of each field.
    fields: Vec<(&'a Ident, &'a Field, String)>,
    /// `origin(…)`, which generated structs have.
    origin: Option<Origin>,
}

struct Origin {
    file: String,
    line: u32,
    query_line: u32,
}

impl<'a> Definition<'a> {
    fn read(input: &'a DeriveInput, spans: &mut Spans) -> syn::Result<Self> {
        let mut items = attributes::items(&input.attrs, "collector")?;
        let origin = take(&mut items, "origin").last().map(origin);
        let discards = take(&mut items, "discard");
        let branch = branch(&mut items, &input.ident, spans);
        let predicates = take(&mut items, "predicate");
        let mut pairs: Vec<_> = items.iter().map(|item| spans.pair(item)).collect();
        if let Some(first) = predicates.first() {
            let span = first.key.span();
            let nodes = predicates.iter().map(|item| spans.node(&item.value)).collect();
            pairs.push((spans.key("predicate_queries", span), spans.list(nodes, span)));
        }
        if let Some((doc, span)) = attributes::doc(&input.attrs).filter(|_| lacks(&items, "desc")) {
            pairs.push((spans.key("desc", span), spans.scalar(doc, span)));
        }
        let fields = named_fields(input)?;
        let mut columns = Vec::with_capacity(fields.len());
        let mut read = Vec::with_capacity(fields.len());
        for (ident, field) in fields {
            let (name, node) = column(ident, field, spans)?;
            columns.push(node);
            read.push((ident, field, name));
        }
        place_discards(&discards, &mut columns, spans);
        let span = input.ident.span();
        pairs.push((spans.key("metrics", span), spans.list(columns, span)));
        Ok(Self {
            branch,
            node: spans.map(pairs, span),
            fields: read,
            origin,
        })
    }
}

fn branch(items: &mut Vec<Item>, ident: &Ident, spans: &mut Spans) -> At<String> {
    match take(items, "branch")
        .into_iter()
        .next_back()
        .map(|item| item.value)
    {
        Some(Value::Scalar(text, span)) => spans.key(&text, span),
        _ => spans.key(&snake_case(&ident.unraw().to_string()), ident.span()),
    }
}

fn column(ident: &Ident, field: &Field, spans: &mut Spans) -> syn::Result<(String, Node)> {
    let mut items = attributes::items(&field.attrs, "column")?;
    let (name, span) = match take(&mut items, "column").pop().map(|item| item.value) {
        Some(Value::Scalar(text, span)) => (text, span),
        _ => (ident.unraw().to_string(), ident.span()),
    };
    let mut pairs: Vec<_> = items.iter().map(|item| spans.pair(item)).collect();
    if let Some((doc, span)) = attributes::doc(&field.attrs).filter(|_| lacks(&items, "description")) {
        pairs.push((spans.key("description", span), spans.scalar(doc, span)));
    }
    let pair = (spans.key(&name, span), spans.map(pairs, span));
    Ok((name, spans.map(vec![pair], span)))
}

/// Columns without a field, each at its place among all.
fn place_discards(discards: &[Item], columns: &mut Vec<Node>, spans: &mut Spans) {
    for discard in discards {
        let Value::Items(items, span) = &discard.value else {
            continue;
        };
        let name = text(items, "column").unwrap_or_default();
        let at = text(items, "at")
            .and_then(|at| at.parse().ok())
            .unwrap_or(columns.len())
            .min(columns.len());
        let kept = items
            .iter()
            .filter(|item| item.key != "column" && item.key != "at");
        let mut pairs: Vec<_> = kept.map(|item| spans.pair(item)).collect();
        pairs.push((spans.key("usage", *span), spans.scalar("DISCARD", *span)));
        let pair = (spans.key(&name, *span), spans.map(pairs, *span));
        columns.insert(at, spans.map(vec![pair], *span));
    }
}

fn origin(item: &Item) -> Origin {
    let items: &[Item] = if let Value::Items(items, _) = &item.value {
        items
    } else {
        &[]
    };
    let number = |key| text(items, key).and_then(|text| text.parse().ok()).unwrap_or(0);
    Origin {
        file: text(items, "file").unwrap_or_default(),
        line: number("line"),
        query_line: number("query_line"),
    }
}

fn text(items: &[Item], key: &str) -> Option<String> {
    items
        .iter()
        .find(|item| item.key == key)
        .and_then(|item| match &item.value {
            Value::Scalar(text, _) => Some(text.clone()),
            Value::List(..) | Value::Items(..) => None,
        })
}

fn take(items: &mut Vec<Item>, key: &str) -> Vec<Item> {
    items.extract_if(.., |item| item.key == key).collect()
}

fn lacks(items: &[Item], key: &str) -> bool {
    !items.iter().any(|item| item.key == key)
}

fn named_fields(input: &DeriveInput) -> syn::Result<Vec<(&Ident, &Field)>> {
    let message = "a row is a struct with named fields, one for each column";
    let Data::Struct(data) = &input.data else {
        return Err(syn::Error::new(input.ident.span(), message));
    };
    let Fields::Named(fields) = &data.fields else {
        return Err(syn::Error::new(input.ident.span(), message));
    };
    Ok(fields
        .named
        .iter()
        .filter_map(|field| field.ident.as_ref().map(|ident| (ident, field)))
        .collect())
}

fn check_generics(generics: &Generics) -> syn::Result<()> {
    if generics.lifetimes().count() <= 1 && generics.params.len() == generics.lifetimes().count() {
        return Ok(());
    }
    Err(syn::Error::new(
        generics.span(),
        "a row has one lifetime at most, that of its labels, and no other parameter",
    ))
}

fn implement(input: &DeriveInput, collector: &Collector, definition: &Definition<'_>) -> TokenStream {
    let origin = match &definition.origin {
        Some(Origin {
            file,
            line,
            query_line,
        }) => constant::origin(&quote!(#file), &quote!(#line), &quote!(#query_line)),
        None => constant::origin(&quote!(::core::file!()), &quote!(::core::line!()), &quote!(0)),
    };
    let constant = constant::collector(collector, &origin);
    let position = |usage: fn(Usage) -> bool, name: &str| {
        let columns = collector.columns.iter().filter(|column| usage(column.usage));
        columns.into_iter().position(|column| column.column == name)
    };
    let fields = definition.fields.iter().map(|(ident, field, name)| {
        let span = field.ty.span();
        let label = position(|usage| usage == Usage::Label, name);
        let value = match (label, position(Usage::is_value, name)) {
            (Some(index), _) => quote_spanned!(span=> row.label(#index)),
            (None, Some(index)) => quote_spanned!(span=> row.value(#index)),
            (None, None) => quote_spanned!(span=> ::core::compile_error!("a DISCARD column has no field; write `discard(…)`")),
        };
        quote!(#ident: #value)
    });
    implement_with(input, &constant, &quote!(Self { #(#fields),* }))
}

/// An implementation that is never run, for a struct with mistakes.
fn stub(input: &DeriveInput) -> TokenStream {
    let constant = constant::blank();
    implement_with(
        input,
        &constant,
        &quote!({
            let _ = row;
            ::core::unreachable!()
        }),
    )
}

fn implement_with(input: &DeriveInput, constant: &TokenStream, body: &TokenStream) -> TokenStream {
    let name = &input.ident;
    let (_, arguments, _) = input.generics.split_for_impl();
    let lifetime = input
        .generics
        .lifetimes()
        .next()
        .map(|param| param.lifetime.clone());
    let lifetime = lifetime.unwrap_or_else(|| Lifetime::new("'a", Span::call_site()));
    quote! {
        #[automatically_derived]
        impl<#lifetime> ::pg_exporter::Row<#lifetime> for #name #arguments {
            const COLLECTOR: ::pg_exporter::schema::Collector = #constant;

            fn from_row(row: ::pg_exporter::RowView<#lifetime>) -> Self {
                #body
            }
        }
    }
}

fn snake_case(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    for c in name.chars() {
        if c.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}
