//! Where a statement's unqualified names are looked for.
//!
//! Whoever may create objects in a schema of the path can have them taken for what a statement means, and run as the
//! exporter's role. So sessions begin with a path of `pg_catalog` alone, by an option of the start-up exchange, which beats
//! what `ALTER DATABASE` and `ALTER ROLE` set.

use pg_exporter_schema::{Collector, Setting, Text};

/// The path of every session: nothing of a session's own temporary schema is found before `pg_catalog`.
pub(in crate::postgres) const SAFE: &str = "pg_catalog, pg_temp";

/// PostgreSQL's own default.
pub(in crate::postgres) const SERVERS_DEFAULT: &str = "\"$user\", public";

/// The path of one statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SearchPath<'a> {
    /// `pg_catalog`, as of the session.
    Catalog,
    /// What the role would have without us: by the URL, by `ALTER ROLE` or `ALTER DATABASE`, or the server's default.
    Role,
    /// What a definition says of its own statement.
    Defined {
        /// Schemas; none: as without a definition's word.
        schemas: &'a [Text],
        /// Settings that hold for the statement alone.
        settings: &'a [Setting],
        /// Whether it is the role's path where no schema is named.
        is_of_role: bool,
    },
}

impl<'a> SearchPath<'a> {
    /// The path of a definition's statements: a site's own may rely on the role's.
    #[must_use]
    pub fn of(collector: &'a Collector, is_of_role: bool) -> Self {
        let Collector {
            search_path,
            settings,
            ..
        } = collector;
        match (search_path.is_empty() && settings.is_empty(), is_of_role) {
            (true, true) => Self::Role,
            (true, false) => Self::Catalog,
            (false, _) => Self::Defined {
                schemas: search_path,
                settings,
                is_of_role,
            },
        }
    }

    /// Whether the statement is one of ours, which has all its names in full.
    pub(in crate::postgres) fn is_shipped(self) -> bool {
        match self {
            Self::Catalog => true,
            Self::Role => false,
            Self::Defined {
                schemas, is_of_role, ..
            } => schemas.is_empty() && !is_of_role,
        }
    }

    /// Whether the role's path must be known for it.
    #[must_use]
    pub fn is_of_role(&self) -> bool {
        match self {
            Self::Catalog => false,
            Self::Role => true,
            Self::Defined {
                schemas, is_of_role, ..
            } => schemas.is_empty() && *is_of_role,
        }
    }
}

/// What sets a path until the end of the transaction.
pub(in crate::postgres) fn set_local(path: &str) -> String {
    format!(
        "SELECT pg_catalog.set_config('search_path', {}, true)",
        literal(path)
    )
}

/// A statement that tells the path that `ALTER ROLE` and `ALTER DATABASE` give the role in the database; NULL where they give none. And
/// whether the role may read the settings of the server's files.
pub(in crate::postgres) const OF_ROLE: &str = "\
SELECT (SELECT pg_catalog.substr(s.setting, 13)
          FROM (SELECT setrole, setdatabase, pg_catalog.unnest(setconfig) AS setting
                  FROM pg_catalog.pg_db_role_setting
                 WHERE setdatabase IN (0::pg_catalog.oid, (SELECT oid FROM pg_catalog.pg_database
                                                            WHERE datname = pg_catalog.current_database()))
                   AND setrole IN (0::pg_catalog.oid, (SELECT oid FROM pg_catalog.pg_roles
                                                        WHERE rolname = session_user))) s
         WHERE pg_catalog.substr(s.setting, 1, 12) = 'search_path='
         ORDER BY s.setrole = 0::pg_catalog.oid, s.setdatabase = 0::pg_catalog.oid LIMIT 1),
       pg_catalog.has_function_privilege('pg_catalog.pg_show_all_file_settings()', 'EXECUTE')";

/// One that tells the path of the server's files, to those who may read them.
pub(in crate::postgres) const OF_FILES: &str = "\
SELECT (SELECT f.setting FROM pg_catalog.pg_show_all_file_settings() f
         WHERE f.name = 'search_path' AND f.applied ORDER BY f.seqno DESC LIMIT 1)";

/// A text in an SQL statement, whatever `standard_conforming_strings` is.
pub(in crate::postgres) fn literal(text: &str) -> String {
    format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

/// A setting among the options of a connection string, by the server's rules: `-c name=value`, `-cname=value` or
/// `--name=value`, where a backslash takes the next character as it is. The last one wins.
pub(in crate::postgres) fn of_options(options: &str, wanted: &str) -> Option<String> {
    let mut found = None;
    let mut is_value = false;
    for word in words(options) {
        let setting = if is_value {
            Some(&*word)
        } else {
            word.strip_prefix("--").or_else(|| word.strip_prefix("-c"))
        };
        is_value = !is_value && word == "-c";
        let pair = setting.and_then(|setting| setting.split_once('='));
        if let Some((name, value)) = pair
            && name.replace('-', "_").eq_ignore_ascii_case(wanted)
        {
            found = Some(value.to_owned());
        }
    }
    found
}

/// The schemas of a path as a setting shows it: names between commas, in lower case unless quoted.
pub(in crate::postgres) fn schemas_of(path: &str) -> Vec<String> {
    let mut schemas = vec![String::new()];
    let mut is_quoted = false;
    for letter in path.chars() {
        match letter {
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => schemas.push(String::new()),
            letter if letter.is_whitespace() && !is_quoted => {}
            letter if is_quoted => schemas.last_mut().into_iter().for_each(|name| name.push(letter)),
            letter => schemas
                .last_mut()
                .into_iter()
                .for_each(|name| name.extend(letter.to_lowercase())),
        }
    }
    schemas.retain(|name| !name.is_empty());
    schemas
}

fn words(options: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut letters = options.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => words
                .last_mut()
                .into_iter()
                .for_each(|word| word.extend(letters.next())),
            _ if letter.is_whitespace() => words.push(String::new()),
            _ => words.last_mut().into_iter().for_each(|word| word.push(letter)),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_a_connection_string_is_found() {
        let table = [
            ("", None),
            ("-c work_mem=1MB", None),
            ("-c search_path=app", Some("app")),
            ("-csearch_path=app,public", Some("app,public")),
            ("--search-path=app", Some("app")),
            (r"-c search_path=app,\ public -c jit=off", Some("app, public")),
            (r#"-c search_path="a\\b""#, Some(r#""a\b""#)),
            ("-c search_path=a -c SEARCH_PATH=b", Some("b")),
            ("search_path=a", None),
        ];
        for (options, path) in table {
            assert_eq!(of_options(options, "search_path").as_deref(), path, "{options}");
        }
        assert_eq!(
            of_options("-c search_path=a -c role=b", "role").as_deref(),
            Some("b")
        );
    }

    #[test]
    fn the_schemas_of_a_path() {
        assert_eq!(schemas_of(SERVERS_DEFAULT), ["$user", "public"]);
        assert_eq!(schemas_of(r#" App ,"My, Schema""#), ["app", "My, Schema"]);
        assert_eq!(schemas_of(""), Vec::<String>::new());
    }

    #[test]
    fn a_path_cannot_leave_its_quotes() {
        let text = set_local(r"a\'; DROP TABLE t; --");
        assert!(text.contains(r"E'a\\''; DROP TABLE t; --'"), "{text}");
    }
}
