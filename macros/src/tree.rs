//! From attributes to the tree that the definition compiler reads, and back from its positions to spans.

use pg_exporter_schema::{At, Diagnostic, Kind, Node, Position};
use proc_macro2::Span;

use crate::attributes::{Item, Value};

/// Spans by the line that stands for them.
#[derive(Default)]
pub(crate) struct Spans(Vec<Span>);

impl Spans {
    /// A position that stands for a span.
    pub(crate) fn position(&mut self, span: Span) -> Position {
        self.0.push(span);
        Position::new(u32::try_from(self.0.len()).unwrap_or(0), 1)
    }

    /// The mistake as a compile error where it was made.
    pub(crate) fn error(&self, diagnostic: &Diagnostic) -> syn::Error {
        syn::Error::new(self.span(diagnostic.line), &diagnostic.message)
    }

    /// The span that a line stands for.
    pub(crate) fn span(&self, line: u32) -> Span {
        let index = usize::try_from(line).unwrap_or(0).checked_sub(1);
        let span = index.and_then(|index| self.0.get(index).copied());
        span.unwrap_or_else(Span::call_site)
    }

    pub(crate) fn scalar(&mut self, text: impl Into<String>, span: Span) -> Node {
        Node {
            position: self.position(span),
            kind: Kind::Scalar(text.into()),
        }
    }

    pub(crate) fn list(&mut self, nodes: Vec<Node>, span: Span) -> Node {
        Node {
            position: self.position(span),
            kind: Kind::List(nodes),
        }
    }

    pub(crate) fn map(&mut self, pairs: Vec<(At<String>, Node)>, span: Span) -> Node {
        Node {
            position: self.position(span),
            kind: Kind::Map(pairs),
        }
    }

    pub(crate) fn key(&mut self, name: &str, span: Span) -> At<String> {
        At::new(name.to_owned(), self.position(span))
    }

    pub(crate) fn pair(&mut self, item: &Item) -> (At<String>, Node) {
        (
            self.key(&item.key.to_string(), item.key.span()),
            self.node(&item.value),
        )
    }

    pub(crate) fn node(&mut self, value: &Value) -> Node {
        match value {
            Value::Scalar(text, span) => self.scalar(text.as_str(), *span),
            Value::List(values, span) => {
                let nodes = values.iter().map(|value| self.node(value)).collect();
                self.list(nodes, *span)
            }
            Value::Items(items, span) => {
                let pairs = items.iter().map(|item| self.pair(item)).collect();
                self.map(pairs, *span)
            }
        }
    }
}
