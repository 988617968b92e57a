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

/// COPY that waits for its input, ANALYZE that waits in an index expression.
#[test]
fn copy_and_analyze_in_progress_are_shown() {
    for major in some_majors(&[14, 17, 18]) {
        let cluster = Cluster::builder(major).set("autovacuum", "off").start();
        cluster.psql(
            "create function gate(i int) returns int language plpgsql immutable as
                'begin if i = 500 then perform pg_advisory_xact_lock_shared(4242); end if; return i; end';
             create table watched as select n as i from generate_series(1, 1000) n;
             create index on watched (gate(i)); create table copied (i int)",
        );
        let mut gate = cluster.session("postgres");
        gate.exec("select pg_advisory_lock(4242)");
        let mut analyze = cluster.session("postgres");
        analyze.send("analyze watched");
        let mut copy = cluster.session("postgres");
        copy.send("copy copied from program 'echo 1; echo 2; sleep 50'");
        cluster.wait_for(
            "select count(*) from pg_stat_progress_analyze where phase like 'computing%'",
            "1",
        );
        cluster.wait_for("select count(*) from pg_stat_progress_copy", "1");
        let exporter = watch(&cluster, "postgres", &Layer::patient(&[]));
        let labels = "datname, pid, relid::regclass";
        let mut checks = columns(
            "pg_analyzing",
            labels,
            "pg_stat_progress_analyze",
            &[
                (
                    "sample_ratio",
                    "sample_blks_scanned::float8 / nullif(sample_blks_total, 0)",
                ),
                (
                    "ext_stats_ratio",
                    "ext_stats_computed::float8 / nullif(ext_stats_total, 0)",
                ),
                (
                    "child_tables_ratio",
                    "child_tables_done::float8 / nullif(child_tables_total, 0)",
                ),
            ],
        );
        let copying = [
            ("processed_bytes", "bytes_processed"),
            ("total_bytes", "nullif(bytes_total, 0)"),
            ("processed_rows", "tuples_processed"),
            ("excluded_rows", "tuples_excluded"),
        ];
        let labels = "datname, pid, relid::regclass, command, type";
        checks.extend(columns("pg_copying", labels, "pg_stat_progress_copy", &copying));
        agree(&exporter, &cluster, "postgres", &checks);
        let page = exporter.scrape();
        assert_eq!(
            value(&page, "pg_analyzing_sample_ratio", &[("relname", "watched")]),
            1.0
        );
        assert_eq!(
            page.all("pg_copying_processed_rows")
                .next()
                .unwrap()
                .label("relname"),
            Some("copied")
        );
        if major >= 17 {
            assert_eq!(value(&page, "pg_copying_skipped_rows", &[]), 0.0);
        }
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
