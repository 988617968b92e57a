//! `SET name = value;` in front of a statement, as other exporters let it be written.

use super::scan::{Kind, Token, tokens};

/// A setting of the server, as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Assignment {
    pub(crate) name: String,
    pub(crate) values: Vec<String>,
    /// Where it begins, in bytes.
    pub(crate) offset: usize,
}

/// What stands in front of a statement, and where that begins in bytes. `None`: nothing does, or something that is no
/// plain assignment.
pub(crate) fn prelude(text: &str) -> Option<(Vec<Assignment>, usize)> {
    let list: Vec<Token<'_>> = tokens(text).collect();
    let mut assignments = Vec::new();
    let mut rest = list.as_slice();
    while rest.first().is_some_and(|token| token.kind.is("SET")) {
        let end = rest.iter().position(|token| token.kind == Kind::End)?;
        assignments.push(assignment(rest.get(..end)?)?);
        rest = rest.get(end + 1..)?;
        while rest.first().is_some_and(|token| token.kind == Kind::End) {
            rest = rest.get(1..)?;
        }
    }
    let statement = rest.first()?.offset;
    (!assignments.is_empty()).then_some((assignments, statement))
}

fn assignment(list: &[Token<'_>]) -> Option<Assignment> {
    let (set, mut rest) = list.split_first()?;
    if rest.first()?.kind.is_one_of(&["LOCAL", "SESSION"]) {
        rest = rest.get(1..)?;
    }
    let is_zone = rest.first()?.kind.is("TIME") && rest.get(1)?.kind.is("ZONE");
    let (name, values) = if is_zone {
        ("timezone".to_owned(), rest.get(2..)?)
    } else {
        let end = rest
            .iter()
            .position(|token| token.kind == Kind::Symbol('=') || token.kind.is("TO"))?;
        (name(rest.get(..end)?)?, rest.get(end + 1..)?)
    };
    let values: Option<Vec<String>> = values
        .split(|token| token.kind == Kind::Symbol(','))
        .map(value)
        .collect();
    Some(Assignment {
        name,
        values: values?,
        offset: set.offset,
    })
}

/// A name, with points if it has a prefix.
fn name(list: &[Token<'_>]) -> Option<String> {
    let part = |token: &Token<'_>| match token.kind {
        Kind::Word(word) => Some(word.to_ascii_lowercase()),
        Kind::Name(name) => Some(unquoted(name)),
        Kind::Symbol('.') => Some(".".to_owned()),
        _ => None,
    };
    let parts: Option<String> = list.iter().map(part).collect();
    parts.filter(|name| !name.is_empty())
}

fn value(list: &[Token<'_>]) -> Option<String> {
    let mut value = String::new();
    let mut text_end = None;
    for token in list {
        match token.kind {
            Kind::Text(text) if text.starts_with('\'') => {
                // Two quotes beside each other are one that the text holds.
                if text_end == Some(token.offset) {
                    value.push('\'');
                }
                value.push_str(&unquoted(text));
                text_end = Some(token.offset + text.len());
            }
            Kind::Name(name) => value.push_str(&unquoted(name)),
            Kind::Word(word) => value.push_str(word),
            Kind::Symbol(symbol @ ('-' | '+' | '.')) => value.push(symbol),
            _ => return None,
        }
    }
    (!list.is_empty()).then_some(value)
}

/// Without the quotes around it, doubled ones inside single.
fn unquoted(text: &str) -> String {
    let quote = text.get(..1).unwrap_or_default();
    let inner = text.get(1..text.len().saturating_sub(1)).unwrap_or_default();
    inner.replace(&quote.repeat(2), quote)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use super::*;

    #[test]
    fn assignments_are_taken_apart() {
        for (text, name, value) in [
            (
                "SET statement_timeout = '5s'; SELECT 1",
                "statement_timeout",
                "5s",
            ),
            ("-- x\nset local Work_Mem TO 64; ; SELECT 1", "work_mem", "64"),
            ("SET SESSION a.b = -1.5; SELECT 1", "a.b", "-1.5"),
            ("SET TIME ZONE 'UTC'; SELECT 1", "timezone", "UTC"),
            ("SET x = 'it''s'; SELECT ';'", "x", "it's"),
            (
                "SET search_path = \"My\", public; SELECT 1",
                "search_path",
                "My|public",
            ),
        ] {
            let (list, offset) = prelude(text).unwrap();
            assert_eq!(
                (list[0].name.as_str(), list[0].values.join("|").as_str()),
                (name, value),
                "{text}"
            );
            assert!(text[offset..].starts_with("SELECT"), "{text}");
        }
        assert_eq!(prelude("SET a = 1; SET b = 2; SELECT 1").unwrap().0.len(), 2);
    }

    #[test]
    fn others_are_left_alone() {
        for text in [
            "SELECT 1",
            "SET a = 1",
            "SET a = 1;",
            "SET CONSTRAINTS ALL DEFERRED; SELECT 1",
            "SET a = f(1); SELECT 1",
            "SELECT 1; SET a = 1",
            "BEGIN; SELECT 1",
        ] {
            assert_eq!(prelude(text), None, "{text}");
        }
    }
}
