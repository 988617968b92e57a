//! Structs that a site writes by hand.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::time::Duration;

use pg_exporter_schema::{DEFAULT_TIMEOUT, Tag, Usage};

include!("support/root.rs");

/// Orders by state.
///
/// More about them.
#[derive(Debug, PartialEq, Row)]
#[collector(query = "SELECT state, open, -1 AS x FROM orders", tags = ["dbname:shop"], ttl = 10, max_series = 5)]
#[collector(predicate(predicate_query = "SELECT true", ttl = 60), min_version = 140_000)]
pub struct ShopOrders<'row> {
    /// State of
    /// the order.
    #[column(usage = "LABEL")]
    pub state: &'row str,
    /// Orders in that state.
    #[column(usage = "GAUGE", default = -1, scale = 1e-3)]
    pub open: Option<f64>,
    /// Its column's name is no name of a field.
    #[column(column = "Other Column", usage = "HISTOGRAM", rename = "other", bucket = [0.5, 1], description = "O")]
    pub other: Option<f64>,
}

const ORDERS: schema::Collector = ShopOrders::COLLECTOR;

#[test]
fn names_and_descriptions_come_from_the_struct() {
    assert_eq!(
        (ORDERS.branch.as_ref(), ORDERS.name.as_ref()),
        ("shop_orders", "shop_orders")
    );
    assert_eq!(ORDERS.desc, "Orders by state.");
    assert_eq!(ORDERS.columns[0].help, "State of the order.");
    assert_eq!(ORDERS.columns[1].name, "shop_orders_open");
    assert!(
        ORDERS.origin.file.ends_with("tests/derive.rs"),
        "{}",
        ORDERS.origin.file
    );
    assert!(!ORDERS.origin.file.starts_with('/'), "{}", ORDERS.origin.file);
    assert_ne!(ORDERS.origin.line, 0);
}

#[test]
fn attributes_mean_what_keys_of_a_file_mean() {
    assert_eq!(ORDERS.tags.as_ref(), [Tag::Database("shop".into())]);
    assert_eq!(
        (ORDERS.ttl, ORDERS.timeout),
        (Duration::from_secs(10), Some(DEFAULT_TIMEOUT))
    );
    assert_eq!(
        (ORDERS.min_version, ORDERS.max_series, ORDERS.priority),
        (140_000, 5, 100)
    );
    assert_eq!(ORDERS.predicates[0].ttl, Duration::from_secs(60));
    assert_eq!(
        (ORDERS.columns[1].default, ORDERS.columns[1].scale),
        (Some(-1.0), 0.001)
    );
    let other = &ORDERS.columns[2];
    assert_eq!(
        (other.column.as_ref(), other.name.as_ref()),
        ("Other Column", "shop_orders_other")
    );
    assert_eq!(
        (other.usage, other.buckets.len(), other.families.len()),
        (Usage::Histogram, 2, 3)
    );
}

#[test]
fn a_row_becomes_the_struct() {
    let row = RowView {
        labels: &["open"],
        values: &[Some(2.0), None],
    };
    assert_eq!(
        ShopOrders::from_row(row).unwrap(),
        ShopOrders {
            state: "open",
            open: Some(2.0),
            other: None
        }
    );
}
