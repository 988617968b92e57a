//! `pg_exporter new`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use pg_exporter_lab::Exporter;

use crate::support::{Directory, database, program, server};

const FILES: [&str; 5] = [
    "build.rs",
    "collectors/shop.yml",
    "src/lib.rs",
    "src/main.rs",
    "src/tables.rs",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn it_writes_the_crate_that_the_tests_build_and_run() {
    let scratch = Directory::new(&[]);
    let crate_ = scratch.path().join("shop_exporter");
    let run = program("unused")
        .arg("new")
        .arg(&crate_)
        .arg("--library")
        .arg(root())
        .run();
    assert_eq!(run.status.code(), Some(0), "{}", run.stderr);
    for file in FILES {
        let written = fs::read_to_string(crate_.join(file)).unwrap();
        assert_eq!(
            written,
            fs::read_to_string(root().join("tests/site").join(file)).unwrap(),
            "{file}"
        );
    }
    let again = program("unused").arg("new").arg(&crate_).run();
    assert_eq!(again.status.code(), Some(1), "it overwrites nothing");
}

#[test]
fn names_follow_the_directory_and_cargo_takes_the_manifest() {
    let scratch = Directory::new(&[]);
    let crate_ = scratch.path().join("acme-db-exporter");
    let run = program("unused")
        .arg("new")
        .arg(&crate_)
        .arg("--library")
        .arg(root())
        .run();
    assert_eq!(run.status.code(), Some(0), "{}", run.stderr);
    let library = fs::read_to_string(crate_.join("src/tables.rs")).unwrap();
    assert!(library.contains("pub struct AcmeDbTables<'row>"), "{library}");
    assert!(
        fs::read_to_string(crate_.join("src/main.rs"))
            .unwrap()
            .contains("acme_db_exporter::collectors()")
    );
    assert!(
        fs::read_to_string(crate_.join("collectors/acme_db.yml"))
            .unwrap()
            .contains("\nacme_db_database:\n")
    );
    let metadata = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--no-deps",
            "--offline",
            "--format-version=1",
            "--manifest-path",
        ])
        .arg(crate_.join("Cargo.toml"))
        .output()
        .unwrap();
    let text = String::from_utf8(metadata.stdout).unwrap();
    assert!(
        text.contains(r#""name":"acme-db-exporter""#),
        "{text}{}",
        String::from_utf8_lossy(&metadata.stderr)
    );
}

/// Builds a crate with this run's target folder, compiler settings and versions, so that little is built anew, and
/// nothing fetched.
fn build(crate_: &Path, name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_BIN_EXE_pg_exporter")).parent().unwrap();
    fs::copy(root().join("Cargo.lock"), crate_.join("Cargo.lock")).unwrap();
    let output = Command::new(env!("CARGO"))
        .args(["build", "--offline", "--quiet", "--manifest-path"])
        .arg(crate_.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(folder.parent().unwrap())
        .env("CARGO_PROFILE_DEV_DEBUG", "line-tables-only")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    folder.parent().unwrap().join("debug").join(name)
}

#[test]
fn what_it_writes_builds_and_serves_a_server() {
    let scratch = Directory::new(&[]);
    let crate_ = scratch.path().join("acme-db-exporter");
    let run = program("unused")
        .arg("new")
        .arg(&crate_)
        .arg("--library")
        .arg(root())
        .run();
    assert_eq!(run.status.code(), Some(0), "{}", run.stderr);
    // What its author does next: a collector of the site's own.
    let own = "acme_db_roles:\n  query: SELECT count(*) AS count FROM pg_roles\n  metrics:\n    \
               - count: { usage: GAUGE, description: Roles }\n";
    fs::write(crate_.join("collectors/roles.yml"), own).unwrap();
    let program = build(&crate_, "acme-db-exporter");

    let url = database("new_crate");
    server().psql_in(
        "new_crate",
        "create schema sales; create table sales.a (); create table sales.b ()",
    );
    let exporter = Exporter::builder(program.to_str().unwrap())
        .url(&url)
        .arg("--connect-timeout=30s")
        .start();
    let page = exporter.scrape();
    assert_eq!(page.value("acme_db_up", &[]), Some(1.0), "{}", exporter.stderr());
    assert_eq!(
        page.value("acme_db_tables_count", &[("schema", "sales")]),
        Some(2.0)
    );
    assert!(page.value("acme_db_database_bytes", &[("datname", "new_crate")]) > Some(1e6));
    let roles: f64 = server().psql("select count(*) from pg_roles").parse().unwrap();
    assert_eq!(page.value("acme_db_roles_count", &[]), Some(roles));
    let foreign = page.samples.iter().find(|sample| sample.name.starts_with("pg_"));
    assert!(
        foreign.is_none(),
        "the shipped collectors are not in it: {foreign:?}"
    );
}

#[test]
fn a_directory_that_gives_no_package_name_is_refused() {
    for name in ["9lives", "Shop", "a b", ".."] {
        let run = program("unused").args(["new", name]).run();
        assert_eq!(run.status.code(), Some(1), "{name}: {}", run.stderr);
    }
}
