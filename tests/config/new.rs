//! `pg_exporter new`.

mod builds;
mod typed;

use std::fs;
use std::path::Path;
use std::process::Command;

use pg_exporter_lab::exporter::Ended;
use pg_exporter_lab::{Exporter, Folder};

use self::builds::{build, distribution};
use crate::support::{database, program, server};

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

/// Writes a crate that takes the library from here.
fn new(crate_: &Path) -> Ended {
    let builder = program("unused").arg("new").arg(crate_);
    builder.arg("--library").arg(root()).run()
}

#[test]
fn it_writes_the_crate_that_the_tests_build_and_run() {
    let scratch = Folder::new();
    let crate_ = scratch.path().join("shop_exporter");
    let run = new(&crate_);
    assert_eq!(run.status.code(), Some(0), "{}", run.stderr);
    for file in FILES {
        let written = fs::read_to_string(crate_.join(file)).unwrap();
        // A definition file begins with the line by which an editor finds the schema.
        let modeline = "# yaml-language-server: $schema=../collectors.schema.json\n";
        let own = match file.ends_with(".yml") {
            true => written.strip_prefix(modeline).unwrap(),
            false => &written,
        };
        assert_eq!(
            own,
            fs::read_to_string(root().join("tests/site").join(file)).unwrap(),
            "{file}"
        );
    }
    assert_eq!(
        fs::read_to_string(crate_.join("collectors.schema.json")).unwrap(),
        fs::read_to_string(root().join("docs/collectors.schema.json")).unwrap()
    );
    let again = new(&crate_);
    assert_eq!(again.status.code(), Some(1), "it overwrites nothing");
}

#[test]
fn it_names_no_crate_of_a_registry() {
    let scratch = Folder::new();
    let write = |name: &str, arguments: &[&str]| {
        let crate_ = scratch.path().join(name);
        let run = program("unused").arg("new").arg(&crate_).args(arguments).run();
        (run, crate_.join("Cargo.toml"))
    };
    let (run, manifest) = write("a-exporter", &[]);
    assert_eq!(run.status.code(), Some(1), "{}", run.stderr);
    assert!(
        run.stderr.contains("--library PATH") && run.stderr.contains("--git URL"),
        "{}",
        run.stderr
    );
    assert!(!manifest.exists(), "nothing is written");
    let (run, manifest) = write(
        "b-exporter",
        &["--git", "https://example.org/x.git", "--rev", "v2"],
    );
    assert_eq!(run.status.code(), Some(0), "{}", run.stderr);
    let text = fs::read_to_string(manifest).unwrap();
    let line = "pg_exporter = { git = 'https://example.org/x.git', rev = 'v2' }\n";
    assert!(text.contains(line), "{text}");
    let elsewhere = scratch.path().to_str().unwrap();
    let refused: [&[&str]; 4] = [
        &["--library", elsewhere],
        &["--library", "/no/such/folder"],
        &["--git", "it's"],
        &["--git", "a", "--library", "b"],
    ];
    for arguments in refused {
        let (run, manifest) = write("c-exporter", arguments);
        assert_eq!(run.status.code(), Some(1), "{arguments:?}: {}", run.stderr);
        assert!(!manifest.exists(), "{arguments:?}");
    }
}

#[test]
fn names_follow_the_directory_and_cargo_takes_the_manifest() {
    let scratch = Folder::new();
    let crate_ = scratch.path().join("acme-db-exporter");
    let run = new(&crate_);
    assert_eq!(run.status.code(), Some(0), "{}", run.stderr);
    let library = fs::read_to_string(crate_.join("src/tables.rs")).unwrap();
    assert!(library.contains("pub struct AcmeDbTables<'row>"), "{library}");
    assert!(
        fs::read_to_string(crate_.join("src/main.rs"))
            .unwrap()
            .contains("acme_db_exporter::exporter()")
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
fn what_it_writes_builds_and_serves_a_server() {
    let scratch = Folder::new();
    let crate_ = scratch.path().join("acme-db-exporter");
    let run = new(&crate_);
    assert_eq!(run.status.code(), Some(0), "{}", run.stderr);
    // What its author does next: a collector of the site's own.
    let own = "acme_db_roles:\n  query: SELECT count(*) AS count FROM pg_roles\n  metrics:\n    \
               - count: { usage: GAUGE, description: Roles }\n";
    fs::write(crate_.join("collectors/roles.yml"), own).unwrap();
    // Beside it, the shipped program as the library's distribution makes it.
    let plain = "fn main() -> std::process::ExitCode {\n    \
                 pg_exporter::Exporter::new(pg_exporter::catalog::compiled::COLLECTORS).run()\n}\n";
    fs::create_dir(crate_.join("src/bin")).unwrap();
    fs::write(crate_.join("src/bin/acme-distribution.rs"), plain).unwrap();
    let programs = build(&crate_, &distribution());
    let url = database("new_crate");
    server().psql_in(
        "new_crate",
        "create schema sales; create table sales.a (); create table sales.b ()",
    );
    the_sites_collectors_are_served(&programs.join("acme-db-exporter"), &url);
    the_distribution_has_its_directories_collectors(&programs.join("acme-distribution"), &url);
}

fn the_sites_collectors_are_served(program: &Path, url: &str) {
    let exporter = Exporter::builder(program.to_str().unwrap())
        .url(url)
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

fn the_distribution_has_its_directories_collectors(program: &Path, url: &str) {
    let builder = Exporter::builder(program.to_str().unwrap())
        .url(url)
        .args(["--connect-timeout=30s", "--no-auto-discovery"]);
    let version = builder.clone().arg("--version").run();
    assert!(
        version.stdout.contains("distribution: acme\n"),
        "{}",
        version.stdout
    );
    let exporter = builder.start();
    assert!(exporter.get("/version").text().contains("distribution: acme\n"));
    let page = exporter.scrape();
    assert_eq!(
        page.value("pg_exporter_build_info", &[("distribution", "acme")]),
        Some(1.0)
    );
    let own = page
        .samples
        .iter()
        .filter(|sample| sample.name.starts_with("acme_"));
    let mut own: Vec<_> = own.map(|sample| (sample.name.as_str(), sample.value)).collect();
    own.sort_by(|a, b| a.0.cmp(b.0));
    let expected = [
        ("acme_both_value", 2.0),
        ("acme_common_value", 1.0),
        ("acme_site_value", 3.0),
    ];
    assert_eq!(own, expected, "the later directory overrides the earlier");
    assert_eq!(page.value("pg_lsn", &[]), None, "nothing else is in it");
}

#[test]
fn a_directory_that_gives_no_package_name_is_refused() {
    for name in ["9lives", "Shop", "a b", ".."] {
        let run = program("unused")
            .args(["new", name, "--library"])
            .arg(root())
            .run();
        assert_eq!(run.status.code(), Some(1), "{name}: {}", run.stderr);
    }
}
