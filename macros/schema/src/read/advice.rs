//! What to write in place of a text that is no YAML.
//!
//! The parser says where it could not go on, which may be behind what is wrong; the line there and the few before it are
//! looked at.

use super::position::Position;

/// Lines before the one at which the parser stopped.
const LINES: usize = 3;

/// `; what to write instead`, empty when nothing is known to help.
pub(crate) fn advice(text: &str, at: Position) -> String {
    let line = usize::try_from(at.line).unwrap_or(0);
    let lines: Vec<&str> = text.lines().take(line).collect();
    if has_second_document(&lines) {
        return "; put what is behind the line `---` into a file of its own, or remove that line".to_owned();
    }
    let near = lines.iter().rev().take(LINES + 1);
    near.copied()
        .find_map(of_line)
        .map(|advice| format!("; {advice}"))
        .unwrap_or_default()
}

/// Whether a document ends, and another begins, on one of the last two lines.
fn has_second_document(lines: &[&str]) -> bool {
    let is_content = |line: &&str| {
        let line = line.trim();
        !line.is_empty() && !line.starts_with(['#', '%'])
    };
    let last = lines.len().saturating_sub(2);
    let begins = |(at, line): (usize, &&str)| {
        at >= last && line.trim_end() == "---" && lines.iter().take(at).any(is_content)
    };
    lines.iter().enumerate().any(begins)
}

fn of_line(line: &str) -> Option<String> {
    if ["{{", "{%"].iter().any(|mark| line.contains(mark)) {
        return Some("this is a template (`{{ … }}`): render it first".to_owned());
    }
    let indent: String = line.chars().take_while(|c| c.is_whitespace()).collect();
    if indent.contains('\t') {
        return Some("a tab cannot indent: write spaces".to_owned());
    }
    let (key, value) = line.trim().split_once(": ")?;
    let value = value.trim();
    let begins_badly = value.starts_with(['%', '@', '`', '*', '&', '!', ']', '}', '>', '|', '?', ','])
        || goes_on(value, '[', ']')
        || goes_on(value, '{', '}');
    let is_badly_quoted = value.starts_with(['"', '\'']) && !is_closed(value);
    let holds_more =
        !value.starts_with(['"', '\'', '[', '{']) && (value.contains(": ") || value.ends_with(':'));
    if value.chars().count() < 2 || !(begins_badly || is_badly_quoted || holds_more) || is_meant(value) {
        return None;
    }
    let key = key.trim_start_matches("- ");
    let text = value.trim_matches(['"', '\'']).replace('\'', "''");
    let text: String = text.chars().take(40).collect();
    Some(format!("put the text in quotes: `{key}: '{text}'`"))
}

/// Whether a text begins like a list or map that is closed before the text ends.
fn goes_on(value: &str, open: char, close: char) -> bool {
    let rest = value.strip_prefix(open).and_then(|rest| rest.split_once(close));
    rest.is_some_and(|(_, rest)| rest.starts_with(' '))
}

/// Whether a quoted text ends where the line does.
fn is_closed(value: &str) -> bool {
    let quote = value.chars().next().unwrap_or_default();
    value.len() > 1 && value.trim_end_matches([',', '}', ' ']).ends_with(quote)
}

/// Whether it is most likely what it looks like: a list, a map, an anchor, the head of a block.
fn is_meant(value: &str) -> bool {
    let is_block_head = matches!(value, "|" | ">" | "|-" | ">-" | "|+" | ">+");
    let is_flow =
        (value.starts_with('{') && value.ends_with('}')) || (value.starts_with('[') && value.ends_with(']'));
    let is_anchor = value.starts_with('&') && !value.contains(' ');
    is_block_head || is_flow || is_anchor
}
