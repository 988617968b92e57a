//! The attributes that the derive macro reads: the definition with everything resolved, so that resolving it again
//! gives the same.

use std::time::Duration;

use proc_macro2::{Ident, Literal, TokenStream};
use quote::quote;

use crate::dump::usage;
use crate::{Collector, Column, DEFAULT_TIMEOUT, OPEN, Predicate, Usage};

/// The items of `#[collector(…)]`.
pub(crate) fn of_collector(collector: &Collector) -> Vec<TokenStream> {
    let Collector {
        branch,
        name,
        desc,
        query,
        ..
    } = collector;
    let priority = Literal::i64_unsuffixed(collector.priority);
    // An empty `desc` is written as well: without it the derive would take the doc comment.
    let mut items = vec![
        quote!(branch = #branch),
        quote!(name = #name),
        quote!(desc = #desc),
        quote!(query = #query),
    ];
    items.extend(collector.predicates.iter().map(predicate));
    conditions(collector, &mut items);
    limits(collector, &mut items);
    items.push(quote!(priority = #priority));
    discards(collector, &mut items);
    let (file, line, query_line) = (
        &collector.origin.file,
        collector.origin.line,
        collector.origin.query_line,
    );
    let (line, query_line) = (Literal::u32_unsuffixed(line), Literal::u32_unsuffixed(query_line));
    items.push(quote!(origin(file = #file, line = #line, query_line = #query_line)));
    items
}

/// The items of `#[column(…)]`.
pub(crate) fn of_column(collector: &Collector, column: &Column, field: &Ident) -> Vec<TokenStream> {
    let mut items = Vec::new();
    if field.to_string().trim_start_matches("r#") != column.column {
        let name = &column.column;
        items.push(quote!(column = #name));
    }
    let (usage, help) = (usage(column.usage), &column.help);
    items.push(quote!(usage = #usage));
    items.extend(rename(collector, column).map(|word| quote!(rename = #word)));
    if column.scale.to_bits() != 1.0_f64.to_bits() {
        let scale = number(column.scale);
        items.push(quote!(scale = #scale));
    }
    items.extend(
        column
            .default
            .map(number)
            .map(|default| quote!(default = #default)),
    );
    if !column.buckets.is_empty() {
        let bounds = column.buckets.iter().map(|bucket| number(bucket.bound));
        items.push(quote!(bucket = [#(#bounds),*]));
    }
    items.push(quote!(description = #help));
    items
}

/// What `rename` a column was given, if any.
pub(crate) fn rename(collector: &Collector, column: &Column) -> Option<String> {
    let word = if column.usage.is_value() {
        column
            .name
            .strip_prefix(collector.name.as_ref())?
            .strip_prefix('_')?
    } else {
        column.name.as_ref()
    };
    (word != column.column).then(|| word.to_owned())
}

/// Columns without a field, each with its place among all columns.
fn discards(collector: &Collector, items: &mut Vec<TokenStream>) {
    for (at, column) in collector
        .columns
        .iter()
        .enumerate()
        .filter(|(_, column)| column.usage == Usage::Discard)
    {
        let (at, name, help) = (Literal::usize_unsuffixed(at), &column.column, &column.help);
        items.push(quote!(discard(at = #at, column = #name, description = #help)));
    }
}

fn predicate(predicate: &Predicate) -> TokenStream {
    let Predicate { name, query, ttl } = predicate;
    let ttl = seconds(*ttl);
    quote!(predicate(name = #name, predicate_query = #query, ttl = #ttl))
}

fn conditions(collector: &Collector, items: &mut Vec<TokenStream>) {
    if !collector.tags.is_empty() {
        let tags = collector.tags.iter().map(ToString::to_string);
        items.push(quote!(tags = [#(#tags),*]));
    }
    if collector.min_version != 0 {
        let version = Literal::u32_unsuffixed(collector.min_version);
        items.push(quote!(min_version = #version));
    }
    if collector.max_version != OPEN {
        let version = Literal::u32_unsuffixed(collector.max_version);
        items.push(quote!(max_version = #version));
    }
}

fn limits(collector: &Collector, items: &mut Vec<TokenStream>) {
    if !collector.ttl.is_zero() {
        let ttl = seconds(collector.ttl);
        items.push(quote!(ttl = #ttl));
    }
    match collector.timeout.map(|timeout| (timeout, seconds(timeout))) {
        Some((DEFAULT_TIMEOUT, _)) => {}
        Some((_, timeout)) => items.push(quote!(timeout = #timeout)),
        None => items.push(quote!(timeout = -1)),
    }
    items.extend(collector.fatal.then(|| quote!(fatal = true)));
    items.extend(collector.skip.then(|| quote!(skip = true)));
    if collector.max_series != 0 {
        let limit = Literal::u64_unsuffixed(collector.max_series);
        items.push(quote!(max_series = #limit));
    }
    if !collector.max_stale.is_zero() {
        let stale = seconds(collector.max_stale);
        items.push(quote!(max_stale = #stale));
    }
}

fn seconds(duration: Duration) -> TokenStream {
    number(duration.as_secs_f64())
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
