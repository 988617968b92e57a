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
            if let Some((end, names)) = names_of_a_table(&all, at - 1, closing, name, value) {
                text.push_str(sql.get(copied..end).unwrap_or_default());
                text.push_str(&names);
                copied = end;
            }
            at = closing + 1;
        }
    }
    text.push_str(sql.get(copied..).unwrap_or_default());
    text
}

/// The functions of `pg_catalog` whose calls [`without_calls`] can leave out of the statement.
pub(crate) fn calls(sql: &str) -> Vec<&str> {
    let all: Vec<Token<'_>> = tokens(sql).collect();
    (0..all.len()).filter_map(|at| called(&all, at)).collect()
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

/// Where a call stands for a table: what a query in its place lacks of the names that the call has, and where that belongs.
///
/// A call gives its table the function's name if it has no other, and a function without columns of its own gives that of the
/// table to its one column. A query does neither.
fn names_of_a_table(
    all: &[Token<'_>],
    at: usize,
    closing: usize,
    function: &str,
    query: &str,
) -> Option<(usize, String)> {
    if !is_of_from(all, at) {
        return None;
    }
    let is_column = query.starts_with("SELECT NULL") && query.matches(" AS ").count() <= 1;
    let kind = |at: usize| all.get(at).map(|token| token.kind);
    let has_as = kind(closing + 1).is_some_and(|kind| kind.is("as"));
    let at = closing + 1 + usize::from(has_as);
    let (token, alias) = match (all.get(at), kind(at)) {
        (Some(token), Some(Kind::Name(name))) => (token, name),
        (Some(token), Some(Kind::Word(word))) if has_as || !kind(at)?.is_one_of(BEHIND_A_TABLE) => {
            (token, word)
        }
        _ => {
            let end = all.get(closing)?.offset + 1;
            let column = if is_column {
                format!("({function})")
            } else {
                String::new()
            };
            return Some((end, format!(" AS {function}{column}")));
        }
    };
    let has_columns = kind(at + 1) == Some(Kind::Symbol('('));
    (is_column && !has_columns).then(|| (token.offset + alias.len(), format!("({alias})")))
}

/// What may follow a table that has no name.
const BEHIND_A_TABLE: &[&str] = &[
    "cross",
    "except",
    "fetch",
    "for",
    "full",
    "group",
    "having",
    "inner",
    "intersect",
    "join",
    "left",
    "limit",
    "natural",
    "offset",
    "on",
    "order",
    "right",
    "tablesample",
    "union",
    "using",
    "where",
    "window",
    "with",
];

/// Whether what begins there is an item of FROM.
fn is_of_from(all: &[Token<'_>], at: usize) -> bool {
    let mut depth = 0_usize;
    let before = all.get(..at).unwrap_or_default();
    for (place, token) in before.iter().enumerate().rev() {
        let kind = token.kind;
        match kind {
            Kind::Symbol(')') => depth += 1,
            Kind::Symbol('(') if depth == 0 => return false,
            Kind::Symbol('(') => depth -= 1,
            _ if depth > 0 => {}
            // `a IS DISTINCT FROM b` is an expression.
            _ if kind.is("from") => {
                return !before
                    .get(place.wrapping_sub(1))
                    .is_some_and(|one| one.kind.is("distinct"));
            }
            _ if kind.is("join") => return true,
            _ if kind.is_one_of(&[
                "select", "on", "where", "by", "having", "values", "limit", "offset",
            ]) =>
            {
                return false;
            }
            _ => {}
        }
    }
    false
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
            "f" => Some("SELECT NULL::pg_catalog.int4 AS f"),
            "g" => Some("SELECT NULL::pg_catalog.text AS a, NULL::pg_catalog.text AS b WHERE false"),
            _ => None,
        })
    }

    #[test]
    fn calls_are_left_out_with_what_they_are_given() {
        const F: &str = "(SELECT NULL::pg_catalog.int4 AS f)";
        const G: &str = "(SELECT NULL::pg_catalog.text AS a, NULL::pg_catalog.text AS b WHERE false)";
        let table = [
            ("SELECT 1", "SELECT 1"),
            ("SELECT pg_catalog.f() + 1", "SELECT {f} + 1"),
            (
                "SELECT pg_catalog.h(pg_catalog.f(')', (2)))",
                "SELECT pg_catalog.h({f})",
            ),
            (
                "SELECT a FROM pg_catalog.g(pg_catalog.f()) AS t, é",
                "SELECT a FROM {g} AS t, é",
            ),
            (
                "WHERE pg_catalog.has_function_privilege('pg_catalog.f(int4)'::pg_catalog.regprocedure, 'EXECUTE') AND a",
                "WHERE (false) AND a",
            ),
            // A call in FROM has names that a query in its place has not.
            ("SELECT f FROM pg_catalog.f()", "SELECT f FROM {f} AS f(f)"),
            (
                "SELECT a FROM pg_catalog.g() WHERE b",
                "SELECT a FROM {g} AS g WHERE b",
            ),
            ("SELECT x FROM pg_catalog.f() AS x", "SELECT x FROM {f} AS x(x)"),
            (
                "SELECT x FROM pg_catalog.f() x WHERE x",
                "SELECT x FROM {f} x(x) WHERE x",
            ),
            (
                "SELECT y FROM t, pg_catalog.f() AS \"x\"(y)",
                "SELECT y FROM t, {f} AS \"x\"(y)",
            ),
            (
                "SELECT x FROM (t) CROSS JOIN LATERAL pg_catalog.f(t.a) AS \"x\" ORDER BY 1",
                "SELECT x FROM (t) CROSS JOIN LATERAL {f} AS \"x\"(\"x\") ORDER BY 1",
            ),
            // No item of FROM.
            (
                "SELECT a, pg_catalog.f() AS x FROM t",
                "SELECT a, {f} AS x FROM t",
            ),
            (
                "SELECT a IS DISTINCT FROM pg_catalog.f() AS x",
                "SELECT a IS DISTINCT FROM {f} AS x",
            ),
            (
                "SELECT a FROM t WHERE a IN (1, pg_catalog.f()) AND b",
                "SELECT a FROM t WHERE a IN (1, {f}) AND b",
            ),
            (
                "SELECT a FROM t JOIN u ON a = pg_catalog.f() AND b",
                "SELECT a FROM t JOIN u ON a = {f} AND b",
            ),
        ];
        for (sql, expected) in table {
            let expected = expected.replace("{f}", F).replace("{g}", G);
            assert_eq!(shown(sql), expected, "{sql}");
        }
    }

    #[test]
    fn what_can_be_left_out_is_known() {
        let sql = "SELECT pg_catalog.f(pg_catalog.g()), f(), 'pg_catalog.h()', x.pg_catalog, pg_catalog.h, \"pg_catalog\".h() \
                   FROM pg_catalog.k (1) -- pg_catalog.h()";
        assert_eq!(calls(sql), ["f", "g", "k"]);
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
