//! What to write in place of a text that is no YAML.
//!
//! The parser says where it could not go on, which may be behind what is wrong; the line there and the few before it are
//! looked at.

use super::position::Position;

/// Lines before the one at which the parser stopped.
const LINES: usize = 3;

/// `; what to write instead` where the parser said `message`, empty when nothing is known to help.
pub(crate) fn advice(text: &str, at: Position, message: &str) -> String {
    let line = usize::try_from(at.line).unwrap_or(0);
    let lines: Vec<&str> = text.lines().take(line).collect();
    if message.contains("unknown value")
        && let Some(name) = lines.last().copied().and_then(alias)
    {
        return format!(
            "; write `&{name}` before it, at the value that is meant, or put the text in quotes: `'*{name}'`"
        );
    }
    if has_second_document(&lines) {
        return "; put what is behind the line `---` into a file of its own, or remove that line".to_owned();
    }
    let near = lines.iter().rev().take(LINES + 1);
    near.copied()
        .find_map(of_line)
        .or_else(|| message.contains(" tab").then(|| TABS.to_owned()))
        // A comment of a template's begins a map that ends nowhere.
        .or_else(|| {
            text.lines()
                .any(|line| line.trim_start().starts_with("{#"))
                .then(template)
        })
        .map(|advice| format!("; {advice}"))
        .unwrap_or_default()
}

const TABS: &str = "a tab cannot indent: write spaces";

fn template() -> String {
    "this is a template (`{{ … }}`): render it first".to_owned()
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

/// The name of an alias that is all of a value, `key: *name`.
fn alias(line: &str) -> Option<&str> {
    let name = line.split_once('*')?.1;
    let name = name.trim_end_matches([' ', '}', ']', ',']);
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || "_-.".contains(c));
    is_name.then_some(name)
}

fn of_line(line: &str) -> Option<String> {
    if ["{{", "{%", "<%"].iter().any(|mark| line.contains(mark)) {
        return Some(template());
    }
    match line.chars().find(|c| *c != ' ') {
        Some('\t') => return Some(TABS.to_owned()),
        Some(c) if c.is_whitespace() => {
            return Some(format!(
                "the character U+{:04X} cannot indent: write spaces",
                u32::from(c)
            ));
        }
        _ => {}
    }
    let (key, text) = in_braces(line).or_else(|| alone(line))?;
    let text = inner(text).replace('\'', "''");
    let text: String = text.chars().take(40).collect();
    Some(format!("put the text in quotes: `{key}: '{text}'`"))
}

/// `key: text` on a line of its own, if the text needs quotes.
fn alone(line: &str) -> Option<(&str, &str)> {
    let (key, value) = line.trim().split_once(": ")?;
    let value = value.trim();
    let begins_badly = begins_badly(value) || goes_on(value, '[', ']') || goes_on(value, '{', '}');
    let holds_more = !value.starts_with(['"', '\'', '[', '{']) && holds_a_key(value);
    let needs_quotes = begins_badly || is_badly_quoted(value) || holds_more;
    let is_text = value.chars().count() > 1 && needs_quotes && !is_meant(value);
    is_text.then(|| (key.trim_start_matches("- "), value))
}

/// Keys whose texts people write without quotes.
const TEXTS: [&str; 2] = ["description", "desc"];

/// `{ …, key: text, … }`, if the text needs quotes. There it must hold no bracket either.
fn in_braces(line: &str) -> Option<(&str, &str)> {
    let inside = line.split_once('{')?.1;
    TEXTS.iter().find_map(|key| {
        let text = inside
            .split_once(&format!("{key}: "))
            .or_else(|| inside.split_once(&format!("{key} : ")))?
            .1;
        let text = text.trim();
        let text = text.strip_suffix(',').unwrap_or(text);
        let text = text.trim_end().strip_suffix('}').unwrap_or(text).trim();
        // What stands behind the text is another key.
        let end = OTHERS
            .iter()
            .filter_map(|other| text.find(other))
            .min()
            .unwrap_or(text.len());
        let text = text.get(..end).unwrap_or(text).trim_end_matches([' ', ',']);
        let is_quoted = text.starts_with(['"', '\'']);
        let holds_more =
            !is_quoted && (text.contains(['{', '}', '[', ']']) || text.contains(" #") || holds_a_key(text));
        let needs_quotes = begins_badly(text) || is_badly_quoted(text) || holds_more;
        (text.chars().count() > 1 && needs_quotes).then_some((*key, text))
    })
}

/// Keys that may stand behind a text in braces.
const OTHERS: [&str; 5] = ["usage:", "rename:", "scale:", "default:", "bucket:"];

fn begins_badly(text: &str) -> bool {
    let is_sign = text.starts_with(['%', '@', '`', '*', '&', '!', ']', '}', '>', '|', ',', '#']);
    is_sign || ["- ", "? ", ": "].iter().any(|sign| text.starts_with(sign))
}

fn holds_a_key(text: &str) -> bool {
    text.contains(": ") || text.ends_with(':')
}

/// Whether a text begins like a list or map that is closed before the text ends.
fn goes_on(value: &str, open: char, close: char) -> bool {
    let rest = value.strip_prefix(open).and_then(|rest| rest.split_once(close));
    rest.is_some_and(|(_, rest)| rest.starts_with(' '))
}

/// Whether a text in quotes does not end where they do: there is no second one, or one too many in it.
fn is_badly_quoted(value: &str) -> bool {
    let Some(quote) = value.chars().next().filter(|first| ['"', '\''].contains(first)) else {
        return false;
    };
    let rest = value
        .get(1..)
        .unwrap_or_default()
        .trim_end_matches([',', '}', ' ']);
    let Some(inner) = rest.strip_suffix(quote) else {
        return true;
    };
    let escaped = if quote == '"' { "\\\"" } else { "''" };
    inner.replace(escaped, "").contains(quote)
}

/// A text without the quotes that it stands in.
fn inner(text: &str) -> &str {
    match text.chars().next() {
        Some(quote @ ('"' | '\'')) => {
            let rest = text.get(1..).unwrap_or_default();
            rest.strip_suffix(quote).unwrap_or(rest)
        }
        _ => text,
    }
}

/// Whether it is most likely what it looks like: a list, a map, an anchor, the head of a block.
fn is_meant(value: &str) -> bool {
    let is_block_head = matches!(value, "|" | ">" | "|-" | ">-" | "|+" | ">+");
    let is_flow =
        (value.starts_with('{') && value.ends_with('}')) || (value.starts_with('[') && value.ends_with(']'));
    let is_anchor =
        value.starts_with(['&', '*']) && !value.contains(' ') && value.len() > 1 && !value.starts_with("**");
    is_block_head || is_flow || is_anchor
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_need_quotes_are_found_in_braces_and_alone() {
        let table = [
            ("        description: % of all", Some("description: '% of all'")),
            ("        desc: - all", Some("desc: '- all'")),
            (
                "    - a: { usage: GAUGE, description: % of all }",
                Some("description: '% of all'"),
            ),
            (
                "    - a: { usage: GAUGE ,description: ratio: used/all }",
                Some("description: 'ratio: used/all'"),
            ),
            (
                "    - a: { description: rows {live, dead}, usage: GAUGE }",
                Some("description: 'rows {live, dead}'"),
            ),
            (
                "    - a: { usage: GAUGE, description: from [0] on },",
                Some("description: 'from [0] on'"),
            ),
            (
                "    - a: {description: > 5, usage: GAUGE}",
                Some("description: '> 5'"),
            ),
            (
                "    - a: {description: the # of it}",
                Some("description: 'the # of it'"),
            ),
            ("    - a: {description: it's, usage: GAUGE}", None),
            (
                "    - a: {description: 'it's', usage: GAUGE}",
                Some("description: 'it''s'"),
            ),
            (
                "    - a: {description: \"so \"called\"\", usage: GAUGE}",
                Some("description: 'so \"called\"'"),
            ),
            ("    - a: {description: 'it''s', usage: GAUGE}", None),
            ("    - a: {description: \"a \\\" b\", usage: GAUGE}", None),
            ("    - a: { usage: GAUGE, description: plain text }", None),
            ("    - a: { usage: GAUGE, description: \"[a]: {b}\" }", None),
            ("  query: |-", None),
            ("  tags: *tags", None),
            ("  metrics: [ a: { usage: GAUGE } ]", None),
        ];
        for (line, expected) in table {
            let expected = expected.map(|text| format!("put the text in quotes: `{text}`"));
            assert_eq!(of_line(line), expected, "{line}");
        }
        for line in ["  ttl: {{ ttl }}", "  {% if a %}", "<%= ttl %>"] {
            assert!(
                of_line(line).is_some_and(|advice| advice.contains("template")),
                "{line}"
            );
        }
    }
}
