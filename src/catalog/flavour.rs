//! Whose server it is: the service that runs it, or the fork that it is of.

use std::fmt;

/// Whose server it is. A service denies some functions, lacks others, and has databases and roles of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flavour {
    /// As the project releases it, or not known to be another.
    #[default]
    Postgres,
    /// Amazon Aurora.
    Aurora,
    /// Amazon RDS.
    Rds,
    /// Google AlloyDB.
    AlloyDb,
    /// Google Cloud SQL.
    CloudSql,
    /// Azure Database for `PostgreSQL`.
    Azure,
    /// Neon.
    Neon,
    /// Supabase.
    Supabase,
    /// EDB Postgres Advanced Server.
    Edb,
    /// Greenplum.
    Greenplum,
    /// `YugabyteDB`.
    Yugabyte,
    /// Amazon Redshift.
    Redshift,
    /// `CockroachDB`.
    Cockroach,
}

/// A flavour, the word for it in tags and labels, its name for people, and what gives it away.
struct Known(Flavour, &'static str, &'static str, Sign);

enum Sign {
    None,
    /// A part of `version()`.
    Version(&'static str),
    /// A function of this name in `pg_catalog`.
    Function(&'static str),
    /// A role or a database: the service makes both, and some customers cannot see the one or the other.
    Roles(&'static [&'static str]),
}

/// The first whose sign is there counts. Aurora and AlloyDB have the roles of RDS and Cloud SQL, too.
const KNOWN: [Known; 13] = [
    Known(
        Flavour::Edb,
        "edb",
        "EDB Postgres Advanced Server",
        Sign::Version("EnterpriseDB"),
    ),
    Known(
        Flavour::Greenplum,
        "greenplum",
        "Greenplum",
        Sign::Version("Greenplum"),
    ),
    Known(
        Flavour::Yugabyte,
        "yugabytedb",
        "YugabyteDB",
        Sign::Version("-YB-"),
    ),
    Known(
        Flavour::Redshift,
        "redshift",
        "Amazon Redshift",
        Sign::Version("Redshift"),
    ),
    Known(
        Flavour::Cockroach,
        "cockroachdb",
        "CockroachDB",
        Sign::Version("CockroachDB"),
    ),
    Known(
        Flavour::Aurora,
        "aurora",
        "Amazon Aurora",
        Sign::Function("aurora_version"),
    ),
    Known(
        Flavour::Rds,
        "rds",
        "Amazon RDS",
        Sign::Roles(&["rds_superuser", "rdsadmin"]),
    ),
    Known(
        Flavour::AlloyDb,
        "alloydb",
        "Google AlloyDB",
        Sign::Roles(&["alloydbsuperuser", "alloydbadmin", "alloydbmetadata"]),
    ),
    Known(
        Flavour::CloudSql,
        "cloudsql",
        "Google Cloud SQL",
        Sign::Roles(&["cloudsqlsuperuser", "cloudsqladmin"]),
    ),
    Known(
        Flavour::Azure,
        "azure",
        "Azure Database for PostgreSQL",
        Sign::Roles(&["azure_pg_admin", "azure_maintenance", "azure_sys"]),
    ),
    Known(Flavour::Neon, "neon", "Neon", Sign::Roles(&["neon_superuser"])),
    Known(
        Flavour::Supabase,
        "supabase",
        "Supabase",
        Sign::Roles(&["supabase_admin"]),
    ),
    Known(Flavour::Postgres, "postgres", "PostgreSQL", Sign::None),
];

/// What a server shows of itself.
#[derive(Clone, Copy, Debug)]
pub struct Signs<'a> {
    /// `version()`.
    pub version: &'a str,
    /// Those of the functions looked for that it has in `pg_catalog`.
    pub functions: &'a [String],
    /// Those of the names looked for that are roles or databases.
    pub names: &'a [String],
}

impl Flavour {
    /// The flavour of a server that shows these signs.
    #[must_use]
    pub fn of(signs: Signs<'_>) -> Self {
        let has = |found: &[String], name: &str| found.iter().any(|one| one == name);
        let is_it = |known: &&Known| match known.3 {
            Sign::None => false,
            Sign::Version(part) => signs.version.contains(part),
            Sign::Function(name) => has(signs.functions, name),
            Sign::Roles(names) => names.iter().any(|name| has(signs.names, name)),
        };
        KNOWN.iter().find(is_it).map(|known| known.0).unwrap_or_default()
    }

    /// Functions to look for.
    #[must_use]
    pub fn functions() -> Vec<&'static str> {
        let functions = KNOWN.iter().filter_map(|known| match known.3 {
            Sign::Function(name) => Some(name),
            _ => None,
        });
        functions.collect()
    }

    /// Names of roles and databases to look for.
    #[must_use]
    pub fn names() -> Vec<&'static str> {
        let names = KNOWN.iter().filter_map(|known| match known.3 {
            Sign::Roles(names) => Some(names),
            _ => None,
        });
        names.flatten().copied().collect()
    }

    fn known(self) -> Option<&'static Known> {
        KNOWN.iter().find(|known| known.0 == self)
    }

    /// The word for it in tags and labels.
    #[must_use]
    pub fn word(self) -> &'static str {
        self.known().map_or("postgres", |known| known.1)
    }
}

/// Its name for people.
impl fmt::Display for Flavour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.known().map_or("PostgreSQL", |known| known.2))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flavour(version: &str, functions: &[&str], names: &[&str]) -> Flavour {
        let owned = |list: &[&str]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
        Flavour::of(Signs {
            version,
            functions: &owned(functions),
            names: &owned(names),
        })
    }

    #[test]
    fn flavours_are_told_by_their_signs() {
        assert_eq!(flavour("PostgreSQL 15.4 on x86_64", &[], &[]), Flavour::Postgres);
        assert_eq!(flavour("PostgreSQL 15.4", &[], &["rds_superuser"]), Flavour::Rds);
        assert_eq!(
            flavour("PostgreSQL 15.4", &["aurora_version"], &["rds_superuser"]),
            Flavour::Aurora
        );
        assert_eq!(
            flavour("PostgreSQL 15.4", &[], &["cloudsqladmin", "alloydbsuperuser"]),
            Flavour::AlloyDb
        );
        assert_eq!(flavour("PostgreSQL 15.2-YB-2.25", &[], &[]), Flavour::Yugabyte);
    }

    #[test]
    fn the_words_are_those_of_the_language() {
        let mut words: Vec<_> = KNOWN.iter().map(|known| known.1).collect();
        let mut language = pg_exporter_schema::FLAVOURS.to_vec();
        words.sort_unstable();
        language.sort_unstable();
        assert_eq!(words, language);
    }
}
