//! Text of others, such as the name of a database, where people read it.

use std::borrow::Cow;

/// Whether a terminal does not show a character as itself: controls, ends of lines, and what turns the direction of
/// writing. A name may hold any of them, and forge a line or a colour with it.
#[must_use]
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}'
        )
}

/// The text on one line, with what is hidden escaped as in Rust: `\n`, `\u{1b}`.
#[must_use]
pub fn on_one_line(text: &str) -> Cow<'_, str> {
    escaped(text, |_| false)
}

/// As [`on_one_line`], but for the ends of lines, which stay.
#[must_use]
pub fn on_lines(text: &str) -> Cow<'_, str> {
    escaped(text, |c| c == '\n')
}

fn escaped(text: &str, stays: impl Fn(char) -> bool) -> Cow<'_, str> {
    let hidden = |c: char| is_hidden(c) && !stays(c);
    if !text.contains(hidden) {
        return text.into();
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if hidden(c) {
            // `escape_default` knows names of ends of lines and tabs.
            escaped.extend(c.escape_default());
        } else {
            escaped.push(c);
        }
    }
    escaped.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_on_their_line() {
        let table = [
            ("app", "app"),
            ("Übung 'x' \"y\" \\", "Übung 'x' \"y\" \\"),
            ("new\nline\r\t", "new\\nline\\r\\t"),
            ("\u{1b}[31m\u{7}\u{9b}", "\\u{1b}[31m\\u{7}\\u{9b}"),
            ("a\u{202e}b\u{2028}", "a\\u{202e}b\\u{2028}"),
        ];
        for (text, expected) in table {
            assert_eq!(on_one_line(text), expected);
        }
        assert_eq!(on_lines("a\n\u{1b}b"), "a\n\\u{1b}b");
    }
}
