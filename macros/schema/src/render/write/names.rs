//! Rust names of branches and columns: valid, in the usual case, each once.

use std::collections::HashSet;

use proc_macro2::{Ident, Span};

/// The names taken so far.
#[derive(Default)]
pub(crate) struct Names {
    taken: HashSet<String>,
}

impl Names {
    /// `PgDb14` of `pg_db_14`.
    pub(crate) fn structure(&mut self, branch: &str) -> Ident {
        let mut name = String::with_capacity(branch.len());
        for word in branch.split(|c: char| !c.is_ascii_alphanumeric()) {
            let mut letters = word.chars();
            name.extend(letters.next().map(|c| c.to_ascii_uppercase()));
            name.push_str(letters.as_str());
        }
        if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
            name.insert_str(0, "Branch");
        }
        if name == "Self" {
            name.push_str("Row");
        }
        let name = self.once(&name, "V");
        Ident::new(&name, Span::call_site())
    }

    /// The column's name as a field, raw when it is a keyword.
    pub(crate) fn field(&mut self, column: &str) -> Ident {
        let mut name: String = column
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() {
                    c.to_ascii_lowercase()
                } else {
                    '_'
                }
            })
            .collect();
        if name.trim_matches('_').is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
            name.insert_str(0, "column_");
        }
        if ["self", "super", "crate"].contains(&name.as_str()) {
            name.push('_');
        }
        let name = self.once(&name, "_");
        if KEYWORDS.contains(&name.as_str()) {
            return Ident::new_raw(&name, Span::call_site());
        }
        Ident::new(&name, Span::call_site())
    }

    fn once(&mut self, name: &str, separator: &str) -> String {
        let mut unique = name.to_owned();
        let mut count = 2;
        while !self.taken.insert(unique.clone()) {
            unique = format!("{name}{separator}{count}");
            count += 1;
        }
        unique
    }
}

/// Words of the language that a field can only have in raw form.
const KEYWORDS: [&str; 48] = [
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "do", "dyn", "else",
    "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro",
    "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return", "static", "struct", "trait",
    "true", "try", "type", "typeof", "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn structs_are_camel_case_and_unique() {
        let mut names = Names::default();
        let cases = [
            ("pg_db_14", "PgDb14"),
            ("pg_db14", "PgDb14V2"),
            ("14-x", "Branch14X"),
            ("self", "SelfRow"),
            ("é", "Branch"),
        ];
        for (branch, name) in cases {
            assert_eq!(names.structure(branch).to_string(), name);
        }
    }

    #[test]
    fn fields_are_snake_case_and_unique() {
        let mut names = Names::default();
        let cases = [
            ("type", "r#type"),
            ("Type", "type_2"),
            ("self", "self_"),
            ("?column?", "_column_"),
            ("1x", "column_1x"),
            ("??", "column___"),
            ("datname", "datname"),
        ];
        for (column, name) in cases {
            assert_eq!(names.field(column).to_string(), name);
        }
    }
}
