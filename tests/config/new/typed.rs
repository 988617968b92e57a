//! The code of a site that reads rows by the types that its lock gives them.

use std::fs;
use std::path::Path;
use std::process::Command;

use pg_exporter_lab::{Exporter, Folder};

use super::builds::{build, distribution, try_build};
use super::new;
use crate::support::{database, program, server};

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
    let scratch = Folder::new();
    let crate_ = scratch.path().join("typed-exporter");
    let run = new(&crate_);
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
    let log = exporter.final_log();
    assert_eq!(log.matches("rows are left out").count(), 1, "{log}");
    assert!(!log.contains("typed paid Some(4)"), "{log}");
}
