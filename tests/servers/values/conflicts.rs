//! Logical replication that meets a conflict.

use std::time::Duration;

use pg_exporter_lab::{Cluster, wait_until};

use super::{some_majors, watch};
use crate::agree::{Check, agree, columns, same};
use crate::layer::Layer;
use crate::support::{PATIENCE, value};

#[test]
fn a_conflict_of_logical_replication_is_seen() {
    for major in some_majors(&[14, 15, 18]) {
        let publisher = Cluster::start(major);
        publisher
            .psql("create table orders (id int primary key); create publication orders for table orders");
        let subscriber = Cluster::builder(major)
            .set("wal_retrieve_retry_interval", "200ms")
            .start();
        let connection = format!(
            "host=127.0.0.1 port={} dbname=postgres user=postgres",
            publisher.port()
        );
        subscriber.psql("create table orders (id int primary key)");
        subscriber.psql(&format!(
            "create subscription orders connection '{connection}' publication orders"
        ));
        let state = || subscriber.psql("select srsubstate from pg_subscription_rel");
        wait_until("the table is synchronized", PATIENCE, || state() == "r");

        let exporter = watch(&subscriber, "postgres", &Layer::patient(&["pg_origin"]));
        agree(&exporter, &subscriber, "postgres", &healthy(major));
        subscriber.psql("insert into orders values (7)");
        publisher.psql("insert into orders values (6), (7)");
        if major >= 15 {
            let failing = || {
                value(
                    &exporter.scrape(),
                    "pg_sub_apply_error_count",
                    &[("subname", "orders")],
                ) >= 1.0
            };
            wait_until("errors are counted", PATIENCE, failing);
        }
        if major >= 18 {
            let labels = [("subname", "orders"), ("type", "insert_exists")];
            let counted = || value(&exporter.scrape(), "pg_sub_conflict_total", &labels) >= 1.0;
            wait_until("the conflict is counted", PATIENCE, counted);
            let other = [("subname", "orders"), ("type", "delete_missing")];
            assert_eq!(value(&exporter.scrape(), "pg_sub_conflict_total", &other), 0.0);
        }
        subscriber.psql("delete from orders where id = 7");
        wait_until("the change is applied", PATIENCE + Duration::from_secs(5), || {
            subscriber.psql("select count(*) from orders") == "2"
        });
        agree(&exporter, &subscriber, "postgres", &healthy(major));
        subscriber.psql("alter subscription orders disable");
        subscriber.wait_for("select pid is null from pg_stat_subscription", "t");
        assert!(value(&exporter.scrape(), "pg_sub_pid", &[("subname", "orders")]).is_nan());
    }
}

/// A subscription with its worker; what its catalogs hold.
fn healthy(major: u32) -> Vec<Check> {
    let from = "pg_stat_subscription where relid is null";
    let epoch = |column: &str| format!("extract(epoch from {column})");
    let mut checks = columns(
        "pg_sub",
        "subname",
        from,
        &[
            ("id", "subid"),
            ("pid", "pid"),
            ("received_lsn", "received_lsn - '0/0'"),
            ("reported_lsn", "latest_end_lsn - '0/0'"),
            ("msg_send_time", &epoch("last_msg_send_time")),
            ("msg_recv_time", &epoch("last_msg_receipt_time")),
            ("reported_time", &epoch("latest_end_time")),
        ],
    );
    if major >= 15 {
        checks.extend(same(
            "pg_sub",
            "subname",
            "pg_stat_subscription_stats",
            "apply_error_count sync_error_count",
        ));
    }
    let states =
        "select current_database(), 'orders', srsubstate, count(*) from pg_subscription_rel group by 3";
    checks.push(Check::new("pg_subrel_count", states));
    let origin = "pg_replication_origin o join pg_replication_origin_status s on s.local_id = o.roident";
    let positions = [
        ("remote_lsn", "remote_lsn - '0/0'"),
        ("local_lsn", "local_lsn - '0/0'"),
    ];
    checks.extend(columns("pg_origin", "roname", origin, &positions));
    checks
}
