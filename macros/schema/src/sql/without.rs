//! A statement without some of its calls: what is left of it where the role may not execute a function.
//!
//! PostgreSQL checks the right to execute each function of a statement when that begins, whether it gets to call it or not, and
//! fails the statement as a whole.

use super::scan::{Kind, Token, tokens};

/// The statement with something else in place of each call of a function of `pg_catalog` for which `instead` has it. What asks
/// for the right to execute such a function, by a text such as `'pg_catalog.f()'`, is `false` then.
#[must_use]
pub fn without_calls<'i>(sql: &str, instead: impl Fn(&str) -> Option<&'i str>) -> String {
    let all: Vec<Token<'_>> = tokens(sql).collect();
    let mut text = String::with_capacity(sql.len());
    let (mut copied, mut at) = (0, 0);
    while let Some(token) = all.get(at) {
        at += 1;
        if let Some(name) = called(&all, at - 1)
            && let Some(value) = instead(name).or_else(|| asks_for(&all, at - 1, name, &instead))
            && let Some(closing) = closing(&all, at + 2)
        {
            text.push_str(sql.get(copied..token.offset).unwrap_or_default());
            text.push('(');
            text.push_str(value);
            text.push(')');
            copied = all.get(closing).map_or(sql.len(), |token| token.offset + 1);
            at = closing + 1;
        }
    }
    text.push_str(sql.get(copied..).unwrap_or_default());
    text
}

/// The name of the function of `pg_catalog` whose call begins there.
fn called<'a>(all: &[Token<'a>], at: usize) -> Option<&'a str> {
    let kind = |steps: usize| all.get(at + steps).map(|token| token.kind);
    let is_qualified = kind(0)?.is("pg_catalog") && kind(1)? == Kind::Symbol('.');
    match (kind(2)?, kind(3)?) {
        (Kind::Word(name), Kind::Symbol('(')) if is_qualified => Some(name),
        _ => None,
    }
}

/// What stands for a call that asks for the right to execute a function which is left out.
fn asks_for<'i>(
    all: &[Token<'_>],
    at: usize,
    name: &str,
    instead: &impl Fn(&str) -> Option<&'i str>,
) -> Option<&'static str> {
    let argument = match all.get(at + 4)?.kind {
        Kind::Text(text) if name == "has_function_privilege" => text,
        _ => return None,
    };
    let (function, _) = argument.strip_prefix("'pg_catalog.")?.split_once('(')?;
    instead(function).map(|_| "false")
}

/// The parenthesis that closes the one at that place.
fn closing(all: &[Token<'_>], opening: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, token) in all.iter().enumerate().skip(opening) {
        match token.kind {
            Kind::Symbol('(') => depth += 1,
            Kind::Symbol(')') if depth <= 1 => return Some(at),
            Kind::Symbol(')') => depth -= 1,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(sql: &str) -> String {
        without_calls(sql, |name| match name {
            "f" => Some("NULL::pg_catalog.int4"),
            "g" => Some("SELECT NULL::pg_catalog.text AS a WHERE false"),
            _ => None,
        })
    }

    #[test]
    fn calls_are_left_out_with_what_they_are_given() {
        let table = [
            ("SELECT 1", "SELECT 1"),
            ("SELECT pg_catalog.f() + 1", "SELECT (NULL::pg_catalog.int4) + 1"),
            (
                "SELECT pg_catalog.h(pg_catalog.f(')', (2)))",
                "SELECT pg_catalog.h((NULL::pg_catalog.int4))",
            ),
            (
                "SELECT a FROM pg_catalog.g(pg_catalog.f()) AS t, é",
                "SELECT a FROM (SELECT NULL::pg_catalog.text AS a WHERE false) AS t, é",
            ),
            (
                "WHERE pg_catalog.has_function_privilege('pg_catalog.f(int4)'::pg_catalog.regprocedure, 'EXECUTE') AND a",
                "WHERE (false) AND a",
            ),
        ];
        for (sql, expected) in table {
            assert_eq!(shown(sql), expected);
        }
    }

    #[test]
    fn all_else_stays_as_it_is() {
        for sql in [
            "SELECT other.f(), f(), pg_catalog.f, 'pg_catalog.f()' -- pg_catalog.f()",
            "SELECT pg_catalog.has_function_privilege('pg_catalog.h()', 'EXECUTE')",
            "SELECT pg_catalog.f(",
            "SELECT pg_catalog.ff() /* pg_catalog.f() */",
        ] {
            assert_eq!(shown(sql), sql);
        }
    }
}
