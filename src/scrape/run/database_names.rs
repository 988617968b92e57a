//! Lists of database names: exact ones, and patterns between slashes.

use std::fmt;

use regex_lite::Regex;

/// Which databases an item of a list is about.
#[derive(Clone, Debug)]
pub enum NamePattern {
    /// The one of exactly this name.
    Exact(String),
    /// Those whose name the pattern is found in: `^` and `$` tie it to the ends, as in `pg_hba.conf`.
    Regex(Regex),
}

impl NamePattern {
    /// Whether the database of that name is meant.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        match self {
            Self::Exact(exact) => exact == name,
            Self::Regex(regex) => regex.is_match(name),
        }
    }

    /// Reads one item of a list.
    fn parse(item: &str) -> Result<Self, String> {
        let Some(rest) = item.strip_prefix('/') else {
            return Ok(Self::Exact(item.to_owned()));
        };
        match rest.strip_suffix('/') {
            Some("") => Err("the pattern // would match every name: write /./ if that is meant".into()),
            Some(pattern) if !ends_escaped(pattern) => Regex::new(pattern)
                .map(Self::Regex)
                .map_err(|error| format!("the pattern is no regular expression: {error}")),
            _ => Err("the pattern has no closing slash: write /regex/".into()),
        }
    }
}

/// Two that are written alike are the same.
impl PartialEq for NamePattern {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Exact(one), Self::Exact(other)) => one == other,
            (Self::Regex(one), Self::Regex(other)) => one.as_str() == other.as_str(),
            _ => false,
        }
    }
}

impl Eq for NamePattern {}

/// As it is written in a list.
impl fmt::Display for NamePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(name) => f.write_str(name),
            Self::Regex(regex) => write!(f, "/{regex}/"),
        }
    }
}

/// Reads comma separated items, without empty ones. A pattern may hold commas: it ends with a slash before a comma or
/// at the end.
///
/// # Errors
/// What is wrong with which item, by its position: what was given there may be anything, a password too.
pub(crate) fn parse(text: &str) -> Result<Vec<NamePattern>, String> {
    let mut names = Vec::new();
    let mut rest = text;
    let mut position = 0;
    while !rest.is_empty() {
        let item = rest.trim_start();
        let end = if item.starts_with('/') {
            end_of_pattern(item)
        } else {
            item.find(',')
        };
        let (item, behind) = item.split_at(end.unwrap_or(item.len()));
        rest = behind.strip_prefix(',').unwrap_or(behind);
        let item = item.trim_end();
        position += 1;
        if !item.is_empty() {
            names.push(NamePattern::parse(item).map_err(|what| format!("item {position}: {what}"))?);
        }
    }
    Ok(names)
}

/// Where the comma is that follows the closing slash of the pattern that the text begins with.
fn end_of_pattern(text: &str) -> Option<usize> {
    text.match_indices(',').map(|(at, _)| at).find(|at| {
        let pattern = text.get(1..*at).unwrap_or_default().trim_end();
        pattern
            .strip_suffix('/')
            .is_some_and(|pattern| !ends_escaped(pattern))
    })
}

/// Whether a backslash takes what follows for itself.
fn ends_escaped(text: &str) -> bool {
    let backslashes = text.len() - text.trim_end_matches('\\').len();
    !backslashes.is_multiple_of(2)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn shown(text: &str) -> Vec<String> {
        parse(text).unwrap().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn lists_hold_names_and_patterns() {
        let table: [(&str, &[&str]); 11] = [
            ("", &[]),
            (" , ,", &[]),
            ("a,b", &["a", "b"]),
            (" a b , c/d/ ,e", &["a b", "c/d/", "e"]),
            ("/^a/", &["/^a/"]),
            ("x, /^a/ ,y", &["x", "/^a/", "y"]),
            ("/a{1,3}/,b", &["/a{1,3}/", "b"]),
            ("/a/b/,c", &["/a/b/", "c"]),
            (r"/a\/,b/,c", &[r"/a\/,b/", "c"]),
            (r"/a\\/,b", &[r"/a\\/", "b"]),
            ("/größe/", &["/größe/"]),
        ];
        for (text, items) in table {
            assert_eq!(shown(text), items, "{text:?}");
        }
    }

    #[test]
    fn patterns_are_searched_for() {
        let matches = |text: &str, name: &str| parse(text).unwrap().iter().any(|item| item.matches(name));
        assert!(matches("/test/", "a_test_db") && !matches("test", "a_test_db"));
        assert!(matches("/^test/", "test_1") && !matches("/^test/", "a_test"));
        assert!(matches("/^(a|b)$/", "b") && !matches("/^(a|b)$/", "ab"));
        assert!(matches("/(?i)^APP/", "app") && !matches("/^APP/", "app"));
        assert!(matches(r"/^\/slash$/", "/slash") && matches("/ü/", "grün"));
    }

    #[test]
    fn mistakes_are_named() {
        for (text, part) in [
            ("//", "item 1: the pattern // would match every name"),
            ("a, ,/b", "item 3: the pattern has no closing slash"),
            ("/b,c", "item 1: the pattern has no closing slash"),
            (r"/b\/", "item 1: the pattern has no closing slash"),
            ("/", "item 1: the pattern has no closing slash"),
            ("/a/,/(/", "item 2: the pattern is no regular expression: "),
            ("/a{3,1}/", "is no regular expression: "),
            (r"/\p{L}/", "is no regular expression: "),
        ] {
            let message = parse(text).unwrap_err();
            assert!(message.contains(part), "{text}: {message}");
        }
    }
}
