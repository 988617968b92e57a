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
