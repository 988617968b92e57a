//! The lab's own promises about PostgreSQL, kept on every major there is.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use pg_exporter_lab::{Cluster, majors, newest_major, wait_until};

#[test]
fn every_major_starts_with_a_standby_that_streams() {
    for major in majors() {
        let primary = Cluster::start(major);
        let standby = primary.standby();
        primary.psql("create table t as select generate_series(1, 1000) as n");
        standby.wait_for("select count(*) from t", "1000");
        assert_eq!(primary.psql("show server_version_num").len(), 6);
        assert_eq!(primary.psql("show server_version_num")[..2], major.to_string());
        assert_eq!(standby.psql("select pg_is_in_recovery()"), "t");
        assert_eq!(
            primary.psql("select application_name from pg_stat_replication"),
            format!("standby_{}", standby.port())
        );
    }
}

#[test]
fn a_standby_of_a_standby_streams_and_is_promoted() {
    for major in [majors()[0], newest_major()] {
        let primary = Cluster::start(major);
        let first = primary.standby();
        let second = first.standby();
        primary.psql("create table t()");
        second.wait_for("select count(*) from pg_class where relname = 't'", "1");
        first.promote();
        first.psql("create table written()");
        second.wait_for("select count(*) from pg_class where relname = 'written'", "1");
    }
}

#[test]
fn settings_are_in_force_from_the_start_and_after_a_reload() {
    let cluster = Cluster::builder(newest_major())
        .set("work_mem", "7MB")
        .set("cluster_name", "it's")
        .start();
    assert_eq!(
        cluster.psql("show work_mem; show cluster_name; show shared_preload_libraries"),
        "7MB\nit's\npg_stat_statements"
    );
    cluster.set("work_mem", "8MB");
    cluster.reload();
    cluster.wait_for("show work_mem", "8MB");
}

#[test]
fn a_paused_server_hangs_and_goes_on_after() {
    let cluster = Cluster::start(newest_major());
    let mut session = cluster.session("postgres");
    let backend = session.backend_pid();
    cluster.pause();
    session.send("select 42");
    let state = || std::fs::read_to_string(format!("/proc/{backend}/stat")).unwrap();
    wait_until("the backend is stopped", Duration::from_secs(5), || {
        state().contains(") T ")
    });
    let connection = std::net::TcpStream::connect(("127.0.0.1", cluster.port()));
    assert!(connection.is_ok(), "the kernel accepts for a stopped server");
    cluster.resume();
    assert_eq!(session.answer().unwrap(), "42");
}

#[test]
fn a_killed_server_recovers_on_its_port() {
    let cluster = Cluster::start(newest_major());
    cluster.psql("create table t as select 1 as n");
    let before = cluster.pid();
    cluster.kill9();
    assert!(cluster.try_psql("postgres", "select 1").is_err());
    cluster.start_again();
    assert_ne!(cluster.pid(), before);
    assert_eq!(cluster.psql("select n from t"), "1");
    assert!(cluster.log().contains("was not properly shut down"));
    cluster.restart();
    assert_eq!(cluster.psql("select n from t"), "1");
}

#[test]
fn a_killed_backend_takes_the_others_down_and_the_server_recovers() {
    let cluster = Cluster::start(newest_major());
    let (mut one, mut other) = (cluster.session("postgres"), cluster.session("postgres"));
    cluster.kill_backend(one.backend_pid());
    wait_until("the other is ended", Duration::from_secs(10), || {
        other.answer_to("select 1").is_err()
    });
    cluster.wait_for("select 1", "1");
}

#[test]
fn a_session_holds_a_lock_and_tells_errors() {
    let cluster = Cluster::start(newest_major());
    cluster.psql("create table t()");
    let (mut holder, mut waiter) = (cluster.session("postgres"), cluster.session("postgres"));
    holder.exec("begin; lock table t");
    waiter.send("select count(*) from t");
    cluster.wait_for("select count(*) from pg_locks where not granted", "1");
    holder.exec("commit");
    assert_eq!(waiter.answer().unwrap(), "0");
    let error = waiter.answer_to("select no_such_column").unwrap_err();
    assert!(error.to_string().contains("no_such_column"), "{error}");
    assert_eq!(
        waiter.exec("select 'a' as x, null, 'c' union all select 'd', '', 'f' order by x"),
        "a||c\nd||f"
    );
}

#[test]
fn cpu_counts_backends_that_have_ended() {
    let cluster = Cluster::start(newest_major());
    let before = cluster.cpu();
    cluster.psql("select count(*) from generate_series(1, 3000000) n where sqrt(n) > 0");
    let spent = cluster.cpu() - before;
    assert!(spent >= Duration::from_millis(100), "{spent:?}");
}

#[test]
fn a_wrong_setting_is_told_with_the_log() {
    let error = Cluster::builder(newest_major())
        .set("work_mem", "much")
        .try_start()
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("invalid value for parameter \"work_mem\""),
        "{error}"
    );
    let error = Cluster::builder(9).try_start().unwrap_err();
    assert!(error.to_string().contains("scripts/fetch-postgres 9"), "{error}");
}

#[test]
fn nothing_is_left_when_dropped_or_when_the_test_process_is_killed() {
    let cluster = Cluster::start(newest_major());
    let (pid, folder) = (cluster.pid(), cluster.socket_folder().to_owned());
    cluster.pause();
    drop(cluster);
    assert!(is_gone(pid) && !folder.exists());

    let lab = Command::new(env!("CARGO_BIN_EXE_pg-lab"))
        .arg("run")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let mut lab = lab.unwrap();
    let mut url = String::new();
    BufReader::new(lab.stdout.take().unwrap())
        .read_line(&mut url)
        .unwrap();
    let port: u16 = url.trim().rsplit([':', '/']).nth(1).unwrap().parse().unwrap();
    let listens = || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok();
    assert!(listens());
    let prefix = format!("pgx-{}-", lab.id());
    lab.kill().unwrap();
    lab.wait().unwrap();
    wait_until(
        "the watchdog has stopped the server",
        Duration::from_secs(20),
        || !listens(),
    );
    wait_until(
        "the watchdog has removed the folder",
        Duration::from_secs(20),
        || {
            let names = std::fs::read_dir(folder.parent().unwrap()).unwrap();
            !names
                .flatten()
                .any(|entry| entry.file_name().to_string_lossy().starts_with(&prefix))
        },
    );
}

fn is_gone(pid: u32) -> bool {
    !Path::new("/proc").join(pid.to_string()).exists()
}
