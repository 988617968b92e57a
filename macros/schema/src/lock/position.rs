//! Where a character of a statement stands in its file.

use crate::read::position::Position;

/// The place of a character of a query, counted from 1 as servers count, in the text of the file that holds the query from
/// that line on. `None` where the lines of the file are not those of the query: a quoted or folded text.
#[must_use]
pub fn place_in_query(file: &str, query_line: u32, query: &str, character: u32) -> Option<Position> {
    let before = usize::try_from(character.saturating_sub(1)).ok()?;
    let consumed: String = query.chars().take(before).collect();
    let feeds = consumed.matches('\n').count();
    let column = consumed.rsplit('\n').next().unwrap_or_default().chars().count();
    let sql = query.lines().nth(feeds).unwrap_or_default();
    let line = query_line.saturating_add(u32::try_from(feeds).ok()?);
    let text = file.lines().nth(usize::try_from(line.checked_sub(1)?).ok()?)?;
    let (indent, _) = text.split_at_checked(text.find(sql)?)?;
    let column = u32::try_from(indent.chars().count() + column + 1).ok()?;
    Some(Position::new(line, column))
}

/// The word of a query at a character, counted from 1, for messages.
pub(crate) fn word_at(query: &str, character: u32) -> &str {
    let skipped = usize::try_from(character.saturating_sub(1)).unwrap_or(usize::MAX);
    let start = query
        .char_indices()
        .nth(skipped)
        .map_or(query.len(), |(at, _)| at);
    let rest = query.get(start..).unwrap_or_default();
    let is_name = |c: char| c.is_alphanumeric() || "_.\"".contains(c);
    let end = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
    match rest.get(..end) {
        Some(word) if !word.is_empty() => word,
        _ => rest.split_whitespace().next().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_of_a_block_have_a_line_and_a_column() {
        let file = "one:\n  query: |\n    SELECT 1,\n           'é' AS b, gone\n";
        let query = "SELECT 1,\n       'é' AS b, gone";
        let at = u32::try_from(query.chars().count() - 3).unwrap_or(0);
        assert_eq!(place_in_query(file, 3, query, at), Some(Position::new(4, 22)));
        assert_eq!(
            place_in_query("one: { query: \"SELECT\\n1\" }", 1, "SELECT\n1", 8),
            None
        );
        assert_eq!(word_at(query, at), "gone");
        assert_eq!(word_at("SELECT + 1", 8), "+");
        assert_eq!(word_at("SELECT", 99), "");
    }
}
