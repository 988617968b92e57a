//! Counts the statements of a text without understanding them: only quotes, dollar quotes and comments matter.

/// What is in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Statements {
    /// Nothing but white space, comments and semicolons.
    None,
    /// One statement.
    One,
    /// More than one; where the second begins, as a count of line feeds before it.
    Several(u32),
    /// A quote or comment that is never closed.
    Unclosed(&'static str),
}

/// Looks through a text.
pub(crate) fn statements(text: &str) -> Statements {
    let mut scan = Scan { rest: text, line: 0 };
    let mut ended = false;
    let mut seen = false;
    loop {
        let line = scan.line;
        match scan.next() {
            Some(Token::Blank) => {}
            Some(Token::End) => ended = seen,
            Some(Token::Word) if ended => return Statements::Several(line),
            Some(Token::Word) => seen = true,
            Some(Token::Unclosed(what)) => return Statements::Unclosed(what),
            None => break,
        }
    }
    if seen { Statements::One } else { Statements::None }
}

/// The first word of a text, comments aside.
pub(crate) fn first_word(text: &str) -> &str {
    let mut scan = Scan { rest: text, line: 0 };
    loop {
        let before = scan.rest;
        match scan.next() {
            Some(Token::Blank | Token::End) => {}
            Some(Token::Word) => {
                return before
                    .split(|c: char| !c.is_ascii_alphanumeric())
                    .next()
                    .unwrap_or_default();
            }
            Some(Token::Unclosed(_)) | None => return "",
        }
    }
}

enum Token {
    Blank,
    Word,
    End,
    Unclosed(&'static str),
}

struct Scan<'a> {
    rest: &'a str,
    line: u32,
}

impl Scan<'_> {
    fn next(&mut self) -> Option<Token> {
        let first = self.rest.chars().next()?;
        let (length, token) = match first {
            '-' if self.rest.starts_with("--") => {
                (self.rest.find('\n').unwrap_or(self.rest.len()), Token::Blank)
            }
            '/' if self.rest.starts_with("/*") => match block_comment(self.rest) {
                Some(length) => (length, Token::Blank),
                None => return Some(self.unclosed("/* comment")),
            },
            '\'' => match quoted(self.rest, '\'', false) {
                Some(length) => (length, Token::Word),
                None => return Some(self.unclosed("' quote")),
            },
            '"' => match quoted(self.rest, '"', false) {
                Some(length) => (length, Token::Word),
                None => return Some(self.unclosed("\" quote")),
            },
            '$' => match dollar_quoted(self.rest) {
                Some(Some(length)) => (length, Token::Word),
                Some(None) => return Some(self.unclosed("$ quote")),
                None => (1, Token::Word),
            },
            ';' => (1, Token::End),
            c if c.is_whitespace() => (c.len_utf8(), Token::Blank),
            c if is_identifier(c) => match word(self.rest) {
                Some(length) => (length, Token::Word),
                None => return Some(self.unclosed("E' quote")),
            },
            c => (c.len_utf8(), Token::Word),
        };
        Some(self.take(length, token))
    }

    fn take(&mut self, length: usize, token: Token) -> Token {
        let (taken, rest) = self.rest.split_at_checked(length).unwrap_or((self.rest, ""));
        let feeds = taken.matches('\n').count();
        self.line = self.line.saturating_add(u32::try_from(feeds).unwrap_or(u32::MAX));
        self.rest = rest;
        token
    }

    fn unclosed(&mut self, what: &'static str) -> Token {
        self.rest = "";
        Token::Unclosed(what)
    }
}

fn is_identifier(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// A word, or a string that begins with `E'`, in which a backslash protects a quote.
fn word(text: &str) -> Option<usize> {
    if text.starts_with(['e', 'E']) && text.get(1..2) == Some("'") {
        return quoted(text.get(1..)?, '\'', true).map(|length| length + 1);
    }
    // A dollar is part of a word that has begun: `a$b$` opens no quote.
    Some(
        text.find(|c: char| !is_identifier(c) && c != '$')
            .unwrap_or(text.len()),
    )
}

/// The length of a quoted text, both quotes included. A doubled quote begins the next one, which is as good.
fn quoted(text: &str, quote: char, backslash: bool) -> Option<usize> {
    let mut protected = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if protected => protected = false,
            '\\' if backslash => protected = true,
            c if c == quote => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// `None`: no dollar quote begins here. `Some(None)`: it is never closed.
fn dollar_quoted(text: &str) -> Option<Option<usize>> {
    let name = text.get(1..)?;
    let end = name.find(|c: char| !is_identifier(c))?;
    if !name.get(end..)?.starts_with('$') || name.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let (tag, body) = text.split_at_checked(end + 2)?;
    Some(body.find(tag).map(|at| tag.len() + at + tag.len()))
}

/// Block comments nest.
fn block_comment(text: &str) -> Option<usize> {
    let mut depth = 0_u32;
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return Some(at);
            }
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    None
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
        assert_eq!(statements("SELECT 1; SELECT 2"), Statements::Several(0));
        assert_eq!(statements("SELECT 1;\n\n-- x\nSELECT 2"), Statements::Several(3));
        assert_eq!(statements("SELECT '\n';\nSELECT 2"), Statements::Several(2));
        assert_eq!(statements("SELECT 1; (SELECT 2)"), Statements::Several(0));
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

    #[test]
    fn the_first_word_is_found_behind_comments() {
        assert_eq!(first_word("-- a\n /* b */ show stats"), "show");
        assert_eq!(first_word(""), "");
    }
}
