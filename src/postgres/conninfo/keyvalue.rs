//! The key=value form: `host=h user='a b' password=c\ d`.

use super::cursor::Cursor;
use super::error::{ConnInfoError, Problem};
use super::settings::{Setting, Settings, is_space};

/// Reads pairs separated by white space; white space around `=` is allowed.
pub(in crate::postgres) fn parse(text: &str) -> Result<Settings, ConnInfoError> {
    let mut settings = Settings::default();
    let mut cursor = Cursor::new(text, 0);
    if looks_like_url(text) {
        return Err(cursor.error(Problem::Scheme));
    }
    loop {
        skip_spaces(&mut cursor);
        if cursor.peek().is_none() {
            return Ok(settings);
        }
        let name = cursor.until(|byte| byte == b'=' || is_space(byte));
        skip_spaces(&mut cursor);
        if !cursor.eat(b'=') {
            return Err(ConnInfoError::new(name.place(), Problem::MissingEquals));
        }
        skip_spaces(&mut cursor);
        let place = cursor.place();
        let bytes = if cursor.peek() == Some(b'\'') {
            quoted(&mut cursor)?
        } else {
            plain(&mut cursor)
        };
        settings.assign(name.bytes, name.place(), Setting { bytes, place })?;
    }
}

/// Whether the first word has a scheme in it: a URL of another kind, or one with a capital or a space in front.
fn looks_like_url(text: &str) -> bool {
    let word = text
        .trim_start()
        .split(|c: char| c == '=' || c.is_whitespace())
        .next();
    word.is_some_and(|word| word.contains("://"))
}

fn skip_spaces(cursor: &mut Cursor<'_>) {
    cursor.until(|byte| !is_space(byte));
}

/// A value up to the next white space; a backslash takes the byte after it as it is.
fn plain(cursor: &mut Cursor<'_>) -> Vec<u8> {
    let mut value = Vec::new();
    while let Some(byte) = cursor.next() {
        match byte {
            byte if is_space(byte) => break,
            b'\\' => value.extend(cursor.next()),
            byte => value.push(byte),
        }
    }
    value
}

/// A value in single quotes; a backslash takes the byte after it as it is.
fn quoted(cursor: &mut Cursor<'_>) -> Result<Vec<u8>, ConnInfoError> {
    let quote = *cursor;
    let mut value = Vec::new();
    cursor.eat(b'\'');
    loop {
        match cursor.next() {
            None => return Err(quote.error(Problem::UnclosedQuote)),
            Some(b'\'') => return Ok(value),
            Some(b'\\') => value.extend(cursor.next()),
            Some(byte) => value.push(byte),
        }
    }
}
