//! The attributes that the derive macro reads: the definition with everything resolved, so that resolving it again
//! gives the same.

use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::quote;

use crate::language::key::{Key, Place, Takes, Value};
use crate::language::{collector, column, predicate};
use crate::model::{Collector, Column, Usage};
use crate::render::rename::{metric, rename};

/// The items of `#[collector(…)]`.
pub(crate) fn of_collector(it: &Collector) -> Vec<TokenStream> {
    let branch = &it.branch;
    let mut items = vec![quote!(branch = #branch)];
    for key in collector::KEYS {
        match key.get(it) {
            Value::Predicates(list) => items.extend(list.iter().map(predicate)),
            // Columns are the attributes of fields, but for those that have none.
            Value::Columns(_) => discards(it, &mut items),
            // An empty text is written as well: without `desc` the derive would take the doc comment.
            Value::Text(_) => items.extend(item(key, Some(key.get(it)))),
            _ => items.extend(item(key, key.given(it))),
        }
    }
    let file = &it.origin.file;
    let (line, query_line) = (it.origin.line, it.origin.query_line);
    let (line, query_line) = (Literal::u32_unsuffixed(line), Literal::u32_unsuffixed(query_line));
    let mut origin = quote!(file = #file, line = #line, query_line = #query_line);
    if !it.origin.proven.is_empty() {
        let proven = it
            .origin
            .proven
            .iter()
            .map(|release| Literal::u32_unsuffixed(*release));
        origin.extend(quote!(, proven = [#(#proven),*]));
    }
    items.push(quote!(origin(#origin)));
    items
}

/// The items of `#[column(…)]`.
pub(crate) fn of_column(of: &Collector, it: &Column, field: &Ident) -> Vec<TokenStream> {
    let mut items = Vec::new();
    if field.to_string().trim_start_matches("r#") != it.column {
        let name = &it.column;
        items.push(quote!(column = #name));
    }
    for key in column::KEYS {
        let value = match (&key.takes, key.place) {
            (Takes::Suffix, _) => rename(of, it).map(Value::Text),
            (Takes::Metric, _) => metric(of, it).map(Value::Text),
            (_, Place::Needed) => Some(key.get(it)),
            _ => key.given(it),
        };
        items.extend(item(key, value));
    }
    items
}

/// Columns without a field, each with its place among all columns.
fn discards(of: &Collector, items: &mut Vec<TokenStream>) {
    let discarded = |(_, column): &(usize, &Column)| column.usage == Usage::Discard;
    for (at, it) in of.columns.iter().enumerate().filter(discarded) {
        let (at, name, help) = (Literal::usize_unsuffixed(at), &it.column, &it.help);
        items.push(quote!(discard(at = #at, column = #name, description = #help)));
    }
}

fn predicate(it: &crate::model::Predicate) -> TokenStream {
    let items = predicate::KEYS
        .iter()
        .filter_map(|key| item(key, Some(key.get(it))));
    quote!(predicate(#(#items),*))
}

/// `key = value`, when there is a value that can be written so.
fn item<T>(key: &Key<T>, value: Option<Value<'_>>) -> Option<TokenStream> {
    let value = match value? {
        Value::Text(text) => quote!(#text),
        Value::Boolean(flag) => quote!(#flag),
        Value::Number(value) => number(value),
        Value::Whole(value) => {
            let literal = Literal::i64_unsuffixed(value);
            quote!(#literal)
        }
        Value::Words(words) => quote!([#(#words),*]),
        Value::Settings(list) => {
            let assignments = list.iter().map(|one| format!("{}={}", one.name, one.value));
            quote!([#(#assignments),*])
        }
        Value::Numbers(values) => {
            let values = values.into_iter().map(number);
            quote!([#(#values),*])
        }
        Value::Nothing | Value::Predicates(_) | Value::Columns(_) => return None,
    };
    let name = Ident::new(key.name, Span::call_site());
    Some(quote!(#name = #value))
}

/// A number as a literal; the model holds only finite ones.
fn number(number: f64) -> TokenStream {
    let size = Literal::f64_unsuffixed(if number.is_finite() { number.abs() } else { 0.0 });
    if number.is_sign_negative() {
        quote!(-#size)
    } else {
        quote!(#size)
    }
}
