//! `pg_exporter new`.

use std::ffi::{OsStr, OsString};
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
    let again = program("unused")
        .arg("new")
        .arg(&crate_)
        .arg("--library")
        .arg(root())
        .run();
    assert_eq!(again.status.code(), Some(1), "it overwrites nothing");
}

#[test]
fn it_names_no_crate_of_a_registry() {
    let scratch = Directory::new(&[]);
    let new = |name: &str, arguments: &[&str]| {
        let crate_ = scratch.path().join(name);
        let run = program("unused").arg("new").arg(&crate_).args(arguments).run();
        (run, crate_.join("Cargo.toml"))
    };
    let (run, manifest) = new("a-exporter", &[]);
    assert_eq!(run.status.code(), Some(1), "{}", run.stderr);
    assert!(
        run.stderr.contains("--library PATH") && run.stderr.contains("--git URL"),
        "{}",
        run.stderr
    );
    assert!(!manifest.exists(), "nothing is written");
    let (run, manifest) = new(
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
        let (run, manifest) = new("c-exporter", arguments);
        assert_eq!(run.status.code(), Some(1), "{arguments:?}: {}", run.stderr);
        assert!(!manifest.exists(), "{arguments:?}");
    }
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

/// Builds a crate with this run's compiler settings and versions, fetching nothing. The library in it is a distribution of
/// its own: of `collectors`, by the name `acme`. The folder is one for such builds alone, kept for the next run: in the
/// workspace's own, either build would make the other's anew each time.
fn build(crate_: &Path, collectors: &OsStr) -> PathBuf {
    let (is_built, said) = try_build(crate_, collectors, "");
    assert!(is_built, "{said}");
    crates().join("debug")
}

fn crates() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("crates")
}

/// The same, with what the compiler said.
fn try_build(crate_: &Path, collectors: &OsStr, lock: &str) -> (bool, String) {
    let folder = crates();
    fs::copy(root().join("Cargo.lock"), crate_.join("Cargo.lock")).unwrap();
    let output = Command::new(env!("CARGO"))
        .args(["build", "--offline", "--quiet", "--manifest-path"])
        .arg(crate_.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(&folder)
        .env("CARGO_PROFILE_DEV_DEBUG", "false")
        .env("PG_EXPORTER_COLLECTORS", collectors)
        .env("PG_EXPORTER_DISTRIBUTION", "acme")
        .env("PG_EXPORTER_LOCK", lock)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    (output.status.success(), said.into_owned())
}

/// Directories of definitions whose paths are the same at each run, and whose files are touched only to change them, so
/// that a second run builds nothing anew. The later one overrides a branch of the earlier.
fn distribution() -> OsString {
    let file = |directory: &str, text: &str| {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join("distribution")
            .join(directory);
        fs::create_dir_all(&directory).unwrap();
        let path = directory.join("acme.yml");
        if fs::read_to_string(&path).is_ok_and(|old| old == text) {
            return directory;
        }
        fs::write(path, text).unwrap();
        directory
    };
    let one = |branch: &str, value: u32| {
        format!(
            "{branch}:\n  query: SELECT {value} AS value\n  metrics: [ value: {{ usage: GAUGE, description: V }} ]\n"
        )
    };
    let common = file("common", &[one("acme_common", 1), one("acme_both", 1)].concat());
    let site = file("site", &[one("acme_both", 2), one("acme_site", 3)].concat());
    std::env::join_paths([common, site]).unwrap()
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

const ORDERS: &str = "typed_orders:
  query: SELECT state, open, placed FROM shop_orders
  metrics:
    - state: { usage: LABEL, description: State. }
    - open: { usage: GAUGE, description: Open orders. }
    - placed: { usage: GAUGE, description: When the last one was placed. }
";

/// Code of a site that takes an integer for one, and a time for a time.
const TYPED: &str = "use std::process::ExitCode;
use std::time::SystemTime;

use pg_exporter::DatabaseRows;
use typed_exporter::files::TypedOrders;

fn main() -> ExitCode {
    typed_exporter::exporter()
        .on_rows(|rows: &DatabaseRows<TypedOrders<'static>>| {
            for row in rows.iter() {
                let open: Option<i64> = row.open;
                let placed: Option<SystemTime> = row.placed;
                let age = placed.and_then(|placed| placed.duration_since(SystemTime::UNIX_EPOCH).ok());
                eprintln!(\"typed {} {open:?} {age:?}\", row.state);
            }
        })
        .run()
}
";

#[test]
fn a_sites_code_does_not_compile_when_its_statement_changes_its_types() {
    let url = database("new_typed");
    let orders = |change: &str| server().psql_in("new_typed", change);
    orders(
        "create table shop_orders (state text, open bigint, placed timestamptz);
         insert into shop_orders values ('paid', 3, 'epoch'::timestamptz + interval '1 day')",
    );
    let scratch = Directory::new(&[]);
    let crate_ = scratch.path().join("typed-exporter");
    let run = program("unused")
        .arg("new")
        .arg(&crate_)
        .arg("--library")
        .arg(root())
        .run();
    assert_eq!(run.status.code(), Some(0), "{}", run.stderr);
    assert!(
        run.stdout.contains("cargo run -- check --record --url URL"),
        "{}",
        run.stdout
    );
    fs::write(crate_.join("collectors/orders.yml"), ORDERS).unwrap();
    // `require` asks for a lock of all that the build compiles, of the library's own distribution too.
    let distribution = distribution();
    let recorded = program("unused")
        .args(["--no-builtin", "check", "--record", "--url", &url])
        .args(std::env::split_paths(&distribution))
        .run();
    assert_eq!(recorded.status.code(), Some(0), "{}", recorded.stderr);
    // The exporter itself records first what is compiled into it: definition files, and structs beside their own lock.
    let built = build(&crate_, &distribution).join("typed-exporter");
    let record = || {
        let output = Command::new(&built)
            .args(["check", "--record", "--connect-timeout=30s", "--url", &url])
            .current_dir(&crate_)
            .env("PG_EXPORTER_CONFIG", "")
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    };
    record();
    let rust = fs::read_to_string(crate_.join("src/statements.lock")).unwrap();
    assert!(
        rust.contains("typed_tables query") && rust.contains("    count int8\n"),
        "{rust}"
    );
    fs::write(crate_.join("src/main.rs"), TYPED).unwrap();
    let (is_built, said) = try_build(&crate_, &distribution, "require");
    assert!(is_built, "{said}");
    typed_rows_reach_the_code(&built, &url);
    // The table has changed, and with it the result of the statement; its text has not.
    orders("alter table shop_orders alter placed type float8 using 0");
    record();
    let (is_built, said) = try_build(&crate_, &distribution, "require");
    assert!(!is_built, "the types of fields follow the lock");
    for field in [
        "let open: Option<i64> = row.open;",
        "let placed: Option<SystemTime> = row.placed;",
    ] {
        assert!(
            said.contains(field) && said.contains("found `Option<f64>`"),
            "{said}"
        );
    }
    // The statement changes, and nobody records it.
    fs::write(
        crate_.join("collectors/orders.yml"),
        ORDERS.replace("SELECT state", "SELECT  state"),
    )
    .unwrap();
    let (is_built, said) = try_build(&crate_, &distribution, "require");
    let place = "collectors/orders.yml:2:10: the query of `typed_orders` has another text than the one that was recorded";
    assert!(!is_built && said.contains(place), "{said}");
}

fn typed_rows_reach_the_code(program: &Path, url: &str) {
    let exporter = Exporter::builder(program.to_str().unwrap())
        .url(url)
        .arg("--connect-timeout=30s")
        .start();
    let _ = exporter.scrape();
    pg_exporter_lab::wait_until("the rows come", std::time::Duration::from_secs(60), || {
        exporter.stderr().contains("typed paid Some(3) Some(86400s)")
    });
    // What no longer fits its field is left out, and told once.
    server().psql_in("new_typed", "update shop_orders set open = 4; alter table shop_orders alter open type numeric; update shop_orders set open = 4.5");
    for _ in 0..3 {
        let _ = exporter.scrape();
    }
    pg_exporter_lab::wait_until("it is told", std::time::Duration::from_secs(60), || {
        exporter
            .stderr()
            .contains("column open holds 4.5, which is no i64")
    });
    assert_eq!(
        exporter.stderr().matches("rows are left out").count(),
        1,
        "{}",
        exporter.stderr()
    );
    assert!(!exporter.stderr().contains("typed paid Some(4)"));
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
