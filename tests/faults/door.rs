//! Whether anybody gets in: by knocks and by whole connections, while an old session goes on answering.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::{Duration, Instant};

use pg_exporter_lab::process::{Signal, may_fork, signal};
use pg_exporter_lab::{Cluster, Exporter, majors, newest_major, wait_until};

use crate::support::{
    HEALTH_LIMIT, HungStorage, SOON, STORAGE_LIMIT, State, answer, assert_recovers, assert_stays, builder,
    cluster, exporter_of, wait_for_state,
};

trait ReadWrite: Read + Write {}
impl<T: Read + Write> ReadWrite for T {}

/// Freezes the postmaster until that shows.
#[track_caller]
fn freeze(server: &Cluster, exporter: &Exporter) {
    signal(server.pid(), Signal::STOP).unwrap();
    let took = wait_for_state(exporter, State::Down, HEALTH_LIMIT);
    eprintln!("down after {took:.1?}");
    signal(server.pid(), Signal::CONT).unwrap();
    assert_recovers(exporter, State::Primary);
}

/// The postmaster alone is frozen: old sessions answer, nobody else gets in. At once after the first answer, and later.
#[test]
fn a_frozen_postmaster_is_down() {
    for major in [majors()[0], 14, newest_major()] {
        for by_socket in [false, true] {
            let server = Cluster::start(major);
            let url = if by_socket {
                format!(
                    "host={} port={} user=postgres dbname=postgres",
                    server.socket_folder().display(),
                    server.port()
                )
            } else {
                server.url("postgres")
            };
            let exporter = builder(&url).start();
            wait_until("it is up", SOON, || answer(&exporter, "/primary").0 == 200);
            freeze(&server, &exporter);
            assert_stays(&exporter, State::Primary, Duration::from_secs(4));
            freeze(&server, &exporter);
        }
    }
}

/// The session of the probe has just been replaced: it was ended, the server was started again, it crashed.
#[test]
fn a_postmaster_that_freezes_behind_a_new_session_is_down() {
    let server = cluster();
    let exporter = exporter_of(&server.url("postgres"));
    let ours = "from pg_stat_activity where application_name = 'pg_exporter'";
    let end = || drop(server.psql(&format!("select pg_terminate_backend(pid) {ours}")));
    let restart = || server.restart();
    let crash = || {
        server.kill9();
        server.start_again();
    };
    let replaces: [(&str, &dyn Fn()); 3] = [("ended", &end), ("restarted", &restart), ("crashed", &crash)];
    for (what, replace) in replaces {
        eprint!("{what}: ");
        let old = server.psql(&format!(
            "select coalesce(string_agg(pid::text, ','), '0') {ours}"
        ));
        replace();
        server.wait_for(&format!("select count(*) > 0 {ours} and pid not in ({old})"), "t");
        wait_until("it is up", SOON, || answer(&exporter, "/primary").0 == 200);
        freeze(&server, &exporter);
    }
}

/// The server cannot make a process for whoever connects, and says so to a knock, too.
#[test]
fn a_server_that_cannot_fork_is_down() {
    for major in [majors()[0], 14, newest_major()] {
        let server = Cluster::start(major);
        let exporter = exporter_of(&server.url("postgres"));
        may_fork(server.pid(), false).unwrap();
        let took = wait_for_state(&exporter, State::Down, HEALTH_LIMIT);
        eprintln!("{major}: down after {took:.1?}");
        may_fork(server.pid(), true).unwrap();
        assert_recovers(&exporter, State::Primary);
    }
}

/// What is sent as a knock is answered by every server, and not by an error.
#[test]
fn every_server_answers_a_knock() {
    let answer = |stream: &mut dyn ReadWrite, question: u8| {
        stream
            .write_all(&[0, 0, 0, 8, 0x04, 0xd2, 0x16, question])
            .unwrap();
        let mut answer = [0];
        stream.read_exact(&mut answer).unwrap();
        char::from(answer[0])
    };
    for major in majors() {
        let server = Cluster::start(major);
        let socket = server.socket_folder().join(format!(".s.PGSQL.{}", server.port()));
        let question = if major >= 12 { 0x30 } else { 0x2f };
        let by_tcp = answer(
            &mut TcpStream::connect(("127.0.0.1", server.port())).unwrap(),
            question,
        );
        let by_socket = answer(&mut UnixStream::connect(socket).unwrap(), question);
        eprintln!("{major}: {by_tcp} {by_socket}");
        assert!(
            "NG".contains(by_tcp) && "NG".contains(by_socket),
            "{major}: {by_tcp} {by_socket}"
        );
    }
}

/// However long a connect may take by the connection string, hung storage shows in time.
#[test]
fn storage_that_hangs_shows_whatever_the_connect_timeout() {
    let cluster = cluster();
    let exporters = [2, 3, 5, 7, 10].map(|seconds| {
        let url = format!("{}?connect_timeout={seconds}", cluster.url("postgres"));
        (seconds, exporter_of(&url))
    });
    let (begun, hung) = (Instant::now(), HungStorage::of(&cluster));
    let mut down = Vec::new();
    while down.len() < exporters.len() && begun.elapsed() < STORAGE_LIMIT {
        for (seconds, exporter) in &exporters {
            let is_new = down.iter().all(|(known, _)| known != seconds);
            if is_new && answer(exporter, "/primary").0 == 503 {
                down.push((*seconds, begun.elapsed()));
            }
        }
        thread::sleep(Duration::from_millis(50));
    }
    eprintln!("down, by connect_timeout: {down:.1?}");
    assert_eq!(down.len(), exporters.len(), "{down:?}");
    drop(hung);
    for (_, exporter) in &exporters {
        wait_for_state(exporter, State::Primary, SOON);
    }
}

/// What a database's folder needs, one after the other: whoever connects to it is told that it is not there, or not whole. One who
/// is connected goes on.
#[test]
fn a_database_without_its_folder_is_down() {
    let server = cluster();
    server.set("allow_in_place_tablespaces", "on");
    server.reload();
    server.wait_for("show allow_in_place_tablespaces", "on");
    server.psql("create tablespace apart location ''");
    server.psql("create database whole");
    server.psql("create database elsewhere tablespace apart");
    let folder = |name: &str| {
        let sql = format!(
            "select case dattablespace when 1663 then 'base/' else 'pg_tblspc/' || dattablespace || '/' || \
             (select pg_ls_dir('pg_tblspc/' || dattablespace)) || '/' end || oid from pg_database where datname = '{name}'"
        );
        server.data().join(server.psql(&sql))
    };
    for name in ["whole", "elsewhere"] {
        let folder = folder(name);
        let exporter = builder(&server.url(name)).start();
        wait_for_state(&exporter, State::Primary, SOON);
        for gone in [
            folder.clone(),
            folder.join("PG_VERSION"),
            folder.join("pg_filenode.map"),
        ] {
            let aside = gone.with_extension("aside");
            fs::rename(&gone, &aside).unwrap();
            wait_for_state(&exporter, State::Down, STORAGE_LIMIT);
            fs::rename(&aside, &gone).unwrap();
            wait_for_state(&exporter, State::Primary, SOON);
        }
        let open = fs::metadata(&folder).unwrap().permissions();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o000)).unwrap();
        wait_for_state(&exporter, State::Down, STORAGE_LIMIT);
        fs::set_permissions(&folder, open).unwrap();
        wait_for_state(&exporter, State::Primary, SOON);
        // A database that is gone, or has another name, is a matter of who wants it.
        server.psql(&format!("alter database {name} allow_connections false"));
        assert_stays(&exporter, State::Primary, Duration::from_secs(7));
    }
}

/// Clients that take a place of the server each until there is none, and are not let in.
fn crowd(server: &Cluster, user: &str) -> Vec<TcpStream> {
    let mut clients = Vec::new();
    loop {
        let mut stream = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
        let fields = format!("\0\x03\0\0user\0{user}\0database\0postgres\0\0");
        let length = u32::try_from(fields.len() + 4).unwrap().to_be_bytes();
        stream
            .write_all(&[&length[..], fields.as_bytes()].concat())
            .unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        let mut answer = [0];
        match stream.read_exact(&mut answer) {
            Ok(()) if answer == *b"E" => return clients,
            // It is silent, or asks for a password.
            _ => clients.push(stream),
        }
        assert!(clients.len() < 20);
    }
}

/// A server with few places, and an exporter whose role may see what others are, or not.
fn small(major: u32, is_monitor: bool) -> (Cluster, Exporter) {
    let server = Cluster::builder(major).set("max_connections", "12").start();
    server.psql("create role mon login; create role late login password 'x'");
    if is_monitor {
        server.psql("grant pg_monitor to mon");
    }
    let exporter = exporter_of(&server.url("postgres").replace("postgres@", "mon@"));
    (server, exporter)
}

/// All places are taken by clients that nobody lets in, before the probe has tried: storage hangs, or their passwords never come.
#[test]
fn a_server_full_of_clients_that_are_not_let_in_is_down() {
    for major in [majors()[0], 14, newest_major()] {
        let (server, exporter) = small(major, major != 14);
        for what in ["storage", "passwords"] {
            let hung = (what == "storage").then(|| HungStorage::of(&server));
            if what == "passwords" {
                server.write_file(
                    "pg_hba.conf",
                    "host all late 127.0.0.1/32 password\nhost all all 127.0.0.1/32 trust\nlocal all all trust\n",
                );
                server.reload();
                thread::sleep(Duration::from_secs(1));
            }
            let begun = Instant::now();
            let clients = crowd(&server, "late");
            let took = wait_for_state(
                &exporter,
                State::Down,
                STORAGE_LIMIT.saturating_sub(begun.elapsed()),
            );
            eprintln!(
                "{major}, {what}: {} clients, down after {took:.1?}: {}",
                clients.len(),
                exporter.stderr().lines().last().unwrap_or_default()
            );
            assert_stays(&exporter, State::Down, Duration::from_secs(4));
            drop((hung, clients));
            assert_recovers(&exporter, State::Primary);
        }
    }
}

/// All places are taken by clients that are served: nobody gets in, and nothing is wrong with the server.
#[test]
fn a_server_full_of_clients_that_it_serves_is_up() {
    thread::scope(|scope| {
        for (major, is_monitor) in [
            (majors()[0], false),
            (newest_major(), true),
            (newest_major(), false),
        ] {
            scope.spawn(move || stays_up(major, is_monitor));
        }
    });
}

fn stays_up(major: u32, is_monitor: bool) {
    let (server, exporter) = small(major, is_monitor);
    let mut sessions = Vec::new();
    while server.try_psql("postgres", "select 1").is_ok() {
        sessions.push(server.session("postgres"));
    }
    let begun = Instant::now();
    while begun.elapsed() < STORAGE_LIMIT + Duration::from_secs(5) {
        assert_eq!(answer(&exporter, "/primary").0, 200, "{}", exporter.stderr());
        // Those who come again and again.
        let _ = server.try_psql("postgres", "select 1");
        let _ = TcpStream::connect(("127.0.0.1", server.port()));
        // Three such servers are watched at once: without a pause psql alone would take the machine.
        thread::sleep(Duration::from_millis(20));
    }
    let log = exporter.stderr();
    assert!(log.contains("53300"), "the probe has met it: {log}");
}
