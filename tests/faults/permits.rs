//! The server never sees more of our connections than it may, however it lets them in or lets them go.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::{scope, sleep};
use std::time::Duration;

use pg_exporter_lab::{Cluster, Exporter, newest_major, wait_until};

use crate::support::{Layer, SOON, State, builder, cluster, count, page_within, wait_for_state};

/// `--max-connections` of these tests: the probe's and three for scrapes.
const CAP: u32 = 4;

/// Whatever the exporter's role has on the server, by a superuser's count: those that are not let in yet have no application's name.
const OURS: &str = "select count(*) from pg_stat_activity where usename = 'monitor' or \
                    (backend_type = 'client backend' and usename is null and pid <> pg_backend_pid())";

/// Counts every 50 ms over one connection, while the work is done; the highest count.
fn highest<T>(cluster: &Cluster, work: impl FnOnce() -> T) -> (u32, T) {
    let (done, highest) = (AtomicBool::new(false), AtomicU32::new(0));
    scope(|scope| {
        let counting = scope.spawn(|| {
            let mut session = cluster.session("template1");
            while !done.load(Ordering::SeqCst) {
                let count: u32 = session.exec(OURS).trim().parse().unwrap();
                highest.fetch_max(count, Ordering::SeqCst);
                sleep(Duration::from_millis(50));
            }
        });
        let worked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        done.store(true, Ordering::SeqCst);
        counting.join().unwrap();
        let worked = worked.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        (highest.load(Ordering::SeqCst), worked)
    })
}

fn monitor(cluster: &Cluster, arguments: &[String]) -> Exporter {
    cluster.psql("create role monitor login; grant pg_monitor to monitor");
    builder(&cluster.url("postgres").replace("postgres@", "monitor@"))
        .arg(format!("--max-connections={CAP}"))
        .args(arguments.to_vec())
        .start()
}

fn scrapes(exporter: &Exporter, pages: u32) {
    for _ in 0..pages {
        page_within(exporter, 3.0);
    }
}

/// A trigger that hangs in each database from when on `trap` has a row; those of superusers are let in.
fn trap(cluster: &Cluster, database: &str) {
    cluster.psql_in(
        database,
        "create table public.trap(); grant select on public.trap to public;
         create function public.hang() returns event_trigger language plpgsql as $$ begin
           if session_user <> 'postgres' and exists (select from public.trap) then perform pg_sleep(600); end if; end $$;
         create event trigger hang on login execute function public.hang();
         alter event trigger hang enable always",
    );
}

#[test]
fn a_login_trigger_that_hangs() {
    let cluster = Cluster::start(18.max(newest_major()));
    for name in ["a", "b", "c", "d", "e"] {
        cluster.create_database(name);
        trap(&cluster, name);
        cluster.psql_in(name, "insert into public.trap default values");
    }
    trap(&cluster, "postgres");
    let exporter = monitor(&cluster, &[]);
    wait_for_state(&exporter, State::Primary, SOON);
    let (most, ()) = highest(&cluster, || {
        scrapes(&exporter, 6);
        // Now the URL's database too, for whoever connects anew.
        cluster.psql("insert into public.trap default values");
        cluster.psql("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'monitor'");
        scrapes(&exporter, 6);
    });
    assert!((2..=CAP).contains(&most), "{most} of {CAP}");
    drop(exporter);
    // Ends by the limit that the server was given, at the latest.
    wait_until("nothing of ours is left", SOON * 2, || cluster.psql(OURS) == "0");
}

#[test]
fn catalogs_that_are_locked() {
    for table in ["pg_authid", "pg_database", "pg_class"] {
        let cluster = cluster();
        cluster.create_database("app");
        let exporter = monitor(&cluster, &[]);
        wait_for_state(&exporter, State::Primary, SOON);
        let mut somebody = cluster.session("postgres");
        // What counts must know all it needs before the lock is there.
        let (most, ()) = highest(&cluster, || {
            sleep(Duration::from_millis(300));
            somebody.exec(&format!(
                "begin; select pg_terminate_backend(pid) from pg_stat_activity where usename = 'monitor'; \
                 lock table pg_catalog.{table} in access exclusive mode"
            ));
            scrapes(&exporter, 5);
            somebody.exec("rollback");
            wait_for_state(&exporter, State::Primary, SOON);
        });
        assert!((1..=CAP).contains(&most), "{table}: {most} of {CAP}");
    }
}

/// A statement that swallows what is to cancel it keeps its place, and no other is taken in its stead.
#[test]
fn a_statement_that_cannot_be_cancelled() {
    let cluster = cluster();
    cluster.psql(
        "create function public.stubborn() returns int language plpgsql as $$ begin
           loop begin perform pg_sleep(600); exception when query_canceled then null; end; end loop; end $$",
    );
    let layer = Layer::new(
        "stubborn:\n  query: SELECT public.stubborn() AS value\n  tags: [cluster]\n  timeout: 0.2\n  metrics:\n    \
         - value: { usage: GAUGE, description: Never. }\n",
    );
    let exporter = monitor(&cluster, &[layer.flag()]);
    wait_for_state(&exporter, State::Primary, SOON);
    let (most, ()) = highest(&cluster, || scrapes(&exporter, 30));
    assert!((2..=CAP).contains(&most), "{most} of {CAP}");
    wait_for_state(&exporter, State::Primary, SOON);
    // The server ends what it runs for a client that has gone.
    drop(exporter);
    wait_until("nothing of ours is left", SOON, || count(&cluster, "true") == 0);
}
