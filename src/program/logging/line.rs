//! One line of the log: its keys in order, each once, in either form.

use std::fmt::{Debug, Write as _};
use std::time::SystemTime;

use tracing::Level;
use tracing::field::{Field, Visit};

use super::choice::Format;
use crate::scrape::overview::time;
use crate::values::text::{in_json, is_hidden};

/// Bytes of a value that are written.
const LONGEST: usize = 8 * 1024;

/// What a line says. The keys are the same in both forms: `ts`, `level`, `message`, then the event's own.
#[derive(Debug)]
pub(super) struct Line {
    values: Vec<(String, Value)>,
}

#[derive(Debug, PartialEq)]
enum Value {
    Text(String),
    /// A number or a truth value, as it is written.
    Plain(String),
}

impl Line {
    pub(super) fn new(level: Level) -> Self {
        let word = match level {
            Level::ERROR => "error",
            Level::WARN => "warn",
            Level::INFO => "info",
            Level::DEBUG => "debug",
            Level::TRACE => "trace",
        };
        let mut line = Self { values: Vec::new() };
        line.text("ts", &time(SystemTime::now()));
        line.text("level", word);
        // Its place; an event names its fields before its message.
        line.text("message", "");
        line
    }

    pub(super) fn text(&mut self, key: &str, text: &str) {
        let mut text = text.to_owned();
        if text.len() > LONGEST {
            let whole = text.len();
            let end = text.floor_char_boundary(LONGEST);
            text.truncate(end);
            let _ = write!(text, "… ({whole} bytes)");
        }
        self.add(key, Value::Text(text));
    }

    pub(super) fn number(&mut self, key: &str, number: u64) {
        self.add(key, Value::Plain(number.to_string()));
    }

    /// The first one of a key stays; but for the message, whose place was kept.
    fn add(&mut self, key: &str, value: Value) {
        match self.values.iter_mut().find(|(known, _)| known == key) {
            None => self.values.push((key.to_owned(), value)),
            Some((known, place)) if known == "message" && *place == Value::Text(String::new()) => {
                *place = value;
            }
            Some(_) => {}
        }
    }

    pub(super) fn message(&self) -> &str {
        let message = self.values.iter().find(|(key, _)| key == "message");
        match message {
            Some((_, Value::Text(text) | Value::Plain(text))) => text,
            None => "",
        }
    }

    /// The line with its end.
    pub(super) fn bytes(&self, format: Format) -> Vec<u8> {
        let mut line = String::with_capacity(256);
        let (open, between, close) = match format {
            Format::Json => ("{", ",", "}\n"),
            Format::Logfmt => ("", " ", "\n"),
        };
        line.push_str(open);
        for (place, (key, value)) in self.values.iter().enumerate() {
            if place > 0 {
                line.push_str(between);
            }
            match (format, value) {
                (Format::Json, Value::Text(text)) => {
                    let _ = write!(line, "{}:{}", quoted(key), quoted(text));
                }
                (Format::Json, Value::Plain(text)) => {
                    let _ = write!(line, "{}:{text}", quoted(key));
                }
                (Format::Logfmt, Value::Text(text)) if !is_word(text) => {
                    let _ = write!(line, "{key}={}", quoted(text));
                }
                (Format::Logfmt, Value::Text(text) | Value::Plain(text)) => {
                    let _ = write!(line, "{key}={text}");
                }
            }
        }
        line.push_str(close);
        line.into_bytes()
    }
}

/// Whether a text needs no quotes in logfmt.
fn is_word(text: &str) -> bool {
    !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || is_hidden(c) || "\"=\\".contains(c))
}

/// A text as a string of JSON, which logfmt's are, too; what a terminal would not show, or act upon, is escaped.
fn quoted(text: &str) -> String {
    // A string always serialises.
    in_json(serde_json::to_string(text).unwrap_or_default())
}

/// What libraries log through the `log` crate says where it comes from in fields of its own.
fn is_of_log_crate(key: &str) -> bool {
    key.starts_with("log.")
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.record_str(field, &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if !is_of_log_crate(field.name()) {
            self.text(field.name(), value);
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field.name(), Value::Plain(value.to_string()));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        if !is_of_log_crate(field.name()) {
            self.add(field.name(), Value::Plain(value.to_string()));
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        if !is_of_log_crate(field.name()) {
            self.number(field.name(), value);
        }
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        // JSON has no other numbers.
        let value = if value.is_finite() {
            Value::Plain(value.to_string())
        } else {
            Value::Text(value.to_string())
        };
        self.add(field.name(), value);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn line(values: &[(&str, &str)]) -> Line {
        let mut line = Line::new(Level::WARN);
        for (key, value) in values {
            line.text(key, value);
        }
        line
    }

    fn text(line: &Line, format: Format) -> String {
        String::from_utf8(line.bytes(format)).unwrap()
    }

    #[test]
    fn both_forms_have_the_same_keys() {
        let mut line = line(&[
            ("database", "a b"),
            ("message", "it's \"so\""),
            ("database", "other"),
        ]);
        line.number("held_back", 3);
        let logfmt = text(&line, Format::Logfmt);
        let (_, logfmt) = logfmt.split_once(' ').unwrap();
        assert_eq!(
            logfmt,
            "level=warn message=\"it's \\\"so\\\"\" database=\"a b\" held_back=3\n"
        );
        let json = text(&line, Format::Json);
        let (_, json) = json.split_once(',').unwrap();
        let expected = r#""level":"warn","message":"it's \"so\"","database":"a b","held_back":3}"#;
        assert_eq!(json.trim_end(), expected);
    }

    #[test]
    fn a_name_forges_nothing() {
        let evil = "x\n2 level=error\u{1b}[31m\u{7f}\u{9b}\u{202e}\u{2028}\r\0";
        let line = line(&[("message", "m"), ("database", evil)]);
        for format in [Format::Logfmt, Format::Json] {
            let text = text(&line, format);
            assert!(!text.trim_end().contains(is_hidden), "{text:?}");
            assert_eq!(text.lines().count(), 1);
        }
        let json: serde_json::Value = serde_json::from_str(&text(&line, Format::Json)).unwrap();
        assert_eq!(json.get("database").unwrap(), evil);
    }

    #[test]
    fn a_long_value_is_cut() {
        let line = line(&[("message", &"é".repeat(1 << 20))]);
        let text = text(&line, Format::Logfmt);
        assert!(text.len() < LONGEST + 100 && text.contains("… (2097152 bytes)"));
    }
}
