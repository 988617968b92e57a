//! From a mistake that a server sees to its place in the file.

use std::collections::HashMap;

use pg_exporter_schema::Collector;

/// A line and a column in a file, both from 1, the column in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) line: u32,
    pub(super) column: u32,
}

/// The texts of definition files, as far as they can be read. What was compiled in need not be on this machine: its
/// places are exact to the line then.
#[derive(Debug, Default)]
pub(super) struct Files {
    texts: HashMap<String, Option<String>>,
}

impl Files {
    /// The place of a character of the query, counted from 1 as the server counts.
    pub(super) fn in_query(&mut self, collector: &Collector, position: u32) -> Position {
        let before = usize::try_from(position.saturating_sub(1)).unwrap_or(usize::MAX);
        let consumed: String = collector.query.chars().take(before).collect();
        let feeds = consumed.matches('\n').count();
        let column = consumed.rsplit('\n').next().unwrap_or_default().chars().count();
        let sql = collector.query.lines().nth(feeds).unwrap_or_default();
        let first = collector.origin.query_line;
        let line = first.saturating_add(number(feeds));
        // A quoted or folded text has its lines elsewhere; the first is near enough.
        match self.indent(collector, line, sql) {
            Some(indent) => Position {
                line,
                column: number(indent + column + 1),
            },
            None => Position {
                line: first.max(1),
                column: 1,
            },
        }
    }

    /// The place of a column's entry, or of the collector's key.
    pub(super) fn of_column(&mut self, collector: &Collector, column: &str) -> Position {
        let start = collector.origin.line;
        let lines = self.lines(collector).unwrap_or_default();
        let entry = lines
            .iter()
            .enumerate()
            .skip(usize::try_from(start).unwrap_or(0))
            .find_map(|(at, line)| {
                let item = line.trim_start().trim_start_matches(['-', ' ', '{', '"', '\'']);
                let rest = item.strip_prefix(column)?.trim_start_matches(['"', '\'', ' ']);
                let indent = line.chars().count() - item.chars().count();
                rest.starts_with(':').then(|| Position {
                    line: number(at + 1),
                    column: number(indent + 1),
                })
            });
        entry.unwrap_or(Position {
            line: start.max(1),
            column: 1,
        })
    }

    /// How many characters stand before the SQL on the line of the file; `None` when it is not there.
    fn indent(&mut self, collector: &Collector, line: u32, sql: &str) -> Option<usize> {
        let Some(lines) = self.lines(collector) else {
            return Some(0);
        };
        let text = lines.get(usize::try_from(line).ok()?.checked_sub(1)?)?;
        let (before, _) = text.split_at_checked(text.find(sql)?)?;
        Some(before.chars().count())
    }

    fn lines(&mut self, collector: &Collector) -> Option<Vec<&str>> {
        let file = &*collector.origin.file;
        let text = self.texts.entry(file.to_owned()).or_insert_with(|| {
            let content = crate::files::Files::default().read(file.as_ref()).ok()?;
            String::from_utf8(content.bytes().to_vec()).ok()
        });
        text.as_ref().map(|text| text.lines().collect())
    }
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
