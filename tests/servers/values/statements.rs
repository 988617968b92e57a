//! Tracked statements.

use pg_exporter_lab::Cluster;

use super::{some_majors, watch};
use crate::agree::{Check, agree, columns};
use crate::layer::Layer;

#[test]
fn statements_are_summed_over_roles_and_without_the_superusers() {
    for major in some_majors(&[10, 13, 17, 18]) {
        let cluster = Cluster::start(major);
        cluster.create_database("shop");
        cluster.psql("create extension pg_stat_statements; create role anna; create role bert");
        let statement = "select count(*) from pg_class, pg_class more where more.relname > 'x';";
        for (role, calls) in [("anna", 6), ("bert", 7), ("postgres", 50)] {
            cluster.psql_in("shop", &format!("set role {role}; {}", statement.repeat(calls)));
        }
        // Called too rarely by each, though not together.
        for role in ["anna", "bert"] {
            cluster.psql_in(
                "shop",
                &format!(
                    "set role {role}; {}",
                    "select 'rare' || oid from pg_database;".repeat(4)
                ),
            );
        }
        let exporter = watch(&cluster, "postgres", &Layer::patient(&[]));
        agree(&exporter, &cluster, "postgres", &checks(major));
        let page = exporter.scrape();
        let shop: Vec<_> = page
            .all("pg_query_calls")
            .filter(|sample| sample.label("datname") == Some("shop"))
            .collect();
        assert_eq!(
            shop.iter().map(|sample| sample.value).collect::<Vec<_>>(),
            [13.0],
            "{shop:?}"
        );
    }
}

fn checks(major: u32) -> Vec<Check> {
    let from = "pg_stat_statements s join pg_database d on d.oid = s.dbid
                where s.userid <> 10 and s.calls > 4 and d.datname = 'shop' group by 1, 2";
    let (time, io) = match major {
        ..13 => ("total_time", "blk_read_time + blk_write_time"),
        13..17 => ("total_exec_time", "blk_read_time + blk_write_time"),
        _ => ("total_exec_time", "shared_blk_read_time + shared_blk_write_time"),
    };
    let sum = |expression: &str| format!("sum({expression})");
    let mut pairs = vec![
        ("calls", sum("calls")),
        ("rows", sum("rows")),
        ("exec_time", sum(time) + " / 1000"),
        ("io_time", sum(io) + " / 1000"),
        ("sblk_hit", sum("shared_blks_hit")),
        ("sblk_read", sum("shared_blks_read")),
        ("sblk_dirtied", sum("shared_blks_dirtied")),
        ("sblk_written", sum("shared_blks_written")),
    ];
    if major >= 13 {
        pairs.push(("wal_bytes", sum("wal_bytes")));
    }
    let pairs: Vec<_> = pairs
        .iter()
        .map(|(name, expression)| (*name, expression.as_str()))
        .collect();
    let checks = columns("pg_query", "d.datname, s.queryid", from, &pairs);
    checks
        .into_iter()
        .map(|check| check.only("datname", "shop"))
        .collect()
}
