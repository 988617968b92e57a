//! The server never sees more of our connections than it may, however it lets them in or lets them go.

mod behind;

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::{scope, sleep};
use std::time::Duration;

use pg_exporter_lab::process::{Signal, signal};
use pg_exporter_lab::{Cluster, Exporter, FaultProxy, Mode, majors, newest_major, wait_until};

use crate::support::{Layer, SLEEPING, SOON, State, builder, cluster, count, page_within, wait_for_state};

/// `--max-connections` of these tests: the probe's and three for scrapes.
const CAP: u32 = 4;

/// Whatever the exporter's role has on the server, by a superuser's count: those that are not let in yet have no application's name.
const OURS: &str = "select count(*) from pg_stat_activity where (usename = 'monitor' or \
                    (backend_type = 'client backend' and usename is null and pid <> pg_backend_pid()))";

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

/// Whether one scrape more fails in no database.
fn is_whole(exporter: &Exporter) -> bool {
    let scrape = || {
        let (page, _) = page_within(exporter, 8.0);
        let failures = page.all("pg_exporter_server_scrape_error_count");
        let failures: f64 = failures.map(|sample| sample.value).sum();
        (page.value("pg_up", &[]), failures)
    };
    let ((_, before), (up, after)) = (scrape(), scrape());
    up == Some(1.0) && before == after
}

/// Whoever is let in later than the exporter waits is used by the next scrape, in each database.
#[test]
fn logins_that_are_always_slow() {
    let cluster = Cluster::builder(newest_major())
        .set("post_auth_delay", "2")
        .start();
    (0..2).for_each(|number| cluster.create_database(&format!("d{number}")));
    let exporter = builder(&cluster.url("postgres"))
        .arg("--max-connections=8")
        .start();
    wait_until("all is served", SOON * 3, || {
        sleep(Duration::from_secs(1));
        is_whole(&exporter)
    });
    // Whoever waits for a database to be left waits for 5 s.
    cluster.psql("drop database d0");
}

/// Keeps everybody out of a server while something is done.
type KeepsOut = fn(&Cluster, &dyn Fn());

/// Nobody is let in in time, and all are in the end.
const SLOW: [KeepsOut; 3] = [
    |cluster, meanwhile| {
        cluster.psql("alter system set post_auth_delay = 3");
        cluster.psql("select pg_reload_conf()");
        meanwhile();
        cluster.psql("alter system reset post_auth_delay");
        cluster.psql("select pg_reload_conf()");
    },
    |cluster, meanwhile| {
        signal(cluster.pid(), Signal::STOP).unwrap();
        meanwhile();
        signal(cluster.pid(), Signal::CONT).unwrap();
    },
    |cluster, meanwhile| {
        let mut somebody = cluster.session("postgres");
        somebody.exec("begin; lock table pg_catalog.pg_authid in access exclusive mode");
        meanwhile();
        somebody.exec("rollback");
    },
];

/// Sessions that were let in too late, each of another database, must not keep from one another what all need.
#[test]
fn logins_that_were_slow_for_a_while() {
    for major in [majors()[0], newest_major()] {
        let cluster = Cluster::start(major);
        (0..12).for_each(|number| cluster.create_database(&format!("d{number}")));
        for cap in [CAP, 8] {
            let exporter = builder(&cluster.url("postgres"))
                .args([format!("--max-connections={cap}"), "--disable-cache".to_owned()])
                .start();
            let is_whole = || is_whole(&exporter);
            wait_until("all is served", SOON, is_whole);
            for slow in SLOW {
                slow(&cluster, &|| scrapes(&exporter, 3));
                wait_until("all is served again", SOON, is_whole);
            }
            // And somebody can have a database of theirs for himself.
            cluster.psql(&format!("drop database d{cap}"));
        }
    }
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
        // An exporter that ends while its connects hang leaves nothing that the server can end.
        somebody.exec(&format!(
            "begin; select pg_terminate_backend(pid) from pg_stat_activity where usename = 'monitor'; \
             lock table pg_catalog.{table} in access exclusive mode"
        ));
        scrapes(&exporter, 2);
        drop(exporter);
        somebody.exec("rollback");
        wait_until("nothing of ours is left", SOON, || cluster.psql(OURS) == "0");
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

/// An LDAP server that takes connections and never answers.
#[test]
fn an_ldap_server_that_is_silent() {
    let silent = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = silent.local_addr().unwrap().port();
    let ldap = format!("ldap ldapserver=127.0.0.1 ldapport={port} ldapprefix=\"cn=\"");
    // Of the servers that tests bring these know LDAP.
    let Some(major) = majors().iter().copied().find(|major| [10, 15].contains(major)) else {
        // The lab has said on standard error that a major is not tested; with CI=true it has failed.
        return;
    };
    let cluster = Cluster::start(major);
    cluster.create_database("app");
    let trusted =
        "host all monitor 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 trust\nlocal all all trust\n";
    cluster.write_file("pg_hba.conf", trusted);
    cluster.reload();
    cluster.psql("create role monitor login password 'secret'; grant pg_monitor to monitor");
    let url = cluster.url("postgres").replace("postgres@", "monitor:secret@");
    let exporter = builder(&url).arg(format!("--max-connections={CAP}")).start();
    wait_for_state(&exporter, State::Primary, SOON);
    let hanging = |database: &str| {
        count_of(
            &cluster,
            &format!(
                "select count(*) from pg_stat_activity where usename = 'monitor' and datname = '{database}'"
            ),
        )
    };
    let (most, ()) = highest(&cluster, || {
        cluster.write_file("pg_hba.conf", &trusted.replacen("trust", &ldap, 1));
        cluster.reload();
        cluster.wait_for(
            "select count(*) from pg_hba_file_rules where auth_method = 'ldap'",
            "1",
        );
        cluster.psql("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'monitor'");
        // Longer than an attempt is waited for that nobody answers.
        scrapes(&exporter, 20);
        // One of each purpose: of the URL's database, and of the probe.
        let ours: u32 = cluster.psql(OURS).trim().parse().unwrap();
        assert!(ours <= 2, "{ours} connects hang");
        assert_eq!(hanging("app"), 0, "no other is tried while the first hangs");
        cluster.write_file("pg_hba.conf", trusted);
        cluster.reload();
        drop(silent);
        wait_for_state(&exporter, State::Primary, SOON * 2);
    });
    assert!((1..=CAP).contains(&most), "{most} of {CAP}");
    drop(exporter);
    wait_until("nothing of ours is left", SOON * 2, || cluster.psql(OURS) == "0");
}

fn count_of(cluster: &Cluster, sql: &str) -> u32 {
    cluster.psql(sql).trim().parse().unwrap()
}

/// A network that is cut: what we have opened stays on the server for as long as nobody tells it.
#[test]
fn a_network_that_is_cut() {
    let cluster = cluster();
    cluster.create_database("app");
    cluster.psql("create role monitor login; grant pg_monitor to monitor");
    let proxy = FaultProxy::start(cluster.port());
    let exporter = builder(&proxy.url("postgres").replace("postgres@", "monitor@"))
        .arg(format!("--max-connections={CAP}"))
        .start();
    wait_for_state(&exporter, State::Primary, SOON);
    let (most, ()) = highest(&cluster, || {
        for cut in [Mode::Hang, Mode::Reset, Mode::Hang, Mode::Refuse] {
            proxy.mode(cut);
            scrapes(&exporter, 4);
            proxy.mode(Mode::Pass);
            wait_for_state(&exporter, State::Primary, SOON * 2);
            scrapes(&exporter, 2);
        }
    });
    assert!((1..=CAP).contains(&most), "{most} of {CAP}");
}

/// An exporter that ends behind a cut leaves sessions that the server knows nothing ill of. What they run ends by the server's own limits, and
/// they do once it is told.
#[test]
fn the_end_of_an_exporter_behind_a_cut() {
    let cluster = cluster();
    cluster.create_database("app");
    cluster.psql("create role monitor login; grant pg_monitor to monitor");
    let proxy = FaultProxy::start(cluster.port());
    let layer = Layer::slow(600.0, 2.0);
    let exporter = builder(&proxy.url("postgres").replace("postgres@", "monitor@"))
        .args([format!("--max-connections={CAP}"), layer.flag()])
        .start();
    wait_for_state(&exporter, State::Primary, SOON);
    scope(|scope| {
        scope.spawn(|| page_within(&exporter, 10.0));
        cluster.wait_for(SLEEPING, "1");
        proxy.mode(Mode::Hang);
    });
    drop(exporter);
    let busy = format!("{OURS} and state <> 'idle'");
    wait_until("nothing of ours runs", SOON, || cluster.psql(&busy) == "0");
    assert!(count_of(&cluster, OURS) <= CAP);
    proxy.mode(Mode::Pass);
    wait_until("nothing of ours is left", SOON, || cluster.psql(OURS) == "0");
}
