//! What to grant, on servers that speak other languages.

use std::path::PathBuf;
use std::process::Command;
use std::{env, fs, process};

use pg_exporter_lab::{Cluster, Folder};

use crate::support::{json, program};

/// Locales of the test's own, made of glibc's sources.
struct Locales(PathBuf);

impl Locales {
    fn make(names: &[&str]) -> Self {
        let folder = env::temp_dir().join(format!("pg_exporter-locales-{}", process::id()));
        fs::create_dir_all(&folder).unwrap();
        for name in names {
            // It warns of what old sources lack.
            let made = Command::new("localedef")
                .args(["--force", "--quiet", "-i", name, "-f", "UTF-8"])
                .arg(folder.join(format!("{name}.UTF-8")))
                .output();
            made.unwrap_or_else(|error| panic!("localedef: {error}; Debian: apt-get install locales"));
            let is_made =
                folder.join(format!("{name}.utf8")).exists() || folder.join(format!("{name}.UTF-8")).exists();
            assert!(
                is_made,
                "localedef made no {name}; Debian: apt-get install locales"
            );
        }
        Self(folder)
    }
}

impl Drop for Locales {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Messages are not read: what is missing is told whatever language the server speaks, on an object, a column's view, a
/// function that is called by a view, a schema that hides what it holds, a setting, and what a function looks for by itself.
#[test]
fn what_to_grant_is_told_in_any_language() {
    let locales = Locales::make(&["de_DE", "ja_JP", "ru_RU"]);
    // The distribution's server, which has translations.
    let server = Cluster::builder(15).env("LOCPATH", &locales.0).start();
    server.psql(
        "create role stranger login; create schema vault; create table vault.gold (amount int);
         create table public.silver (amount int); create view public.mirror as select * from public.silver;
         create view public.glass with (security_invoker = true) as select * from public.silver;
         create function vault.weigh() returns int language sql as 'select 1';
         create function public.count_all() returns bigint language sql as 'select count(*) from public.silver';
         create view public.activity as select * from pg_catalog.pg_ls_waldir();
         revoke execute on all functions in schema vault from public;
         create schema hidden; create table hidden.lead (amount int); grant select on hidden.lead to stranger;
         grant select on public.glass, public.activity to stranger; alter role stranger set search_path = public, hidden",
    );
    let statements = [
        (
            "table",
            "SELECT count(*) AS n FROM silver",
            "GRANT SELECT ON public.silver TO stranger;",
        ),
        (
            "view",
            "SELECT count(*) AS n FROM public.mirror",
            "GRANT SELECT ON public.mirror TO stranger;",
        ),
        (
            "invoker",
            "SELECT count(*) AS n FROM public.glass",
            "GRANT SELECT ON public.silver TO stranger;",
        ),
        (
            "schema",
            "SELECT count(*) AS n FROM vault.gold",
            "GRANT USAGE ON SCHEMA vault TO stranger;",
        ),
        (
            "hiding",
            "SELECT count(*) AS n FROM lead",
            "GRANT USAGE ON SCHEMA hidden TO stranger;",
        ),
        (
            "function",
            "SELECT vault.weigh() AS n",
            "GRANT EXECUTE ON FUNCTION vault.weigh() TO stranger;",
        ),
        (
            "body",
            "SELECT count_all() AS n",
            "GRANT SELECT ON public.silver TO stranger;",
        ),
        (
            "inside",
            "SELECT count(*) AS n FROM activity",
            "GRANT EXECUTE ON FUNCTION pg_catalog.pg_ls_waldir() TO stranger;",
        ),
        (
            "setting",
            "SELECT length(current_setting('data_directory')) AS n",
            "GRANT pg_read_all_settings TO stranger;",
        ),
        (
            "shown",
            "SHOW hba_file",
            "GRANT pg_read_all_settings TO stranger;",
        ),
        (
            "size",
            "SELECT pg_tablespace_size('pg_global') AS n",
            "GRANT pg_read_all_stats TO stranger;",
        ),
    ];
    let yaml: String = statements
        .iter()
        .map(|(name, sql, _)| {
            let column = if *name == "shown" { "hba_file" } else { "n" };
            format!("{name}:\n  query: \"{sql}\"\n  timeout: 30\n  metrics: [ {column}: {{ usage: GAUGE, description: N }} ]\n")
        })
        .collect();
    let directory = Folder::of(&[("1.yml", &yaml)]);
    let url = format!(
        "postgresql://stranger@127.0.0.1:{}/postgres?sslmode=disable",
        server.port()
    );
    for (language, word) in [
        ("de_DE", "keine Berechtigung"),
        ("ja_JP", "権限"),
        ("ru_RU", "доступ"),
        ("C", "permission denied"),
    ] {
        let locale = if language == "C" {
            "C"
        } else {
            &format!("{language}.UTF-8")
        };
        server.psql(&format!("alter role stranger set lc_messages = '{locale}'"));
        let run = program(&url)
            .args(["--no-builtin", "--config"])
            .arg(directory.path())
            .args(["doctor", "--format=json"])
            .run();
        let found = json(&run.stdout);
        assert!(
            run.stdout.contains(word),
            "the server speaks {language}: {found:#}"
        );
        for (name, _, expected) in statements {
            let problems = found["problems"].as_array().unwrap().iter();
            let mut problems = problems.filter(|one| {
                let what = one["what"].as_str().unwrap();
                what.starts_with(&format!("collector {name} "))
            });
            let problem = problems
                .next()
                .unwrap_or_else(|| panic!("{name} fails: {found:#}"));
            let remedies = problem["remedies"].as_array().unwrap();
            assert!(
                remedies.contains(&expected.into()) && remedies.len() <= 2,
                "{language}, {name}: {expected} in {problem:#}"
            );
        }
    }
}
