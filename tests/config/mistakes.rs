//! For each kind of mistake in the language: the compiler, `check`, the start and a reload say the same.

use std::fs;
use std::path::{Path, PathBuf};

use pg_exporter::schema::{Severity, Source, Strictness, compile};

use crate::support::{Directory, clock, database, exporter, json, program};

/// The single-file fixtures of the compiler's own tests.
fn fixtures() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("macros/schema/tests/fixtures");
    let paths = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path());
    let mut fixtures: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|ext| ext == "yml"))
        .collect();
    fixtures.sort();
    assert!(fixtures.len() > 80, "only {} fixtures were found", fixtures.len());
    fixtures
}

/// What the compiler says, errors apart from warnings.
fn compiled(name: &str, text: &[u8], strictness: Strictness) -> (Vec<String>, Vec<String>) {
    let found = compile(&[Source::new(name.to_owned(), text)], strictness).diagnostics;
    let (errors, warnings): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|one| one.severity == Severity::Error);
    let lines = |list: Vec<pg_exporter::schema::Diagnostic>| list.iter().map(ToString::to_string).collect();
    (lines(errors), lines(warnings))
}

#[test]
fn a_mistake_is_told_in_the_same_words_everywhere() {
    let url = database("mistakes");
    let directory = Directory::new(&[("good.yml", &clock("good", ""))]);
    let exporter = exporter(&url, &directory);
    directory.remove("good.yml");
    let here = format!("{}/", directory.path().display());
    let mut refused = 0;
    for fixture in fixtures() {
        let name = fixture.file_name().unwrap().to_str().unwrap();
        let text = fs::read(&fixture).unwrap();
        fs::write(directory.path().join(name), &text).unwrap();

        let check = program(&url)
            .args(["--no-builtin", "check", "--strict"])
            .arg(directory.path())
            .run();
        let said: Vec<String> = check.stdout.lines().map(|line| line.replace(&here, "")).collect();
        let (errors, warnings) = compiled(name, &text, Strictness::Strict);
        assert!(
            errors.iter().chain(&warnings).all(|line| said.contains(line)),
            "{name}: {said:?}\n{errors:?} {warnings:?}"
        );
        assert_eq!(
            (said.len(), check.status.code()),
            (errors.len() + warnings.len(), Some(1)),
            "{name}: {said:?}"
        );

        let (errors, _) = compiled(name, &text, Strictness::Lenient);
        let reload = exporter.get("/reload?dry_run=1");
        let start = program(&url)
            .args(["--no-builtin", "--config"])
            .arg(directory.path())
            .arg("dump")
            .run();
        assert_eq!(
            reload.status == 500,
            !errors.is_empty(),
            "{name}: {}",
            reload.text()
        );
        assert_eq!(
            start.status.code(),
            Some(if errors.is_empty() { 0 } else { 2 }),
            "{name}: {}",
            start.stderr
        );
        if !errors.is_empty() {
            refused += 1;
            let message = json(&reload.text())["message"]
                .as_str()
                .unwrap()
                .replace(&here, "");
            assert_eq!(message.lines().collect::<Vec<_>>(), errors, "{name}");
            // The log escapes quotes.
            let log = start.stderr.replace('\\', "").replace(&here, "");
            assert!(
                errors.iter().all(|line| log.contains(&line.replace('\\', ""))),
                "{name}: {errors:?}\n{log}"
            );
        }
        directory.remove(name);
    }
    assert!(refused > 40, "{refused}");
    assert!(
        exporter.scrape().value("good_at", &[]).is_some(),
        "the set in force is what it was"
    );
}
