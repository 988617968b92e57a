//! The grammar of `#[collector(…)]` and `#[column(…)]`: `key = value` and `key(…)`, separated by commas.

use proc_macro2::{Ident, Span, TokenStream};
use syn::ext::IdentExt as _;
use syn::parse::{Parse, ParseStream, Parser as _};
use syn::punctuated::Punctuated;
use syn::{Attribute, Expr, ExprLit, Lit, Meta, Token, bracketed, parenthesized, token};

/// One `key = value` or `key(…)`.
pub(crate) struct Item {
    pub(crate) key: Ident,
    pub(crate) value: Value,
}

/// What stands behind a key.
pub(crate) enum Value {
    Scalar(String, Span),
    List(Vec<Value>, Span),
    Items(Vec<Item>, Span),
}

/// All items of the attributes of that name.
pub(crate) fn items(attributes: &[Attribute], name: &str) -> syn::Result<Vec<Item>> {
    let mut all = Vec::new();
    for attribute in attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident(name))
    {
        let tokens: TokenStream = attribute.meta.require_list()?.tokens.clone();
        all.extend(parse_items.parse2(tokens)?);
    }
    Ok(all)
}

/// The first paragraph of the doc comment, `None` when there is none.
pub(crate) fn doc(attributes: &[Attribute]) -> Option<(String, Span)> {
    let mut text = String::new();
    let mut span = None;
    for attribute in attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("doc"))
    {
        if let Meta::NameValue(meta) = &attribute.meta
            && let Expr::Lit(ExprLit {
                lit: Lit::Str(line), ..
            }) = &meta.value
        {
            if line.value().trim().is_empty() && !text.is_empty() {
                break;
            }
            span.get_or_insert(line.span());
            text.push_str(line.value().trim());
            text.push(' ');
        }
    }
    span.map(|span| (text.trim().to_owned(), span))
}

fn parse_items(input: ParseStream<'_>) -> syn::Result<Vec<Item>> {
    Ok(Punctuated::<Item, Token![,]>::parse_terminated(input)?
        .into_iter()
        .collect())
}

impl Parse for Item {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let key = Ident::parse_any(input)?;
        if input.peek(token::Paren) {
            let content;
            parenthesized!(content in input);
            let value = Value::Items(parse_items(&content)?, key.span());
            return Ok(Self { key, value });
        }
        input.parse::<Token![=]>()?;
        Ok(Self {
            key,
            value: input.parse()?,
        })
    }
}

impl Parse for Value {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        if input.peek(token::Bracket) {
            let content;
            let bracket = bracketed!(content in input);
            let list = Punctuated::<Self, Token![,]>::parse_terminated(&content)?;
            return Ok(Self::List(list.into_iter().collect(), bracket.span.join()));
        }
        let minus: Option<Token![-]> = input.parse()?;
        let literal: Lit = input.parse()?;
        let text = match &literal {
            Lit::Str(text) => text.value(),
            Lit::Int(number) => number.base10_digits().to_owned(),
            Lit::Float(number) => number.base10_digits().to_owned(),
            Lit::Bool(boolean) => boolean.value.to_string(),
            other => {
                return Err(syn::Error::new(
                    other.span(),
                    "write a text, a number, `true` or `false`",
                ));
            }
        };
        let sign = if minus.is_some() { "-" } else { "" };
        Ok(Self::Scalar(format!("{sign}{text}"), literal.span()))
    }
}
