//! Whether a shipped statement means the same whatever others create on the server.
//!
//! PostgreSQL looks names up along the search path, and takes an operator whose operand types match exactly before one
//! that needs a cast. So a shipped statement qualifies every function, relation and type, and types every operand. What
//! the text alone shows of the contrary is found here, at build; the rest by a test on servers.

use crate::model::{Collector, Tag};
use crate::read::diagnostic::{Diagnostic, Severity};
use crate::sql::scan::{Kind, tokens};

/// Words that stand before a parenthesis and belong to the grammar: no search path is asked for them.
const GRAMMAR: [&str; 6] = ["array", "coalesce", "exists", "greatest", "least", "nullif"];

/// Columns and endings of columns that hold an OID; there is no operator for an OID and an integer.
const OIDS: [&str; 6] = ["oid", "relid", "dbid", "datid", "userid", "prolang"];

const COMPARISONS: [&str; 6] = ["=", "<>", "<", ">", "<=", ">="];

/// What is not exact in the statements of a set. Statements of pgbouncer's console are not SQL.
#[must_use]
pub fn inexact(collectors: &[Collector]) -> Vec<Diagnostic> {
    let sql = collectors
        .iter()
        .filter(|collector| !collector.has_tag(&Tag::Pgbouncer));
    let mut found = Vec::new();
    for collector in sql {
        let predicates = collector.predicates.iter().map(|predicate| (&predicate.query, 0));
        let query = [(&collector.query, collector.origin.query_line)];
        for (text, line) in query.into_iter().chain(predicates) {
            for (offset, what) in problems(text, &collector.name) {
                found.push(Diagnostic {
                    file: collector.origin.file.to_string(),
                    line: if line == 0 {
                        collector.origin.line
                    } else {
                        line + offset
                    },
                    column: 1,
                    severity: Severity::Error,
                    message: format!("`{}`: {what}", collector.branch),
                });
            }
        }
    }
    found
}

/// A name, literal, operator or other mark.
struct Lexeme<'a> {
    text: &'a str,
    /// Line feeds before it.
    line: u32,
    /// Whether a parenthesis follows at once, as it does behind a function's name.
    calls: bool,
}

fn lexemes(text: &str) -> Vec<Lexeme<'_>> {
    let mut lexemes: Vec<Lexeme<'_>> = Vec::new();
    // Where the operator that the last lexeme is begins and ends.
    let mut operator = (0, 0);
    for token in tokens(text) {
        let start = token.offset;
        let length = match token.kind {
            Kind::Word(word) | Kind::Name(word) | Kind::Text(word) | Kind::Parameter(word) => word.len(),
            Kind::Symbol(symbol) => symbol.len_utf8(),
            Kind::End => 1,
            Kind::Unclosed(_) => break,
        };
        let end = start + length;
        let is_operator = matches!(token.kind, Kind::Symbol(symbol) if ":|<>=".contains(symbol));
        // Operators come character by character.
        if let (true, Some(last)) = (is_operator && operator.1 == start, lexemes.last_mut()) {
            operator.1 = end;
            last.text = text.get(operator.0..end).unwrap_or_default();
            continue;
        }
        if is_operator {
            operator = (start, end);
        }
        let feeds = text.get(..start).unwrap_or_default().matches('\n').count();
        lexemes.push(Lexeme {
            text: text.get(start..end).unwrap_or_default(),
            line: u32::try_from(feeds).unwrap_or(u32::MAX),
            calls: text.get(end..).unwrap_or_default().starts_with('('),
        });
    }
    lexemes
}

/// Each with the number of lines before it. A view that a site provides under the collector's `own` name is its affair.
fn problems(text: &str, own: &str) -> Vec<(u32, String)> {
    let lexemes: Vec<Lexeme<'_>> = lexemes(text);
    (0..lexemes.len())
        .filter_map(|at| Some((lexemes.get(at)?.line, problem(&lexemes, at, own)?)))
        .collect()
}

fn problem(lexemes: &[Lexeme<'_>], at: usize, own: &str) -> Option<String> {
    let text = |at: usize| lexemes.get(at).map_or("", |lexeme| lexeme.text);
    let before = |steps: usize| at.checked_sub(steps).map_or("", text);
    let this = lexemes.get(at)?;
    let word = this.text;
    let qualified = before(1) == ".";
    let is_name = |text: &str| text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == '"');
    match word {
        "::" if text(at + 1) != "pg_catalog" => Some(format!(
            "type {0} is looked up along the search path; write ::pg_catalog.{0}",
            text(at + 1)
        )),
        "||" => {
            let is_end = before(1).eq_ignore_ascii_case("end");
            let uncast = is_name(before(1)) && !is_end && before(3) != "pg_catalog";
            uncast.then(|| {
                format!(
                    "{} beside || may be a name; write {0}::pg_catalog.text",
                    before(1)
                )
            })
        }
        _ if COMPARISONS.contains(&word) => {
            let is_oid = OIDS.iter().any(|ending| before(1).ends_with(ending));
            let is_bare = text(at + 1).starts_with(|c: char| c.is_ascii_digit()) && text(at + 2) != "::";
            (is_oid && is_bare).then(|| {
                let number = text(at + 1);
                format!(
                    "{} is an OID and {number} an integer; write {number}::pg_catalog.oid",
                    before(1)
                )
            })
        }
        _ if is_name(word)
            && this.calls
            && !qualified
            && !GRAMMAR.contains(&word.to_ascii_lowercase().as_str()) =>
        {
            Some(format!(
                "function {word} is looked up along the search path; write pg_catalog.{word}"
            ))
        }
        _ if is_name(word)
            && !qualified
            && word != own
            && text(at + 1) != "."
            && is_relation(lexemes, at) =>
        {
            Some(format!(
                "relation {word} is looked up along the search path; write pg_catalog.{word}"
            ))
        }
        _ => None,
    }
}

/// Whether a name stands where a relation's does, and is neither a common table expression nor a word of the grammar.
fn is_relation(lexemes: &[Lexeme<'_>], at: usize) -> bool {
    let is = |at: Option<usize>, word: &str| {
        at.and_then(|at| lexemes.get(at))
            .is_some_and(|lexeme| lexeme.text.eq_ignore_ascii_case(word))
    };
    let behind = at.checked_sub(1);
    let introduced = is(behind, "join") || is(behind, "from") && !is(at.checked_sub(2), "distinct");
    let Some(name) = lexemes.get(at).map(|lexeme| lexeme.text) else {
        return false;
    };
    let is_expression = lexemes.windows(3).any(|window| {
        let [first, second, third] = window else {
            return false;
        };
        first.text == name && second.text.eq_ignore_ascii_case("as") && third.text == "("
    });
    introduced && !is_expression && !name.eq_ignore_ascii_case("lateral")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(statement: &str) -> Vec<String> {
        problems(statement, "")
            .into_iter()
            .map(|(line, what)| format!("{line}: {what}"))
            .collect()
    }

    #[test]
    fn what_is_exact_passes() {
        for statement in [
            "SELECT pg_catalog.count(*), coalesce(a, 0)::pg_catalog.int4 FROM pg_catalog.pg_class AS c (a)",
            "WITH x AS (SELECT 1), y AS (SELECT 2) SELECT 'count(*) FROM t' FROM x JOIN y ON true -- now()",
            "SELECT a IS NOT DISTINCT FROM b FROM (VALUES (1)) AS v (a) CROSS JOIN LATERAL pg_catalog.unnest(a) AS u",
            "SELECT oid >= 16384::pg_catalog.oid, relname::pg_catalog.text || '.' || \"a b\".c::pg_catalog.text",
            "SELECT * FROM @extschema:hstore@.each('a')",
        ] {
            assert_eq!(found(statement), <[String; 0]>::default(), "{statement}");
        }
    }

    #[test]
    fn what_others_could_stand_in_for_is_found() {
        for (statement, expected) in [
            (
                "SELECT\n now()",
                "1: function now is looked up along the search path; write pg_catalog.now",
            ),
            (
                "SELECT 1 FROM t",
                "0: relation t is looked up along the search path; write pg_catalog.t",
            ),
            (
                "SELECT a::text",
                "0: type text is looked up along the search path; write ::pg_catalog.text",
            ),
            (
                "SELECT c.relid = 0",
                "0: relid is an OID and 0 an integer; write 0::pg_catalog.oid",
            ),
            (
                "SELECT a || '.'",
                "0: a beside || may be a name; write a::pg_catalog.text",
            ),
        ] {
            assert_eq!(found(statement), [expected], "{statement}");
        }
    }
}
