//! For each kind of mistake in the language: the compiler, the build, `check`, the start and a reload say the same.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use pg_exporter::schema::{Severity, Strictness, compile, read_dir};

use pg_exporter_lab::Folder;

use crate::support::{clock, database, exporter, json, program};

/// The fixtures of the compiler's own tests: files, and directories of several.
fn fixtures() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("macros/schema/tests/fixtures");
    let paths = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path());
    let mut fixtures: Vec<_> = paths
        .filter(|path| path.extension().is_none_or(|ext| ext == "yml"))
        .collect();
    fixtures.sort();
    assert!(
        fixtures.len() > 100,
        "only {} fixtures were found",
        fixtures.len()
    );
    fixtures
}

/// The fixture's files by name.
fn files(fixture: &Path) -> Vec<(String, Vec<u8>)> {
    let paths = if fixture.is_dir() {
        fs::read_dir(fixture)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect()
    } else {
        vec![fixture.to_owned()]
    };
    let file = |path: PathBuf| {
        (
            path.file_name().unwrap().to_str().unwrap().to_owned(),
            fs::read(path).unwrap(),
        )
    };
    paths.into_iter().map(file).collect()
}

/// What the compiler says, errors apart from warnings.
fn compiled(directory: &Path, strictness: Strictness) -> (Vec<String>, Vec<String>) {
    let found = compile(&read_dir(directory, "").unwrap(), strictness).diagnostics;
    let (errors, warnings): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|one| one.severity == Severity::Error);
    let lines = |list: Vec<pg_exporter::schema::Diagnostic>| list.iter().map(ToString::to_string).collect();
    (lines(errors), lines(warnings))
}

/// What a build says whose definitions are these: the build script, run as Cargo runs it.
fn built(directory: &Path, out: &Path) -> Vec<String> {
    let folder = Path::new(env!("CARGO_BIN_EXE_pg_exporter"))
        .parent()
        .unwrap()
        .join("build");
    let scripts = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let scripts = scripts.filter(|path| {
        path.file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .starts_with("pg_exporter-")
    });
    let scripts = scripts
        .map(|path| path.join("build-script-build"))
        .filter(|path| path.exists());
    // Those of older builds may lie beside it.
    let script = scripts
        .max_by_key(|path| fs::metadata(path).unwrap().modified().unwrap())
        .unwrap();
    let output = Command::new(script)
        .env("PG_EXPORTER_COLLECTORS", directory)
        .env("OUT_DIR", out)
        .env("RUSTC", "rustc")
        .env("TARGET", "any")
        .output()
        .unwrap();
    let shown = format!("{}/", directory.file_name().unwrap().to_str().unwrap());
    let text = String::from_utf8(output.stdout).unwrap();
    let said = |line: &str| {
        Some(
            line.strip_prefix("cargo::")?
                .split_once('=')?
                .1
                .replace(&shown, ""),
        )
    };
    text.lines()
        .filter(|line| line.starts_with("cargo::error=") || line.starts_with("cargo::warning="))
        .filter_map(said)
        .collect()
}

#[test]
fn a_mistake_is_told_in_the_same_words_everywhere() {
    let url = database("mistakes");
    let directory = Folder::of(&[("good.yml", &clock("good", ""))]);
    let exporter = exporter(&url, &directory);
    directory.remove("good.yml");
    let here = format!("{}/", directory.path().display());
    let mut refused = 0;
    let out = Folder::new();
    for fixture in fixtures() {
        let name = fixture.file_name().unwrap().to_str().unwrap();
        let files = files(&fixture);
        for (file, text) in &files {
            fs::write(directory.path().join(file), text).unwrap();
        }

        let check = program(&url)
            .args(["--no-builtin", "check", "--strict"])
            .arg(directory.path())
            .run();
        let said: Vec<String> = check.stdout.lines().map(|line| line.replace(&here, "")).collect();
        let (errors, warnings) = compiled(directory.path(), Strictness::Strict);
        assert!(
            errors.iter().chain(&warnings).all(|line| said.contains(line)),
            "{name}: {said:?}\n{errors:?} {warnings:?}"
        );
        assert_eq!(
            (said.len(), check.status.code()),
            (errors.len() + warnings.len(), Some(1)),
            "{name}: {said:?}"
        );

        assert_eq!(built(directory.path(), out.path()), said, "{name}");

        let (errors, _) = compiled(directory.path(), Strictness::Lenient);
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
            Some(i32::from(!errors.is_empty())),
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
        files.iter().for_each(|(file, _)| directory.remove(file));
    }
    assert!(refused > 40, "{refused}");
    assert!(
        exporter.scrape().value("good_at", &[]).is_some(),
        "the set in force is what it was"
    );
}
