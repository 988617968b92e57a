//! `#[derive(Row)]`: a struct and its attributes become a definition, which is compiled as a file's would be.

use pg_exporter_schema::{
    Collector, LockStrictness, Outcome, Severity, Usage, compile_node, constant, constant_origin,
};
use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{DeriveInput, Generics, Lifetime};

use crate::definition::{Definition, Origin};
use crate::lock;
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
    let mut outcome = compile_node(&definition.branch, &definition.node);
    let mut noted = TokenStream::new();
    // What the definition compiler wrote was compared with its lock already.
    if definition.origin.is_none() && !outcome.has_errors() {
        noted = proven(&input.ident, &mut outcome, &spans)?;
    }
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
        (None, Some(collector)) => {
            let implementation = implement(input, collector, &definition);
            Ok(quote!(#noted #implementation))
        }
        (None, None) => Err(syn::Error::new(
            input.ident.span(),
            "no definition came of this struct",
        )),
    }
}

/// Compares a struct with the lock that lies beside its file: what is wrong is added to the outcome, or told as warnings.
fn proven(name: &Ident, outcome: &mut Outcome, spans: &Spans) -> syn::Result<TokenStream> {
    let strictness = lock::strictness()?;
    let mut tokens = lock::tracked();
    if strictness == LockStrictness::Off {
        return Ok(tokens);
    }
    let Some((locks, tracked)) = lock::beside(name.span())? else {
        return match strictness {
            LockStrictness::Require => Err(syn::Error::new(
                name.span(),
                "nothing is recorded of this statement, and PG_EXPORTER_LOCK=require: run your exporter's `check --record \
                 --url URL`, which writes statements.lock beside this file",
            )),
            _ => Ok(tokens),
        };
    };
    tokens.extend(tracked);
    for found in locks.judge(outcome, &[], strictness) {
        // A place in the lock itself is none in this file.
        let (span, message) = if found.file.is_empty() {
            (spans.span(found.line), found.message.clone())
        } else {
            (name.span(), found.to_string())
        };
        tokens.extend(lock::told(&found, span, &message));
    }
    locks.attach(&mut outcome.collectors);
    Ok(tokens)
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
            proven,
        }) => constant_origin(&quote!(#file), &quote!(#line), &quote!(#query_line), proven),
        None => {
            let proven = &collector.origin.proven;
            constant_origin(
                &quote!(::core::file!()),
                &quote!(::core::line!()),
                &quote!(0),
                proven,
            )
        }
    };
    let constant = constant(collector, &origin);
    let position = |usage: fn(Usage) -> bool, name: &str| {
        let columns = collector.columns.iter().filter(|column| usage(column.usage));
        columns.into_iter().position(|column| column.column == name)
    };
    let fields = definition.fields.iter().map(|(ident, field, name)| {
        let span = field.ty.span();
        let label = position(|usage| usage == Usage::Label, name);
        let value = match (label, position(Usage::is_value, name)) {
            (Some(index), _) => quote_spanned!(span=> row.label(#index)),
            (None, Some(index)) => quote_spanned!(span=> row.value(#index)?),
            (None, None) => quote_spanned!(span=> ::core::compile_error!("a DISCARD column has no field; write `discard(…)`")),
        };
        quote!(#ident: #value)
    });
    implement_with(input, &constant, &{
        let name = &input.ident;
        quote!(::core::result::Result::Ok(#name { #(#fields),* }))
    })
}

/// An implementation that is never run, for a struct with mistakes.
fn stub(input: &DeriveInput) -> TokenStream {
    // A definition that says nothing and runs nowhere.
    let blank = Collector {
        skip: true,
        ..Collector::default()
    };
    let constant = constant(&blank, &constant_origin(&quote!(""), &quote!(0), &quote!(0), &[]));
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
    let parameters = &input.generics;
    // The struct with the lifetime of the result; one without labels has none.
    let row = Lifetime::new("'__row", Span::call_site());
    let of = input.generics.lifetimes().next().map(|_| quote!(<#row>));
    // Other parameters are a mistake that is told already; this one must not add to it.
    let of =
        if input.generics.type_params().next().is_none() && input.generics.const_params().next().is_none() {
            quote!(#name #of)
        } else {
            quote!(Self)
        };
    quote! {
        #[automatically_derived]
        impl #parameters ::pg_exporter::Row for #name #arguments {
            const COLLECTOR: ::pg_exporter::schema::Collector = #constant;

            type Of<#row> = #of;

            fn from_row<#row>(
                row: ::pg_exporter::RowView<#row>,
            ) -> ::core::result::Result<#of, ::pg_exporter::Unfit> {
                #body
            }
        }
    }
}
