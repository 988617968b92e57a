//! What a statement mentions: names of objects that it may be about, functions that it calls, settings that it reads.
//!
//! It is no parser. A mention may be a column or an alias: whoever asks looks it up among the server's objects.

use super::scan::{Kind, Token, tokens};

/// A name in a statement.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mention {
    /// A relation, a column, an alias, a keyword.
    Name {
        /// What qualifies it, empty if nothing does.
        schema: String,
        /// The name, in lower case unless it is quoted.
        name: String,
    },
    /// A function that is called.
    Call {
        /// What qualifies it, empty if nothing does.
        schema: String,
        /// The name, in lower case unless it is quoted.
        name: String,
    },
    /// A setting that `current_setting` or `SHOW` reads.
    Setting(String),
}

/// What a statement mentions, each once. What stands in its texts is mentioned too: a text may be a statement, or the name of
/// a function.
#[must_use]
pub fn mentions(sql: &str) -> Vec<Mention> {
    let mut found = Vec::new();
    collect(sql, 0, &mut found);
    found.sort();
    found.dedup();
    found
}

/// Statements within texts within statements are as deep as anybody goes.
const DEEPEST: u32 = 2;

fn collect(sql: &str, depth: u32, found: &mut Vec<Mention>) {
    let all = whole(sql);
    for (at, kind) in all.iter().enumerate() {
        let next = |steps: usize| all.get(at + steps);
        if let Kind::Text(text) = kind
            && depth < DEEPEST
        {
            collect(&unquoted(text), depth + 1, found);
        }
        let Some(name) = name_of(kind) else { continue };
        let is_call = next(1) == Some(&Kind::Symbol('('));
        if is_call && name == "current_setting" {
            found.extend(setting(next(2)));
        }
        if at == 0 && name == "show" {
            found.extend(next(1).and_then(name_of).map(Mention::Setting));
        }
        let is_qualified = at > 0 && all.get(at - 1) == Some(&Kind::Symbol('.'));
        let schema = at.checked_sub(2).filter(|_| is_qualified);
        let schema = schema.and_then(|at| all.get(at)).and_then(name_of);
        let schema = schema.unwrap_or_default();
        found.push(if is_call {
            Mention::Call { schema, name }
        } else {
            Mention::Name { schema, name }
        });
    }
}

/// The tokens of a text. A doubled quote, which ends one token and begins the next, is a part of one.
fn whole(sql: &str) -> Vec<Kind<'_>> {
    let mut all: Vec<(usize, Kind<'_>)> = Vec::new();
    for token in tokens(sql) {
        let joined = all
            .last()
            .and_then(|(start, before)| Some((*start, joined(sql, *start, *before, token)?)));
        match (joined, all.last_mut()) {
            (Some(joined), Some(last)) => *last = joined,
            _ => all.push((token.offset, token.kind)),
        }
    }
    all.into_iter().map(|(_, kind)| kind).collect()
}

/// Two quotes as one, if the second begins where the first ends.
fn joined<'a>(sql: &'a str, start: usize, before: Kind<'a>, token: Token<'a>) -> Option<Kind<'a>> {
    let text = |first: &str, second: &str| {
        let is_next = start + first.len() == token.offset;
        sql.get(start..token.offset + second.len()).filter(|_| is_next)
    };
    match (before, token.kind) {
        (Kind::Name(first), Kind::Name(second)) => text(first, second).map(Kind::Name),
        (Kind::Text(first), Kind::Text(second)) => text(first, second).map(Kind::Text),
        _ => None,
    }
}

fn setting(argument: Option<&Kind<'_>>) -> Option<Mention> {
    match argument {
        Some(Kind::Text(text)) => Some(Mention::Setting(unquoted(text).to_lowercase())),
        _ => None,
    }
}

/// A name as the server reads it.
fn name_of(kind: &Kind<'_>) -> Option<String> {
    match kind {
        Kind::Word(word) if !word.starts_with(|c: char| c.is_ascii_digit()) => Some(word.to_lowercase()),
        Kind::Name(quoted) => {
            let inner = quoted.strip_prefix('"')?.strip_suffix('"')?;
            Some(inner.replace("\"\"", "\""))
        }
        _ => None,
    }
}

/// A text without its quotes, of whatever kind.
fn unquoted(text: &str) -> String {
    let text = text.strip_prefix(['e', 'E']).unwrap_or(text);
    if let Some(inner) = text.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
        return inner.replace("''", "'");
    }
    let tag = text
        .get(1..)
        .and_then(|rest| rest.find('$'))
        .map_or(0, |end| end + 2);
    let inner = text.len().checked_sub(tag).and_then(|end| text.get(tag..end));
    inner.unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(sql: &str) -> Vec<String> {
        let shown = |mention: Mention| match mention {
            Mention::Name { schema, name } => format!("{schema}.{name}"),
            Mention::Call { schema, name } => format!("{schema}.{name}()"),
            Mention::Setting(name) => format!("[{name}]"),
        };
        mentions(sql).into_iter().map(shown).collect()
    }

    #[test]
    fn names_calls_and_settings_are_found() {
        let found = shown(
            "SELECT count(*) FROM vault.\"Go\"\"ld\" g -- no.comment\n WHERE pg_catalog.pg_ls_dir('x') IS NULL",
        );
        for part in [".count()", "vault.Go\"ld", ".g", "pg_catalog.pg_ls_dir()"] {
            assert!(found.contains(&part.to_owned()), "{part} in {found:?}");
        }
        assert!(!found.iter().any(|name| name.contains("comment")));
        assert!(
            shown("SELECT current_setting('Data_Directory', true)").contains(&"[data_directory]".to_owned())
        );
        assert!(shown("SHOW hba_file").contains(&"[hba_file]".to_owned()));
    }

    #[test]
    fn texts_may_be_statements() {
        let found = shown(
            "SELECT f('SELECT x FROM pg_catalog.pg_control_system() WHERE a = ''b.c''') , $q$ d.e() $q$",
        );
        for part in ["pg_catalog.pg_control_system()", "d.e()", "b.c"] {
            assert!(found.contains(&part.to_owned()), "{part} in {found:?}");
        }
    }
}
