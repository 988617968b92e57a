//! `@extschema:NAME@` in statements: the schema that an extension is in, as in PostgreSQL's own extension scripts.
//!
//! Whoever installs an extension chooses its schema, and no schema but `pg_catalog` is on the search path of shipped
//! statements. So they name it by the extension.

use std::borrow::Cow;

use pg_exporter_schema::is_in_quotes;

use super::facts::Facts;

const OPENING: &str = "@extschema:";

/// Characters that could end the quotes around a text in which the placeholder stands. PostgreSQL's scripts refuse them everywhere.
const UNQUOTABLE: [char; 4] = ['"', '\'', '$', '\\'];

/// Why a statement cannot be completed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown<'a> {
    /// The extension is not installed.
    Extension(&'a str),
    /// The name of the extension's schema cannot be quoted safely where it would stand, within a text.
    Unquotable(&'a str),
}

/// A placeholder: where it begins and ends in the text, in bytes, and the extension that it names.
struct Placeholder<'a> {
    start: usize,
    end: usize,
    name: &'a str,
    /// Whether it stands within quotes.
    is_quoted: bool,
}

/// The extensions that a statement names so.
pub fn named(sql: &str) -> impl Iterator<Item = &str> {
    placeholders(sql).map(|placeholder| placeholder.name)
}

/// The statement with quoted schemas in place of the placeholders.
///
/// # Errors
/// The first extension whose schema is not known, or not fit for a statement.
pub fn replaced<'a>(sql: &'a str, facts: &Facts) -> Result<Cow<'a, str>, Unknown<'a>> {
    let mut text = String::new();
    let mut done = 0;
    for placeholder in placeholders(sql) {
        text.push_str(sql.get(done..placeholder.start).unwrap_or_default());
        text.push_str(&quoted_schema(&placeholder, facts)?);
        done = placeholder.end;
    }
    if done == 0 {
        return Ok(Cow::Borrowed(sql));
    }
    text.push_str(sql.get(done..).unwrap_or_default());
    Ok(Cow::Owned(text))
}

/// Where a character of the replaced statement stands in the definition, both in characters from 1. What stands in a
/// schema's name is at its placeholder.
#[must_use]
pub fn position_in_definition(sql: &str, facts: &Facts, position: u32) -> u32 {
    let count = |text: &str| u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
    let mut position = position;
    for placeholder in placeholders(sql) {
        let start = count(sql.get(..placeholder.start).unwrap_or_default()) + 1;
        let Ok(schema) = quoted_schema(&placeholder, facts) else {
            break;
        };
        if position < start {
            break;
        }
        let (shown, written) = (
            count(&schema),
            count(sql.get(placeholder.start..placeholder.end).unwrap_or_default()),
        );
        if position < start.saturating_add(shown) {
            return start;
        }
        position = (position - shown).saturating_add(written);
    }
    position
}

fn quoted_schema<'a>(placeholder: &Placeholder<'a>, facts: &Facts) -> Result<String, Unknown<'a>> {
    let name = placeholder.name;
    let extension = facts.extensions.get(name).ok_or(Unknown::Extension(name))?;
    if placeholder.is_quoted && extension.schema.contains(UNQUOTABLE) {
        return Err(Unknown::Unquotable(name));
    }
    Ok(format!("\"{}\"", extension.schema.replace('"', "\"\"")))
}

fn placeholders(sql: &str) -> impl Iterator<Item = Placeholder<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let rest = sql.get(at..)?;
            let start = at + rest.find(OPENING)?;
            let name_at = start + OPENING.len();
            at = name_at;
            let rest = sql.get(name_at..)?;
            let length = rest.find(|c: char| c == '@' || c.is_whitespace())?;
            let (name, closing) = rest.split_at(length);
            if !name.is_empty() && closing.starts_with('@') {
                at = name_at + length + 1;
                return Some(Placeholder {
                    start,
                    end: at,
                    name,
                    is_quoted: is_in_quotes(sql, start),
                });
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::facts::Extension;

    fn facts(extensions: &[(&str, &str)]) -> Facts {
        let extension = |(name, schema): &(&str, &str)| {
            let schema = (*schema).to_owned();
            (
                (*name).to_owned(),
                Extension {
                    schema,
                    version: "1.10".to_owned(),
                },
            )
        };
        Facts {
            extensions: extensions.iter().map(extension).collect(),
            ..Facts::default()
        }
    }

    #[test]
    fn schemas_are_quoted() {
        let facts = facts(&[("a", "public"), ("b-c", "My Schema")]);
        let table = [
            ("SELECT 1", "SELECT 1"),
            ("SELECT * FROM @extschema:a@.t", "SELECT * FROM \"public\".t"),
            (
                "@extschema:a@.f(@extschema:b-c@.g())",
                "\"public\".f(\"My Schema\".g())",
            ),
            (
                "@extschema:@ @extschema:a b@ @extschema:a",
                "@extschema:@ @extschema:a b@ @extschema:a",
            ),
            ("@extschema:@extschema:a@", "@extschema:\"public\""),
        ];
        for (sql, expected) in table {
            assert_eq!(replaced(sql, &facts).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn what_is_not_known_is_told() {
        let facts = facts(&[("a", "quo\"te"), ("b", "it's"), ("c", "$1")]);
        assert_eq!(replaced("@extschema:x@.t", &facts), Err(Unknown::Extension("x")));
        for (name, quoted) in [("a", "\"quo\"\"te\".t"), ("b", "\"it's\".t"), ("c", "\"$1\".t")] {
            let sql = format!("@extschema:{name}@.t");
            assert_eq!(replaced(&sql, &facts).as_deref(), Ok(quoted));
            for within in [
                format!("to_regclass('{sql}')"),
                format!("$q${sql}$q$"),
                format!("\"{sql}\""),
            ] {
                assert_eq!(
                    replaced(&within, &facts),
                    Err(Unknown::Unquotable(name)),
                    "{within}"
                );
            }
        }
    }

    #[test]
    fn positions_are_those_of_the_definition() {
        let facts = facts(&[("a", "public")]);
        let sql = "SELECT é FROM @extschema:a@.t, @extschema:a@.u WHERE x";
        let shown = replaced(sql, &facts).unwrap_or_default().into_owned();
        let at = |text: &str, what: &str| {
            let before = text.split(what).next().unwrap_or_default();
            u32::try_from(before.chars().count() + 1).unwrap_or(0)
        };
        for what in ["SELECT", "FROM", ".t", ".u", "WHERE"] {
            assert_eq!(
                position_in_definition(sql, &facts, at(&shown, what)),
                at(sql, what),
                "{what}"
            );
        }
        let inside = at(&shown, "ublic");
        assert_eq!(position_in_definition(sql, &facts, inside), at(sql, "@extschema"));
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(sql in "(@|extschema:|a|é| ){0,12}", position: u32) {
            let facts = facts(&[("a", "public")]);
            let _ = replaced(&sql, &facts).map(|text| text.len());
            let _ = position_in_definition(&sql, &facts, position);
        }
    }
}
