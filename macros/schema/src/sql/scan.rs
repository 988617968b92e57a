//! Tokens of a statement: words, quotes, symbols. Comments and white space are none.

/// A token and where it begins, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    pub(crate) offset: usize,
    pub(crate) kind: Kind<'a>,
}

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind<'a> {
    /// A keyword, a name without quotes, a number.
    Word(&'a str),
    /// A name in double quotes, with them.
    Name(&'a str),
    /// A text in quotes of whatever kind, with them.
    Text(&'a str),
    /// `$1`.
    Parameter(&'a str),
    /// `;`.
    End,
    /// Any other character.
    Symbol(char),
    /// A quote or comment that is never closed; nothing comes after it.
    Unclosed(&'static str),
}

impl Kind<'_> {
    /// Whether it is that keyword, in any case.
    pub(crate) fn is(&self, keyword: &str) -> bool {
        matches!(self, Self::Word(word) if word.eq_ignore_ascii_case(keyword))
    }

    /// Whether it is one of these keywords.
    pub(crate) fn is_one_of(&self, keywords: &[&str]) -> bool {
        keywords.iter().any(|keyword| self.is(keyword))
    }
}

/// The tokens of a text.
pub(crate) fn tokens(text: &str) -> impl Iterator<Item = Token<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let rest = text.get(at..)?;
            let (length, kind) = first(rest)?;
            let offset = at;
            at = at.checked_add(length)?;
            if let Some(kind) = kind {
                if matches!(kind, Kind::Unclosed(_)) {
                    at = text.len();
                }
                return Some(Token { offset, kind });
            }
        }
    })
}

/// Whether that byte of a statement stands within quotes of whatever kind.
#[must_use]
pub fn is_in_quotes(sql: &str, at: usize) -> bool {
    let length = |kind| match kind {
        Kind::Name(text) | Kind::Text(text) => text.len(),
        _ => 0,
    };
    tokens(sql).any(|token| token.offset < at && at < token.offset + length(token.kind))
}

/// Length and kind of what a text begins with; no kind for what is no token.
fn first(text: &str) -> Option<(usize, Option<Kind<'_>>)> {
    let c = text.chars().next()?;
    Some(match c {
        // A carriage return ends a line, too.
        '-' if text.starts_with("--") => (text.find(['\n', '\r']).unwrap_or(text.len()), None),
        '/' if text.starts_with("/*") => match block_comment(text) {
            Some(length) => (length, None),
            None => (text.len(), Some(Kind::Unclosed("/* comment"))),
        },
        '\'' => closed(text, quoted(text, '\'', false), "' quote", Kind::Text),
        '"' => closed(text, quoted(text, '"', false), "\" quote", Kind::Name),
        '$' => dollar(text),
        ';' => (1, Some(Kind::End)),
        c if is_space(c) => (c.len_utf8(), None),
        c if is_identifier(c) => match escape_string(text) {
            Some(length) => closed(text, length, "E' quote", Kind::Text),
            None => {
                let length = word(text);
                (length, Some(Kind::Word(text.get(..length).unwrap_or_default())))
            }
        },
        c => (c.len_utf8(), Some(Kind::Symbol(c))),
    })
}

/// A quote of that length, if it is closed.
fn closed<'a>(
    text: &'a str,
    length: Option<usize>,
    what: &'static str,
    kind: fn(&'a str) -> Kind<'a>,
) -> (usize, Option<Kind<'a>>) {
    match length {
        Some(length) => (length, Some(kind(text.get(..length).unwrap_or_default()))),
        None => (text.len(), Some(Kind::Unclosed(what))),
    }
}

fn dollar(text: &str) -> (usize, Option<Kind<'_>>) {
    let digits = text
        .get(1..)
        .unwrap_or_default()
        .chars()
        .take_while(char::is_ascii_digit);
    match (digits.count(), dollar_quoted(text)) {
        (0, Some(Some(length))) => (length, Some(Kind::Text(text.get(..length).unwrap_or_default()))),
        (0, Some(None)) => (text.len(), Some(Kind::Unclosed("$ quote"))),
        (0, None) => (1, Some(Kind::Symbol('$'))),
        (digits, _) => {
            let parameter = text.get(..=digits).unwrap_or_default();
            (parameter.len(), Some(Kind::Parameter(parameter)))
        }
    }
}

/// What the server takes for white space: nothing beyond ASCII.
fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c')
}

/// Whatever lies beyond ASCII is a letter for the server, a space of no break and an arrow, too.
fn is_identifier(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || !c.is_ascii()
}

/// The length of a string that begins with `E'`, in which a backslash protects a quote. `None`: it is none.
fn escape_string(text: &str) -> Option<Option<usize>> {
    let is_one = text.starts_with(['e', 'E']) && text.get(1..2) == Some("'");
    is_one.then(|| {
        let mut length = 1 + quoted(text.get(1..)?, '\'', true)?;
        // On another line it goes on, by the same rules.
        while let Some(gap) = text.get(length..).and_then(continuation) {
            length += gap + quoted(text.get(length + gap..)?, '\'', true)?;
        }
        Some(length)
    })
}

/// How far away, behind the end of a string, a quote goes on with it: it is doubled, or there are spaces and comments of a line
/// before it, and an end of line.
fn continuation(text: &str) -> Option<usize> {
    let mut at = 0;
    loop {
        let rest = text.get(at..)?;
        match rest.chars().next()? {
            // At once it is a quote within the string.
            '\'' => return (at == 0 || text.get(..at)?.contains(['\n', '\r'])).then_some(at),
            '-' if rest.starts_with("--") => at += rest.find(['\n', '\r'])?,
            c if is_space(c) => at += 1,
            _ => return None,
        }
    }
}

/// A dollar is part of a word that has begun: `a$b$` opens no quote.
fn word(text: &str) -> usize {
    text.find(|c: char| !is_identifier(c) && c != '$')
        .unwrap_or(text.len())
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
    if !name.get(end..)?.starts_with('$') {
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
