//! Text of others, such as the name of a database, where people read it.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Whether a terminal does not show a character as itself: controls, ends of lines, what turns the direction of writing, and
/// what takes no place or a blank one. A name may hold any of them, and forge a line, a colour or another name with it. What
/// joins letters in some scripts (U+200C, U+200D) is none of them.
///
/// The last rows are Unicode's default ignorable characters and fillers.
#[must_use]
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}'
                | '\u{ad}' | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180e}' | '\u{200b}'
                | '\u{2060}'..='\u{2065}' | '\u{206a}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{ffa0}'
                | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}'
        )
}

/// JSON as it is to be read on a terminal, too: what is hidden is escaped as JSON has it, but for ends of lines between
/// values. Within its strings nothing else can be hidden.
#[must_use]
pub fn in_json(json: String) -> String {
    let hidden = |c: char| is_hidden(c) && c != '\n';
    if !json.contains(hidden) {
        return json;
    }
    let mut escaped = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        if hidden(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        } else {
            escaped.push(c);
        }
    }
    escaped
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
            ("a\u{200b}p\u{ad}p\u{e0041}", "a\\u{200b}p\\u{ad}p\\u{e0041}"),
            ("می\u{200c}خواهم", "می\u{200c}خواهم"),
        ];
        for (text, expected) in table {
            assert_eq!(on_one_line(text), expected);
        }
        assert_eq!(on_lines("a\n\u{1b}b"), "a\n\\u{1b}b");
        let json = "[\"a\u{9b}\u{e0041}\",\n1]".to_owned();
        assert_eq!(in_json(json), "[\"a\\u009b\\udb40\\udc41\",\n1]");
    }
}
