//! Statements around statements.

use super::prelude::prelude;
use super::scan::{Kind, tokens};

/// A name in double quotes.
pub(crate) fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text in single quotes.
pub(crate) fn literal(text: &str) -> String {
    // Whatever `standard_conforming_strings` is, a backslash in an escape string is written twice.
    let escape = if text.contains('\\') { "E" } else { "" };
    format!("{escape}'{}'", text.replace('\'', "''").replace('\\', "\\\\"))
}

/// A statement over the rows of another, which are called `q`. What is set in front of that stays in front.
pub(crate) fn wrapped(query: &str, selected: &str, more: &str) -> String {
    let start = prelude(query).map_or(0, |(_, offset)| offset);
    let (front, query) = query.split_at_checked(start).unwrap_or(("", query));
    let front = front.trim();
    let gap = if front.is_empty() { "" } else { "\n" };
    // A line feed behind it, since it may end with a comment.
    format!(
        "{front}{gap}SELECT {selected}\nFROM (\n{}\n) AS q{more}",
        without_end(query)
    )
}

/// A statement without the semicolons behind it, and with whatever comments are.
fn without_end(query: &str) -> String {
    let ends: Vec<usize> = {
        let mut ends = Vec::new();
        for token in tokens(query) {
            match token.kind {
                Kind::End => ends.push(token.offset),
                _ => ends.clear(),
            }
        }
        ends
    };
    let mut text = query.to_owned();
    for at in ends.into_iter().rev() {
        text.replace_range(at..=at, "");
    }
    let text = text.trim_end();
    text.trim_start_matches(['\n', '\r']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_around_a_statement_stays_outside() {
        for (query, expected) in [
            ("SELECT 1 AS a", "SELECT a\nFROM (\nSELECT 1 AS a\n) AS q"),
            ("SELECT 1 AS a ;;\n", "SELECT a\nFROM (\nSELECT 1 AS a\n) AS q"),
            (
                "SELECT 1 AS a; -- end;",
                "SELECT a\nFROM (\nSELECT 1 AS a -- end;\n) AS q",
            ),
            ("SELECT ';' AS a", "SELECT a\nFROM (\nSELECT ';' AS a\n) AS q"),
            (
                "SET a = 1; SET b = 2;\nSELECT 1 AS a;",
                "SET a = 1; SET b = 2;\nSELECT a\nFROM (\nSELECT 1 AS a\n) AS q",
            ),
        ] {
            assert_eq!(wrapped(query, "a", ""), expected, "{query}");
        }
    }

    #[test]
    fn names_and_texts_are_quoted() {
        assert_eq!(identifier("a\"b"), "\"a\"\"b\"");
        assert_eq!(literal("it's"), "'it''s'");
        assert_eq!(literal("a\\b'"), "E'a\\\\b'''");
    }
}
