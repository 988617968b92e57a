//! How many statements a text holds.

use super::scan::{Kind, tokens};

/// What is in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Statements {
    /// Nothing but white space, comments and semicolons.
    None,
    /// One statement.
    One,
    /// More than one; where the second begins, in bytes.
    Several(usize),
    /// A quote or comment that is never closed.
    Unclosed(&'static str),
}

/// Looks through a text.
pub(crate) fn statements(text: &str) -> Statements {
    let (mut seen, mut ended) = (false, false);
    for token in tokens(text) {
        match token.kind {
            Kind::Unclosed(what) => return Statements::Unclosed(what),
            Kind::End => ended = seen,
            _ if ended => return Statements::Several(token.offset),
            _ => seen = true,
        }
    }
    if seen { Statements::One } else { Statements::None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_statement_may_hold_semicolons() {
        for text in [
            "SELECT 1",
            "SELECT 1;",
            "SELECT 1 ; -- done;\n",
            "SELECT ';', \"a;b\", E'\\';', 'it''s;'",
            "SELECT $$;$$, $a$ ; $$ ; $a$",
            "/* ; /* ; */ ; */ SELECT 1 -- ; x\n + 2",
            "SELECT a$b$c, $1, '\\' -- ;\n",
            "SHOW STATS;;",
            "SELECT 'é;ü'",
            "SELECT E'a'\n  -- ;\n'\\';'",
            "SELECT 1 AS é$a$, 2 AS x\u{a0}$a$",
        ] {
            assert_eq!(statements(text), Statements::One, "{text}");
        }
    }

    #[test]
    fn several_statements_are_counted() {
        assert_eq!(statements("SELECT 1; SELECT 2"), Statements::Several(10));
        assert_eq!(statements("SELECT 1;\n\n-- x\nSELECT 2"), Statements::Several(16));
        assert_eq!(statements("SELECT '\n';\nSELECT 2"), Statements::Several(12));
        assert_eq!(statements("SELECT 1; (SELECT 2)"), Statements::Several(10));
    }

    /// What the server takes for the end of a comment, for letters, or for the rest of a string hides no statement.
    #[test]
    fn a_second_statement_cannot_be_hidden() {
        for text in [
            "SELECT 1 --\r; COMMIT",
            "SELECT 1 AS a\u{a0}$a$; COMMIT; SELECT 2 AS b\u{a0}$a$",
            "SELECT 1 AS a\u{2192}$a$; COMMIT; SELECT 2 AS b\u{2192}$a$",
            "SELECT 1 AS a\u{3000}$a$; COMMIT; SELECT 2 AS b\u{3000}$a$",
            "SELECT E'a'\n'\\''; COMMIT; SELECT 1 --'",
            "SELECT E'a''\\''; COMMIT; SELECT 1 --'",
            "SELECT E'a'\n'b''\\''; COMMIT; SELECT 1 --'",
            "SELECT E'a' -- b\r'\\''; COMMIT; SELECT 1 --'",
            "SELECT 'a'\n'\\'; COMMIT; SELECT 1 --'",
        ] {
            assert!(matches!(statements(text), Statements::Several(_)), "{text}");
        }
    }

    #[test]
    fn nothing_is_no_statement() {
        for text in ["", " \n", ";", "-- SELECT 1", "/* SELECT 1 */ ;"] {
            assert_eq!(statements(text), Statements::None, "{text}");
        }
    }

    #[test]
    fn unclosed_quotes_are_found() {
        for text in [
            "SELECT 'a",
            "SELECT \"a",
            "SELECT $x$ a $$",
            "SELECT /* a",
            "SELECT E'\\'",
        ] {
            assert!(matches!(statements(text), Statements::Unclosed(_)), "{text}");
        }
    }
}
