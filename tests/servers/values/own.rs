//! Collectors beyond the contract.

use pg_exporter_lab::{Cluster, majors};
use time::OffsetDateTime;

use super::{some_majors, watch};
use crate::agree::{Check, agree, columns};
use crate::layer::Layer;
use crate::support::{label_values, value};

#[test]
fn objects_that_deserve_a_look_are_counted() {
    for major in some_majors(&[10, 14, 18]) {
        let cluster = Cluster::start(major);
        cluster.psql(
            "create table keyed (id int primary key);
             create table keyless (n int); create unlogged table fleeting (n int primary key);
             insert into fleeting select generate_series(1, 100);
             create sequence short maxvalue 100; create sequence cycling maxvalue 10 cycle; create sequence young;
             select setval('short', 91), setval('cycling', 9), setval('young', 7);
             create role expiring login valid until '2030-01-01 00:00:00+00'; create role lasting login;
             create role never login valid until 'infinity'",
        );
        cluster.psql("insert into keyless values (1), (1)");
        // Fails half way, and leaves the index behind.
        assert!(
            cluster
                .try_psql(
                    "postgres",
                    "create unique index concurrently twice on keyless (n)"
                )
                .is_err()
        );
        let mut session = cluster.session("postgres");
        session.exec("create temporary table scratch as select generate_series(1, 100) as n");
        cluster.set("max_connections", "77");
        cluster.reload();
        cluster.wait_for("select count(*) from pg_settings where pending_restart", "1");

        let exporter = watch(
            &cluster,
            "postgres",
            &Layer::patient(&["pg_persistence", "pg_seq_end", "pg_role"]),
        );
        let size = |persistence: &str, name: &str| {
            format!(
                "select current_database(), '{name}', sum(pg_total_relation_size(oid)) from pg_class
                 where relpersistence = '{persistence}' and relkind = 'r'"
            )
        };
        let checks = [
            Check::new("pg_persistence_bytes", &size("u", "unlogged")).only("persistence", "unlogged"),
            Check::new("pg_persistence_bytes", &size("t", "temporary")).only("persistence", "temporary"),
            Check::new(
                "pg_checksum_version",
                "select (setting = 'on')::int from pg_settings where name = 'data_checksums'",
            ),
        ];
        agree(&exporter, &cluster, "postgres", &checks);
        let page = exporter.scrape();
        let schema = |name: &str| value(&page, &format!("pg_schema_{name}"), &[]);
        assert_eq!(schema("invalid_indexes"), 1.0);
        assert_eq!(schema("tables_without_primary_key"), 1.0);
        assert_eq!(
            [schema("unlogged_tables"), schema("temporary_tables")],
            [1.0, 1.0]
        );
        assert_eq!(
            label_values(&page, "pg_seq_end_used_ratio", "seqname"),
            ["public.short"]
        );
        assert!((value(&page, "pg_seq_end_used_ratio", &[]) - 90.0 / 99.0).abs() < 1e-9);
        assert_eq!(
            label_values(&page, "pg_role_password_expiry_timestamp_seconds", "rolname"),
            ["expiring"]
        );
        assert_eq!(
            value(&page, "pg_role_password_expiry_timestamp_seconds", &[]),
            1_893_456_000.0
        );
        assert_eq!(value(&page, "pg_pending_restart_settings", &[]), 1.0);
    }
}

#[test]
fn what_holds_back_dead_rows_is_told() {
    for major in some_majors(&[10, 16]) {
        let cluster = Cluster::builder(major)
            .set("max_prepared_transactions", "2")
            .start();
        cluster.psql(
            "create table t (n int); select pg_create_logical_replication_slot('held', 'test_decoding')",
        );
        cluster.psql("begin; insert into t values (1); prepare transaction 'forgotten'");
        let mut session = cluster.session("postgres");
        session.exec("begin isolation level repeatable read");
        session.exec("select 1");
        for _ in 0..10 {
            cluster.psql("insert into t values (2)");
        }
        let exporter = watch(&cluster, "postgres", &Layer::patient(&[]));
        let age = |kind: &str, sql: &str| {
            let sql = format!("select '{kind}', '', {sql}");
            Check::new("pg_xmin_age_xids", &sql).only("kind", kind)
        };
        let checks = [
            age("prepared", "age(transaction) from pg_prepared_xacts"),
            age("slot_catalog", "age(catalog_xmin) from pg_replication_slots"),
            age("slot", "0"),
            age("standby", "0"),
            age(
                "backend",
                &format!(
                    "age(backend_xmin) from pg_stat_activity where pid = {}",
                    session.backend_pid()
                ),
            ),
        ];
        agree(&exporter, &cluster, "postgres", &checks);
        assert!(value(&exporter.scrape(), "pg_xmin_age_xids", &[("kind", "backend")]) >= 10.0);
        let wraparound = columns(
            "pg_wraparound",
            "datname",
            "pg_database",
            &[
                ("remaining_xids", "2147483647 - age(datfrozenxid)"),
                ("remaining_multixacts", "2147483647 - mxid_age(datminmxid)"),
            ],
        );
        agree(&exporter, &cluster, "postgres", &wraparound);
    }
}

/// From 100,000 transactions on, whoever holds back is named: each kind has one.
#[test]
fn those_who_hold_back_dead_rows_are_named_once_it_matters() {
    for major in some_majors(&[13, 18]) {
        let primary = Cluster::builder(major)
            .set("max_prepared_transactions", "2")
            .start();
        primary.psql(
            "create table t (n int); select pg_create_logical_replication_slot('held', 'test_decoding')",
        );
        let standby = || {
            Cluster::builder(major)
                .set("max_prepared_transactions", "2")
                .set("hot_standby_feedback", "on")
                .set("wal_receiver_status_interval", "1s")
                .start_standby_of(&primary)
        };
        let (with_slot, without_slot) = (standby(), standby());
        without_slot.psql("alter system set primary_slot_name = ''");
        without_slot.reload();
        primary.wait_for("select count(*) from pg_replication_slots where active", "1");
        primary.psql(
            "select pg_drop_replication_slot(slot_name) from pg_replication_slots
             where slot_type = 'physical' and not active",
        );
        primary.wait_for(
            "select count(*) from pg_stat_replication where state = 'streaming'",
            "2",
        );
        primary.psql("begin; insert into t values (1); prepare transaction 'forgotten'");
        let mut sessions = [&primary, &with_slot, &without_slot].map(|cluster| cluster.session("postgres"));
        for session in &mut sessions {
            session.exec("begin isolation level repeatable read");
            session.exec("select 1");
        }
        primary.psql(
            "create procedure burn(n int) language plpgsql as
                'begin for i in 1..n loop perform txid_current(); commit; end loop; end'",
        );
        primary.psql("call burn(100001)");
        primary.wait_for(
            "select count(*) > 0 from pg_replication_slots where age(xmin) > 100000",
            "t",
        );
        primary.wait_for(
            "select count(*) > 0 from pg_stat_replication where age(backend_xmin) > 100000",
            "t",
        );

        let exporter = watch(&primary, "postgres", &Layer::patient(&[]));
        let named = |kind: &str, holder: &str, age: &str, from: &str| {
            let sql = format!("select '{kind}', {holder}, {age} from {from}");
            Check::new("pg_xmin_age_xids", &sql).only("kind", kind)
        };
        let session = "concat_ws(' ', pid, usename, application_name)";
        let backend = format!("pg_stat_activity where pid = {}", sessions[0].backend_pid());
        let (slots, senders) = ("pg_replication_slots where", "pg_stat_replication where");
        let checks = [
            named("prepared", "'forgotten'", "age(transaction)", "pg_prepared_xacts"),
            named(
                "slot",
                "slot_name",
                "age(xmin)",
                &format!("{slots} xmin is not null"),
            ),
            named(
                "slot_catalog",
                "'held'",
                "age(catalog_xmin)",
                &format!("{slots} slot_name = 'held'"),
            ),
            named(
                "standby",
                session,
                "age(backend_xmin)",
                &format!("{senders} backend_xmin is not null"),
            ),
            named("backend", session, "age(backend_xmin)", &backend),
        ];
        agree(&exporter, &primary, "postgres", &checks);
    }
}

/// The processes' own I/O exists from 18 on.
#[test]
fn io_of_each_process_is_told() {
    if !majors().contains(&18) {
        return;
    }
    let cluster = Cluster::start(18);
    let mut session = cluster.session("postgres");
    session.exec("create table t as select n, repeat('x', 100) as filler from generate_series(1, 20000) n");
    let exporter = watch(&cluster, "postgres", &Layer::patient(&["pg_backend_io"]));
    let pid = session.backend_pid().to_string();
    cluster.wait_for(
        &format!("select sum(extend_bytes) > 1e6 from pg_stat_get_backend_io({pid})"),
        "t",
    );
    let from = format!("pg_stat_get_backend_io({pid})");
    let labels = format!("{pid}, 'client backend', 'postgres', 'postgres', 'psql'");
    let pairs = [
        ("extend_bytes_total", "sum(extend_bytes)"),
        ("hits_total", "sum(hits)"),
    ];
    let checks: Vec<_> = columns("pg_backend_io", &labels, &from, &pairs)
        .into_iter()
        .map(|check| check.only("pid", &pid))
        .collect();
    agree(&exporter, &cluster, "postgres", &checks);
    let page = exporter.scrape();
    assert!(value(&page, "pg_backend_io_extend_bytes_total", &[("pid", &pid)]) > 1e6);
    assert!(value(&page, "pg_backend_io_wal_bytes_total", &[("pid", &pid)]) > 1e6);
}

/// Years up to 2049 have two digits in a certificate, later ones four.
#[test]
fn the_servers_certificate_expires() {
    for (major, end) in some_majors(&[11, 18])
        .into_iter()
        .zip([2_000_000_000_i64, 2_600_000_000])
    {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut certificate = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        certificate.not_before = OffsetDateTime::from_unix_timestamp(1_600_000_000).unwrap();
        certificate.not_after = OffsetDateTime::from_unix_timestamp(end).unwrap();
        let certificate = certificate.self_signed(&key).unwrap();
        let cluster = Cluster::start(major);
        cluster.write_file("server.crt", &certificate.pem());
        cluster.write_file("server.key", &key.serialize_pem());
        let exporter = watch(&cluster, "postgres", &Layer::patient(&["pg_tls_certificate"]));
        let page = exporter.scrape();
        assert_eq!(
            page.all("pg_tls_certificate_expiry_timestamp_seconds").count(),
            0,
            "TLS is off"
        );
        crate::support::assert_healthy(&exporter, &page);
        cluster.set("ssl", "on");
        cluster.reload();
        cluster.wait_for("show ssl", "on");
        let page = exporter.scrape();
        assert_eq!(
            value(&page, "pg_tls_certificate_not_before_timestamp_seconds", &[]),
            1_600_000_000.0
        );
        assert_eq!(
            value(&page, "pg_tls_certificate_expiry_timestamp_seconds", &[]),
            end as f64
        );
    }
}
