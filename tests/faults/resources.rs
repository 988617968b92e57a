//! The server runs out of something: disk, memory.

use pg_exporter_lab::{Cluster, Exporter, newest_major, wait_until};

use crate::support::{
    Layer, SOON, State, answer, assert_recovers, builder, cluster, page_within, wait_for, wait_for_page,
    wait_for_state,
};

/// What is said of a collector, from its name to the next one's.
fn said_of(exporter: &Exporter, collector: &str) -> String {
    let text = exporter.get("/stat").text();
    let from = text.split_once(&format!("  {collector}:\n"));
    let rest = from.map_or(String::new(), |(_, rest)| rest.to_owned());
    rest.lines()
        .take_while(|line| line.starts_with("    "))
        .collect::<Vec<_>>()
        .join("\n")
}

/// One collector fails with a SQLSTATE; the others, the target and its health do not.
#[track_caller]
fn assert_one_collector_fails(exporter: &Exporter, collector: &str, sqlstate: &str) {
    let (page, _) = page_within(exporter, 10.0);
    assert_eq!(page.value("pg_up", &[]), Some(1.0));
    let of = [("query", collector), ("reason", "other")];
    assert_eq!(page.value("pg_exporter_query_failures_total", &of), Some(1.0));
    assert_eq!(page.all(&format!("{collector}_rows")).count(), 0);
    assert!(page.all("pg_relkind_count").count() > 0, "the others are served");
    let said = said_of(exporter, collector);
    assert!(
        said.contains(&format!("Last Error: other {sqlstate}: ")),
        "{said}"
    );
    assert!(
        exporter.logs(&format!("(SQLSTATE {sqlstate})")),
        "{}",
        exporter.stderr()
    );
    assert_eq!(answer(exporter, "/primary"), (200, "primary".into()));
}

/// A statement's temporary files, on a disk of one megabyte.
#[test]
fn the_disk_is_full() {
    let cluster = Cluster::builder(newest_major())
        .set("work_mem", "64kB")
        .disk("base/pgsql_tmp", "1m")
        .start();
    let layer = Layer::new(
        "spill:\n  query: SELECT count(*) AS rows FROM (SELECT g FROM generate_series(1, 300000) g ORDER BY md5(g::text) \
         OFFSET 0) s\n  tags: [cluster]\n  timeout: 30\n  metrics:\n    - rows: { usage: GAUGE, description: Rows. }\n",
    );
    let exporter = builder(&cluster.url("postgres")).arg(layer.flag()).start();
    wait_for_state(&exporter, State::Primary, SOON);
    assert_one_collector_fails(&exporter, "spill", "53100");
    assert!(
        cluster.log().contains("No space left on device"),
        "by the kernel's word"
    );
    cluster.psql("alter system set work_mem = '256MB'");
    cluster.reload();
    wait_for(&exporter, "what needs no disk any more", |page| {
        page.value("spill_rows", &[]) == Some(300_000.0)
    });
}

/// Where no disk can be filled: the same answer, raised by a function.
#[test]
fn a_full_disk_by_the_servers_word() {
    for sqlstate in ["53100", "53200"] {
        let cluster = cluster();
        cluster.psql(&format!(
            "create function short() returns int language plpgsql as $$ begin raise 'there is no more of it' using errcode \
             = '{sqlstate}'; end $$"
        ));
        let layer = Layer::new(
            "short:\n  query: SELECT public.short() AS rows\n  tags: [cluster]\n  metrics:\n    \
             - rows: { usage: GAUGE, description: Rows. }\n",
        );
        let exporter = builder(&cluster.url("postgres")).arg(layer.flag()).start();
        wait_for_state(&exporter, State::Primary, SOON);
        assert_one_collector_fails(&exporter, "short", sqlstate);
    }
}

/// Somebody's locks fill the shared lock table: whatever needs one more is refused, connections and facts too.
#[test]
fn the_lock_table_is_full() {
    let cluster = Cluster::builder(newest_major())
        .set("max_locks_per_transaction", "10")
        .set("max_connections", "20")
        .start();
    cluster.psql("do $$ begin for n in 1..2000 loop execute format('create table t%s()', n); if n % 100 = 0 then commit; end if; end loop; end $$");
    let exporter = builder(&cluster.url("postgres")).arg("--disable-cache").start();
    wait_for_state(&exporter, State::Primary, SOON);
    wait_for_page(&exporter, 1.0);
    let mut holder = cluster.session("postgres");
    holder.exec("begin");
    // Each lock in a transaction within the transaction: the one that fails leaves the others.
    holder.exec(
        "do $$ begin for n in 1..2000 loop begin execute format('lock table t%s in access exclusive mode', n); \
         exception when out_of_memory then raise log 'the lock table is full after % tables', n; exit; end; end loop; end $$",
    );
    assert!(
        cluster.log().contains("the lock table is full after"),
        "it is not"
    );
    for _ in 0..5 {
        let (page, _) = page_within(&exporter, 5.0);
        assert_eq!(page.value("pg_up", &[]), Some(0.0), "the facts are in tables too");
        assert_eq!(page.value("pg_exporter_up", &[]), Some(1.0));
    }
    assert_eq!(
        answer(&exporter, "/primary"),
        (200, "primary".into()),
        "the probe needs no lock"
    );
    wait_until("a refusal is named", SOON, || exporter.stderr().contains("53200"));
    holder.exec("rollback");
    assert_recovers(&exporter, State::Primary);
    wait_for(&exporter, "all of it again", |page| {
        page.all("pg_relkind_count").count() > 0
    });
}
