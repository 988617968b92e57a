//! Senders and receivers of WAL.

use pg_exporter_lab::Cluster;

use super::{some_majors, watch};
use crate::agree::{Check, agree, columns, same};
use crate::layer::Layer;
use crate::scene::scene;
use crate::support::value;

#[test]
fn senders_are_shown_as_the_catalogs_say() {
    for major in some_majors(&[10, 12, 15, 18]) {
        let scene = scene(major);
        let exporter = watch(&scene.primary, "postgres", &Layer::patient(&[]));
        agree(&exporter, &scene.primary, "postgres", &senders(major));
        let page = exporter.scrape();
        let standby = format!("standby_{}", scene.standby.port());
        let of = |name: &str| value(&page, name, &[("appname", &standby)]);
        assert_eq!((of("pg_repl_state"), of("pg_repl_sync_state")), (0.0, 0.0));
        let backups = page
            .all("pg_repl_state")
            .filter(|sample| sample.value == 3.0)
            .count();
        assert_eq!(backups, 1);
        let downstream = |state| value(&page, "pg_downstream_count", &[("state", state)]);
        assert_eq!(page.all("pg_downstream_count").count(), 5);
        // The standby and the subscription stream.
        assert_eq!(
            [
                downstream("streaming"),
                downstream("backup"),
                downstream("catchup")
            ],
            [2.0, 1.0, 0.0]
        );
        assert_eq!(
            page.all("pg_repl_state").next().unwrap().label("address"),
            Some("127.0.0.1/32")
        );
        assert_eq!(
            value(&page, "pg_sync_standby_enabled", &[("names", "<null>")]),
            0.0
        );
    }
}

fn senders(major: u32) -> Vec<Check> {
    let labels = "application_name, usename, coalesce(client_addr::text, 'localhost'), pid";
    let from = "pg_stat_replication";
    let lsn = |name: &str| format!("{name}_lsn - '0/0'");
    let diff = |name: &str| format!("pg_current_wal_lsn() - {name}_lsn");
    let lag = |name: &str| format!("coalesce(extract(epoch from {name}_lag), 0)");
    let code =
        "case state when 'streaming' then 0 when 'startup' then 1 when 'catchup' then 2 when 'backup' then 3
                when 'stopping' then 4 else -1 end";
    let sync = "case sync_state when 'async' then 0 when 'potential' then 1 when 'sync' then 2 when 'quorum' then 3 end";
    let mut pairs = vec![
        ("state".to_owned(), code.to_owned()),
        ("sync_state".to_owned(), sync.to_owned()),
        ("lsn".to_owned(), "pg_current_wal_lsn() - '0/0'".to_owned()),
        (
            "launch_time".to_owned(),
            "extract(epoch from backend_start)".to_owned(),
        ),
    ];
    for name in ["sent", "write", "flush", "replay"] {
        pairs.push((format!("{name}_lsn"), lsn(name)));
        pairs.push((format!("{name}_diff"), diff(name)));
        if name != "sent" {
            pairs.push((format!("{name}_lag"), lag(name)));
        }
    }
    if major >= 12 {
        pairs.push((
            "reply_time".to_owned(),
            "extract(epoch from reply_time)".to_owned(),
        ));
    }
    let pairs: Vec<_> = pairs
        .iter()
        .map(|(name, expression)| (name.as_str(), expression.as_str()))
        .collect();
    let mut checks = columns("pg_repl", labels, from, &pairs);
    checks.extend(same(
        "pg_repl",
        labels,
        from,
        "client_port sync_priority backend_xmin",
    ));
    checks.push(
        Check::new(
            "pg_repl_time",
            &format!("select {labels}, extract(epoch from now()) from {from}"),
        )
        .within(3.0),
    );
    checks
}

#[test]
fn a_receiver_is_shown_as_the_catalogs_say() {
    for major in some_majors(&[10, 11, 13, 18]) {
        let scene = scene(major);
        let exporter = watch(&scene.standby, "postgres", &Layer::patient(&[]));
        let labels = format!("'127.0.0.1', '{}', slot_name", scene.primary.port());
        let epoch = |column: &str| format!("floor(extract(epoch from {column}))");
        let flushed = if major >= 13 {
            "flushed_lsn"
        } else {
            "received_lsn"
        };
        let flushed = format!("{flushed} - '0/0'");
        let mut pairs = vec![
            ("pid", "pid"),
            ("init_lsn", "receive_start_lsn - '0/0'"),
            ("init_tli", "receive_start_tli"),
            ("flush_lsn", &flushed),
            ("flush_tli", "received_tli"),
            ("reported_lsn", "latest_end_lsn - '0/0'"),
        ];
        if major >= 13 {
            pairs.push(("write_lsn", "written_lsn - '0/0'"));
        }
        let times = [
            epoch("last_msg_send_time"),
            epoch("last_msg_receipt_time"),
            epoch("latest_end_time"),
        ];
        pairs.extend(
            ["msg_send_time", "msg_recv_time", "reported_time"]
                .into_iter()
                .zip(times.iter().map(String::as_str)),
        );
        agree(
            &exporter,
            &scene.standby,
            "postgres",
            &columns("pg_recv", &labels, "pg_stat_wal_receiver", &pairs),
        );
        let page = exporter.scrape();
        assert_eq!(value(&page, "pg_recv_state", &[]), 0.0);
        let time = value(&page, "pg_recv_time", &[]);
        assert!(time > 1.6e9 && time.fract() == 0.0, "{time}");
    }
}

#[test]
fn a_synchronous_standby_is_named() {
    for major in some_majors(&[10, 18]) {
        let primary = Cluster::start(major);
        let standby = primary.standby();
        let name = format!("standby_{}", standby.port());
        primary.set(
            "synchronous_standby_names",
            &format!("ANY 1 ({name}, \"other one\")"),
        );
        primary.reload();
        primary.wait_for("select sync_state from pg_stat_replication", "quorum");
        let page = watch(&primary, "postgres", &Layer::patient(&[])).scrape();
        let names = format!("ANY 1 ({name}, \"other one\")");
        assert_eq!(value(&page, "pg_sync_standby_enabled", &[("names", &names)]), 1.0);
        assert_eq!(value(&page, "pg_repl_sync_state", &[]), 3.0);
        assert_eq!(value(&page, "pg_repl_sync_priority", &[]), 1.0);
    }
}
