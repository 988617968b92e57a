//! Statements around statements.

/// A name in double quotes.
pub(crate) fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text in single quotes.
pub(crate) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A statement over the rows of another, which are called `q`.
pub(crate) fn wrapped(query: &str, selected: &str, more: &str) -> String {
    let query = query.trim_end_matches(|c: char| c == ';' || c.is_whitespace());
    let query = query.trim_start_matches(['\n', '\r']);
    // A line feed behind it, since it may end with a comment.
    format!("SELECT {selected}\nFROM (\n{query}\n) AS q{more}")
}
