//! `pg_exporter new`.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::{Directory, program};

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

#[test]
fn a_directory_that_gives_no_package_name_is_refused() {
    for name in ["9lives", "Shop", "a b", ".."] {
        let run = program("unused").args(["new", name]).run();
        assert_eq!(run.status.code(), Some(1), "{name}: {}", run.stderr);
    }
}
