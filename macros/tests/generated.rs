//! The reviewed generated code compiles without a warning and holds exactly what the files it was made of say.
#![deny(warnings, missing_docs, clippy::all)]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::path::Path;

use pg_exporter_schema::{LOCK_FILE, Locks, Strictness, compile, read_dir, read_lock};

include!("support/root.rs");

/// What the code writer wrote.
pub mod golden {
    include!("../schema/tests/golden/collectors.rs");
}

/// The same through the macro.
pub mod site {
    pg_exporter::collectors!("schema/tests/golden");
}

fn parsed(shown: &str) -> Vec<schema::Collector> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/tests/golden");
    let mut outcome = compile(&read_dir(&directory, shown).unwrap(), Strictness::Strict);
    assert!(outcome.diagnostics.is_empty());
    let lock = read_lock(&directory, shown, LOCK_FILE).unwrap();
    Locks::read(&[lock.unwrap()]).attach(&mut outcome.collectors);
    assert_eq!(outcome.collectors[0].origin.proven.len(), 5);
    outcome.collectors
}

#[test]
fn compiled_collectors_equal_parsed_ones() {
    assert_eq!(golden::COLLECTORS, parsed("golden"));
    assert_eq!(site::COLLECTORS, parsed("schema/tests/golden"));
}

#[test]
fn rows_become_structs() {
    let view = RowView {
        labels: &["open", "web"],
        values: &[Some(1.0), Some(2.5), Some(2.0)],
    };
    let row = golden::ShopOrders13::from_row(view).unwrap();
    let expected = golden::ShopOrders13 {
        state: "open",
        r#type: "web",
        open: Some(1),
        spent: 2.5,
        age: Some(2.0),
    };
    assert_eq!(row, expected);
    let lacking = RowView {
        labels: &[],
        values: &[Some(1.0), None, Some(2.0)],
    };
    assert_eq!(golden::ShopOrders13::from_row(lacking), Err(Unfit));
    let pool = golden::Pool::from_row(RowView {
        labels: &[],
        values: &[Some(3.0), None],
    })
    .unwrap();
    let expected = golden::Pool {
        cl_active: Some(3.0),
        cl_waiting: None,
    };
    assert_eq!(pool, expected);
}
