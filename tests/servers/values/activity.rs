//! Sessions, waits, transactions and locks.

use pg_exporter_lab::Cluster;

use super::{some_majors, watch};
use crate::agree::{Check, agree};
use crate::layer::Layer;
use crate::scene::scene;
use crate::support::value;

/// The scene has one idle transaction in database app, and the connection of the subscription.
#[test]
fn sessions_by_state_and_what_they_wait_for() {
    for major in some_majors(&[10, 14, 18]) {
        let cluster = &scene(major).primary;
        let exporter = watch(cluster, "postgres", &Layer::patient(&[]));
        let states = "select d.datname, s.state, count(a.pid), coalesce(max(extract(epoch from now() - a.state_change)), 0),
                      coalesce(max(extract(epoch from now() - a.xact_start)), 0),
                      coalesce(max(extract(epoch from now() - a.backend_start)), 0)
                      from pg_database d
                      cross join (values ('active'), ('idle'), ('idle in transaction'), ('idle in transaction (aborted)'),
                                         ('fastpath function call'), ('disabled')) s (state)
                      left join pg_stat_activity a on a.datname = d.datname and a.state = s.state
                      where d.datname = 'app' group by 1, 2";
        let state = |metric: &str, column: u32| {
            let sql = format!(
                "select datname, state, v{column} from ({states}) x (datname, state, v1, v2, v3, v4)"
            );
            Check::new(&format!("pg_activity_{metric}"), &sql).only("datname", "app")
        };
        let waits = "select datname, coalesce(wait_event_type, 'Running'), count(*) from pg_stat_activity
                     where datname = 'app' group by 1, 2";
        let backends = "select backend_type, count(*) from pg_stat_activity
                        where backend_type not like 'client%' and backend_type not like 'auto%worker'
                          and backend_type not like 'parallel%' and backend_type not like 'io %'
                        group by 1";
        let locks = "select 'app', m.mode, count(l.mode)
                     from (values ('AccessShareLock'), ('RowShareLock'), ('RowExclusiveLock'), ('ShareUpdateExclusiveLock'),
                                  ('ShareLock'), ('ShareRowExclusiveLock'), ('ExclusiveLock'), ('AccessExclusiveLock')) m (mode)
                     left join pg_locks l
                       on l.mode = m.mode and l.database = (select oid from pg_database where datname = 'app')
                     group by 2";
        let checks = [
            state("count", 1),
            state("max_duration", 2).within(3.0),
            state("max_tx_duration", 3).within(3.0),
            state("max_conn_duration", 4).within(3.0),
            Check::new("pg_wait_count", waits).only("datname", "app"),
            Check::new("pg_backend_count", backends).some(),
            Check::new("pg_lock_count", locks).only("datname", "app"),
        ];
        agree(&exporter, cluster, "postgres", &checks);
        let page = exporter.scrape();
        let idle = [("datname", "app"), ("state", "idle in transaction")];
        assert_eq!(value(&page, "pg_activity_count", &idle), 1.0);
        assert!(value(&page, "pg_activity_max_tx_duration", &idle) > 0.0);
        assert_eq!(
            page.all("pg_lock_count").count() % 8,
            0,
            "every database has all modes"
        );
        assert!(
            value(
                &page,
                "pg_lock_count",
                &[("datname", "app"), ("mode", "AccessShareLock")]
            ) >= 1.0
        );
        assert!(
            value(
                &page,
                "pg_wait_count",
                &[("datname", "_system"), ("event", "Activity")]
            ) >= 1.0
        );
    }
}

#[test]
fn open_transactions_are_counted_by_age() {
    let cluster = Cluster::start(some_majors(&[18, 17, 16, 15, 14]).pop().unwrap());
    cluster.create_database("quiet");
    let mut sessions = [
        cluster.session("quiet"),
        cluster.session("quiet"),
        cluster.session("quiet"),
    ];
    for session in &mut sessions {
        session.exec("begin");
        session.exec("select 1");
    }
    sessions[0].send("select pg_sleep(60)");
    sessions[1].answer_to("select 1 / 0").unwrap_err();
    let ages = "select 'quiet', sum(extract(epoch from now() - xact_start)) from pg_stat_activity where datname = 'quiet'";
    let exporter = watch(&cluster, "postgres", &Layer::patient(&[]));
    let idle = format!("{ages} and state like 'idle%'");
    let checks = [
        Check::new("pg_xact_age_seconds_sum", ages)
            .only("datname", "quiet")
            .within(6.0),
        Check::new("pg_xact_age_idle_seconds_sum", &idle)
            .only("datname", "quiet")
            .within(4.0),
    ];
    // Old enough to be told from nothing by the checks' tolerance, and above the first bounds.
    cluster.wait_for(&format!("select sum > 10 from ({ages}) x (name, sum)"), "t");
    agree(&exporter, &cluster, "postgres", &checks);
    let page = exporter.scrape();
    let count = |name: &str, le: &str| value(&page, name, &[("datname", "quiet"), ("le", le)]);
    assert_eq!(count("pg_xact_age_seconds_bucket", "1"), 0.0);
    // The aborted one has no start any more.
    for le in ["100", "100000", "+Inf"] {
        assert_eq!(count("pg_xact_age_seconds_bucket", le), 2.0);
    }
    assert_eq!(count("pg_xact_age_idle_seconds_bucket", "+Inf"), 1.0);
    let quiet = [("datname", "quiet")];
    assert_eq!(value(&page, "pg_xact_age_seconds_count", &quiet), 2.0);
    assert_eq!(value(&page, "pg_xact_age_idle_seconds_count", &quiet), 1.0);
    assert!(
        page.all("pg_xact_age_seconds_bucket")
            .all(|sample| sample.labels.last().unwrap().0 == "le")
    );
}

#[test]
fn a_transaction_that_writes_is_in_the_snapshot() {
    let cluster = Cluster::start(some_majors(&[13, 14]).pop().unwrap());
    let exporter = watch(&cluster, "postgres", &Layer::patient(&[]));
    assert_eq!(value(&exporter.scrape(), "pg_xact_xnum", &[]), 0.0);
    let mut session = cluster.session("postgres");
    session.exec("begin");
    let id: f64 = session.exec("select txid_current()").parse().unwrap();
    // Another one after it, so that the snapshot has bounds.
    cluster.psql("select txid_current()");
    let page = exporter.scrape();
    assert_eq!(value(&page, "pg_xact_xmin", &[]), id);
    assert_eq!(value(&page, "pg_xact_xmax", &[]), id + 2.0);
    assert_eq!(value(&page, "pg_xact_xnum", &[]), 1.0);
}
