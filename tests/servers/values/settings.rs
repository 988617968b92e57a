//! Settings and what identifies the server.

use pg_exporter_lab::Cluster;

use super::{some_majors, watch};
use crate::agree::{Check, agree};
use crate::layer::Layer;
use crate::support::value;

/// Settings whose number is the metric's.
const NUMBERS: &str = "max_connections max_prepared_transactions max_locks_per_transaction max_worker_processes
    max_parallel_workers max_parallel_workers_per_gather max_replication_slots max_wal_senders autovacuum_max_workers
    block_size wal_block_size checkpoint_timeout checkpoint_completion_target";

/// Settings in bytes.
const SIZES: &str = "segment_size wal_segment_size min_wal_size max_wal_size shared_buffers work_mem
    maintenance_work_mem effective_cache_size";

/// Settings that are on or off.
const SWITCHES: &str = "data_checksums wal_log_hints fsync full_page_writes autovacuum hot_standby";

/// Each setting has a value that no other has.
#[test]
fn settings_are_coded_as_the_contract_says() {
    for major in some_majors(&[10, 13, 17, 18]) {
        let cluster = Cluster::builder(major)
            .set("max_connections", "91")
            .set("max_prepared_transactions", "5")
            .set("max_locks_per_transaction", "71")
            .set("max_worker_processes", "11")
            .set("max_parallel_workers", "6")
            .set("max_parallel_workers_per_gather", "3")
            .set("max_replication_slots", "7")
            .set("max_wal_senders", "9")
            .set("autovacuum_max_workers", "4")
            .set("work_mem", "1234kB")
            .set("maintenance_work_mem", "31MB")
            .set("effective_cache_size", "123MB")
            .set("min_wal_size", "48MB")
            .set("max_wal_size", "3GB")
            .set("wal_log_hints", "on")
            .set("checkpoint_timeout", "7min")
            .set("checkpoint_completion_target", "0.75")
            .set("synchronous_commit", "remote_write")
            .set("autovacuum", "off")
            .start();
        let exporter = watch(&cluster, "postgres", &Layer::patient(&[]));
        let mut checks = Vec::new();
        let mut add = |name: &str, sql: String| checks.push(Check::new(&format!("pg_setting_{name}"), &sql));
        for name in NUMBERS.split_whitespace() {
            add(
                name,
                format!("select setting from pg_settings where name = '{name}'"),
            );
        }
        let factor =
            "case unit when '8kB' then 8192 when 'kB' then 1024 when 'MB' then 1048576 when 'B' then 1 end";
        for name in SIZES.split_whitespace() {
            add(
                name,
                format!("select setting::numeric * {factor} from pg_settings where name = '{name}'"),
            );
        }
        for name in SWITCHES.split_whitespace() {
            add(
                name,
                format!("select (setting = 'on')::int from pg_settings where name = '{name}'"),
            );
        }
        agree(&exporter, &cluster, "postgres", &checks);
        let page = exporter.scrape();
        let setting = |name: &str| value(&page, &format!("pg_setting_{name}"), &[]);
        assert_eq!(setting("work_mem"), 1234.0 * 1024.0);
        assert_eq!(setting("max_wal_size"), 3.0 * 1024.0 * 1024.0 * 1024.0);
        assert_eq!(setting("shared_buffers"), 16.0 * 1024.0 * 1024.0);
        assert_eq!(setting("checkpoint_timeout"), 420.0);
        assert_eq!(setting("wal_level"), 3.0);
        assert_eq!(setting("archive_mode"), 0.0);
        assert_eq!(setting("synchronous_commit"), 2.0);
        let since = |first: u32, name: &str, holds: &dyn Fn(f64) -> bool| {
            let is = setting(name);
            let expected = if major >= first { holds(is) } else { is.is_nan() };
            assert!(expected, "PostgreSQL {major}: {name} is {is}");
        };
        since(11, "max_parallel_maintenance_workers", &|is| is == 2.0);
        since(13, "max_slot_wal_keep_size", &|is| is == -1.0);
        since(15, "shared_memory_size", &|is| {
            is >= 16.0 * 1024.0 * 1024.0 && is % 1_048_576.0 == 0.0
        });
        since(15, "hugepage_count", &|is| is >= -1.0);
        since(17, "hugepage_status", &|is| is == 0.0 || is == 1.0);
        since(18, "io_method", &|is| is == 1.0);
    }
}

#[test]
fn the_server_is_identified() {
    for major in some_majors(&[10, 13, 18]) {
        let cluster = Cluster::start(major);
        let exporter = watch(&cluster, "postgres", &Layer::patient(&[]));
        let page = exporter.scrape();
        let meta = page.all("pg_meta_info").next().unwrap();
        assert_eq!(meta.value, 1.0);
        for (label, sql) in [
            ("cluster_id", "select system_identifier from pg_control_system()"),
            ("cluster_name", "show cluster_name"),
            ("listen_port", "show port"),
            ("data_dir", "show data_directory"),
            ("conf_path", "show config_file"),
            ("hba_path", "show hba_file"),
            ("wal_level", "show wal_level"),
            ("encoding", "show server_encoding"),
            ("version", "show server_version"),
            ("ver_num", "show server_version_num"),
            ("ver_str", "select version()"),
            ("extensions", "show shared_preload_libraries"),
        ] {
            assert_eq!(
                meta.label(label),
                Some(cluster.psql(sql).as_str()),
                "PostgreSQL {major}: {label}"
            );
        }
        let conninfo = if major >= 13 { "" } else { "N/A" };
        assert_eq!(meta.label("primary_conninfo"), Some(conninfo));
        let number: f64 = cluster.psql("show server_version_num").parse().unwrap();
        assert_eq!(value(&page, "pg_version", &[]), number);
        assert_eq!(value(&page, "pg_in_recovery", &[]), 0.0);
        let start = "select extract(epoch from pg_postmaster_start_time())";
        let loaded = "select extract(epoch from pg_conf_load_time())";
        let checks = [
            Check::new("pg_boot_time", start),
            Check::new("pg_reload_time", loaded),
            Check::new(
                "pg_uptime",
                &start.replace("(epoch from ", "(epoch from now() - "),
            )
            .within(3.0),
            Check::new("pg_timestamp", "select extract(epoch from now())").within(3.0),
            Check::new("pg_ssl_enabled", "select count(*) from pg_stat_ssl where ssl"),
            Check::new("pg_lsn", "select pg_current_wal_lsn() - '0/0'"),
            Check::new("pg_flush_lsn", "select pg_current_wal_flush_lsn() - '0/0'"),
            Check::new("pg_insert_lsn", "select pg_current_wal_insert_lsn() - '0/0'"),
        ];
        agree(&exporter, &cluster, "postgres", &checks);
    }
}

/// A password in primary_conninfo must not reach the page.
#[test]
fn no_password_of_a_standby_is_shown() {
    for major in some_majors(&[13, 18]) {
        let cluster = Cluster::builder(major)
            .set(
                "primary_conninfo",
                "host=10.0.0.9 password=hunter2 sslpassword='hunter2 too' user=repl",
            )
            .start();
        let text = watch(&cluster, "postgres", &Layer::patient(&[]))
            .get("/metrics")
            .text();
        assert!(text.contains("host=10.0.0.9") && !text.contains("hunter2"));
    }
}
