//! What a struct and its attributes say, as the tree of a definition.

use pg_exporter_schema::{At, Node};
use proc_macro2::Ident;
use syn::ext::IdentExt as _;
use syn::{Data, DeriveInput, Field, Fields};

use crate::attributes::{self, Item, Value};
use crate::tree::Spans;

/// What a struct says.
pub(crate) struct Definition<'a> {
    pub(crate) branch: At<String>,
    pub(crate) node: Node,
    /// Column name of each field.
    pub(crate) fields: Vec<Named<'a>>,
    /// `origin(…)`, which generated structs have.
    pub(crate) origin: Option<Origin>,
}

/// Where a generated struct was defined.
pub(crate) struct Origin {
    pub(crate) file: String,
    pub(crate) line: u32,
    pub(crate) query_line: u32,
    pub(crate) proven: Vec<u32>,
}

impl<'a> Definition<'a> {
    pub(crate) fn read(input: &'a DeriveInput, spans: &mut Spans) -> syn::Result<Self> {
        let mut items = attributes::items(&input.attrs, "collector")?;
        let origin = take(&mut items, "origin").last().map(origin);
        let discards = take(&mut items, "discard");
        let branch = branch(&mut items, &input.ident, spans);
        let mut pairs = settings(items, input, spans);
        let (fields, mut columns) = columns(input, spans)?;
        place_discards(&discards, &mut columns, spans);
        let span = input.ident.span();
        pairs.push((spans.key("metrics", span), spans.list(columns, span)));
        Ok(Self {
            branch,
            node: spans.map(pairs, span),
            fields,
            origin,
        })
    }
}

/// The keys of the definition but for `metrics`.
fn settings(mut items: Vec<Item>, input: &DeriveInput, spans: &mut Spans) -> Vec<(At<String>, Node)> {
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
    pairs
}

/// A field, and the column it holds.
pub(crate) type Named<'a> = (&'a Ident, &'a Field, String);

fn columns<'a>(input: &'a DeriveInput, spans: &mut Spans) -> syn::Result<(Vec<Named<'a>>, Vec<Node>)> {
    let mut fields = Vec::new();
    let mut nodes = Vec::new();
    for (ident, field) in named_fields(input)? {
        let (name, node) = column(ident, field, spans)?;
        fields.push((ident, field, name));
        nodes.push(node);
    }
    Ok((fields, nodes))
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
        proven: numbers(items, "proven"),
    }
}

fn numbers(items: &[Item], key: &str) -> Vec<u32> {
    let values = items
        .iter()
        .filter(|item| item.key == key)
        .flat_map(|item| match &item.value {
            Value::List(values, _) => values.as_slice(),
            Value::Scalar(..) | Value::Items(..) => &[],
        });
    let number = |value: &Value| match value {
        Value::Scalar(text, _) => text.parse().ok(),
        Value::List(..) | Value::Items(..) => None,
    };
    values.filter_map(number).collect()
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
