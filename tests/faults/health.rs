//! Health that is true where functions are denied, versions are called oddly, nobody is let in.

use std::cell::Cell;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::thread;
use std::time::{Duration, Instant};

use pg_exporter_lab::{Cluster, Exporter, majors, newest_major, wait_until};

use crate::support::{
    HungStorage, SOON, STORAGE_LIMIT, State, answer, assert_reason, assert_stays, builder, cluster, count,
    exporter_of, wait_for_page, wait_for_state,
};

/// Some probes take so long.
const SOME_PROBES: Duration = Duration::from_secs(4);

/// What the probe asks beside the role.
const FUNCTIONS: [&str; 5] = [
    "pg_stat_get_wal_receiver()",
    "pg_last_wal_receive_lsn()",
    "pg_last_wal_replay_lsn()",
    "pg_last_xact_replay_timestamp()",
    "pg_is_wal_replay_paused()",
];

fn monitor(cluster: &Cluster) -> String {
    cluster.url("postgres").replace("postgres@", "mon@")
}

/// A primary and its standby, with a role that is a monitor.
fn pair(major: u32) -> (Cluster, Cluster) {
    let primary = Cluster::start(major);
    primary.psql("create role mon login; grant pg_monitor to mon");
    let standby = primary.standby();
    standby.wait_for("select count(*) from pg_roles where rolname = 'mon'", "1");
    (primary, standby)
}

#[test]
fn a_function_that_is_denied_costs_nothing_but_the_lag() {
    for major in [majors()[0], newest_major()] {
        let (primary, standby) = pair(major);
        let exporters = [
            (builder(&monitor(&primary)).start(), State::Primary),
            (builder(&monitor(&standby)).start(), State::Replica),
        ];
        for (exporter, state) in &exporters {
            wait_for_state(exporter, *state, SOON);
        }
        for function in FUNCTIONS {
            primary.psql(&format!(
                "revoke execute on function pg_catalog.{function} from public"
            ));
        }
        let denied = "select count(*) from pg_proc where proacl is not null and proname in \
                      ('pg_is_wal_replay_paused', 'pg_last_xact_replay_timestamp', 'pg_stat_get_wal_receiver')";
        standby.wait_for(denied, "3");
        for (exporter, state) in &exporters {
            assert_stays(exporter, *state, SOME_PROBES);
        }
        let (status, told) = answer(&exporters[1].0, "/replica?lag=1h");
        assert_eq!((status, told.contains("not known")), (503, true), "{told}");
        // Refused once each, not once a second.
        let refusals = standby.log().matches("permission denied for function").count();
        assert!(refusals < 40, "{refusals} refusals in the log");
        for function in FUNCTIONS {
            primary.psql(&format!(
                "grant execute on function pg_catalog.{function} to public"
            ));
        }
        standby.wait_for(denied, "3");
        // The next session asks again.
        standby.psql("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'mon'");
        wait_until("the lag is known again", SOON, || {
            answer(&exporters[1].0, "/replica?lag=1h").0 == 200
        });
    }
}

/// Aurora's readers raise an error in place of these functions, its writer in others.
#[test]
fn aurora_is_a_reader_or_a_writer() {
    let (primary, standby) = pair(15);
    primary.set("allow_system_table_mods", "on");
    // On a writer with logical WAL the functions are as ever.
    primary.set("wal_level", "replica");
    primary.restart();
    let replaced = [
        ("pg_stat_get_wal_receiver", "record", "0A000"),
        ("pg_last_wal_receive_lsn", "pg_lsn", "0A000"),
        ("pg_last_wal_replay_lsn", "pg_lsn", "0A000"),
        ("pg_last_xact_replay_timestamp", "timestamptz", "0A000"),
        ("pg_is_wal_replay_paused", "bool", "0A000"),
        ("pg_current_wal_lsn", "pg_lsn", "55000"),
    ];
    for (name, kind, code) in replaced {
        primary.psql(&format!(
            "alter function pg_catalog.{name}() rename to {name}_of_postgres;
             create function pg_catalog.{name}() returns {kind} language plpgsql as $$
             begin raise 'not supported by this service' using errcode = '{code}'; end $$"
        ));
    }
    primary.psql(
        "create function pg_catalog.aurora_version() returns text language sql as $$ select '15.4.1' $$",
    );
    let arrived = "select count(*) from pg_proc where proname = 'aurora_version'";
    standby.wait_for(arrived, "1");
    for (server, state) in [(&primary, State::Primary), (&standby, State::Replica)] {
        let exporter = builder(&monitor(server)).start();
        wait_for_state(&exporter, state, SOON);
        wait_for_page(&exporter, 1.0);
        assert_stays(&exporter, state, SOME_PROBES);
    }
}

/// A proxy that changes what the server calls its version at the start.
struct Renamed(u16);

impl Renamed {
    fn new(server: u16, text: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        // Ends with the test's process.
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                thread::spawn(move || Self::serve(client, server, text));
            }
        });
        Self(port)
    }

    fn serve(mut client: TcpStream, server: u16, text: &str) -> Option<()> {
        let mut server = TcpStream::connect(("127.0.0.1", server)).ok()?;
        let (mut from, mut to) = (client.try_clone().ok()?, server.try_clone().ok()?);
        thread::spawn(move || std::io::copy(&mut from, &mut to));
        loop {
            let mut kind = [0];
            server.read_exact(&mut kind).ok()?;
            if kind == *b"N" {
                client.write_all(&kind).ok()?;
                continue;
            }
            let mut length = [0; 4];
            server.read_exact(&mut length).ok()?;
            let mut body = vec![0; u32::from_be_bytes(length) as usize - 4];
            server.read_exact(&mut body).ok()?;
            if kind == *b"S" && body.starts_with(b"server_version\0") {
                body = [b"server_version\0", text.as_bytes(), b"\0"].concat();
            }
            let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
            client.write_all(&[&kind[..], &length, &body].concat()).ok()?;
            if kind == *b"Z" {
                std::io::copy(&mut server, &mut client).ok()?;
                return None;
            }
        }
    }
}

#[test]
fn the_number_of_a_version_decides_and_not_its_text() {
    let (primary, standby) = pair(newest_major());
    for text in ["", "PostgreSQL 15", "9.4.26", "v24.1.0", "1000000", "9.1"] {
        for (server, state) in [(&primary, State::Primary), (&standby, State::Replica)] {
            let proxy = Renamed::new(server.port(), text);
            let exporter = builder(&format!("postgresql://mon@127.0.0.1:{}/postgres", proxy.0)).start();
            wait_for_state(&exporter, state, SOON);
            wait_for_page(&exporter, 1.0);
            if state == State::Replica {
                wait_until("the lag is known", SOON, || {
                    answer(&exporter, "/replica?lag=1h").0 == 200
                });
            }
        }
    }
}

/// A knock each second leaves nothing in the server's log, with TLS and without.
#[test]
fn knocks_are_quiet() {
    for major in [majors()[0], 14, newest_major()] {
        for ssl in ["off", "on"] {
            let server = Cluster::start(major);
            if ssl == "on" {
                let key = rcgen::KeyPair::generate().unwrap();
                let certificate = rcgen::CertificateParams::default().self_signed(&key).unwrap();
                server.write_file("server.crt", &certificate.pem());
                server.write_file("server.key", &key.serialize_pem());
            }
            server.set("ssl", ssl);
            server.restart();
            let before = server.log().len();
            let exporter = builder(&server.url("postgres")).start();
            wait_for_state(&exporter, State::Primary, SOON);
            assert_stays(&exporter, State::Primary, SOME_PROBES);
            assert_eq!(&server.log()[before..], "", "{major}, ssl {ssl}");
        }
    }
}

fn descriptors(exporter: &Exporter) -> usize {
    let folder = format!("/proc/{}/fd", exporter.pid());
    fs::read_dir(folder).unwrap().count()
}

/// Whoever connects now needs a file that is gone, or never comes: storage that fails, or hangs.
#[test]
fn storage_that_lets_nobody_in_is_down() {
    let cluster = cluster();
    let exporter = exporter_of(&cluster.url("postgres"));
    let file = cluster.data().join("global/pg_filenode.map");
    let aside = cluster.data().join("global/aside");
    let before = descriptors(&exporter);
    let while_broken = |heal: &dyn Fn(), reason: &str| {
        wait_for_state(&exporter, State::Down, STORAGE_LIMIT);
        assert_reason(&exporter, reason);
        // Whoever hangs does so alone.
        thread::sleep(Duration::from_secs(8));
        let now = descriptors(&exporter);
        assert!(now <= before + 3, "{before} descriptors, then {now}");
        heal();
        wait_for_state(&exporter, State::Primary, SOON);
    };
    let back = || fs::rename(&aside, &file).unwrap();
    fs::rename(&file, &aside).unwrap();
    while_broken(&back, "pg_filenode.map");
    fs::rename(&file, &aside).unwrap();
    fs::create_dir(&file).unwrap();
    let no_folder = || {
        fs::remove_dir(&file).unwrap();
        back();
    };
    while_broken(&no_folder, "pg_filenode.map");
    let hung = Cell::new(Some(HungStorage::of(&cluster)));
    while_broken(&|| drop(hung.take()), "did not answer");
}

/// Whoever may not connect, by a rule or a limit of its own, says nothing about the server.
#[test]
fn what_concerns_the_role_alone_is_not_down() {
    let cluster = cluster();
    cluster.psql("create role mon login; grant pg_monitor to mon");
    let exporter = exporter_of(&monitor(&cluster));
    for (before, after) in [
        (
            "alter role mon connection limit 0",
            "alter role mon connection limit -1",
        ),
        (
            "alter database postgres connection limit 0",
            "alter database postgres connection limit -1",
        ),
        ("alter role mon nologin", "alter role mon login"),
        (
            "revoke connect on database postgres from public",
            "grant connect on database postgres to public",
        ),
        (
            "alter database postgres allow_connections false",
            "update pg_database set datallowconn = true where datname = 'postgres'",
        ),
    ] {
        let (database, sql) = match after.starts_with("update") {
            true => ("template1", before),
            false => ("postgres", before),
        };
        cluster.psql_in(database, sql);
        let begun = Instant::now();
        while begun.elapsed() < STORAGE_LIMIT {
            assert_eq!(answer(&exporter, "/primary"), (200, "primary".into()), "{before}");
            thread::sleep(Duration::from_millis(100));
        }
        cluster.psql_in(database, after);
    }
}

/// Commits that wait for a standby that is not there: only a write shows it.
#[test]
fn frozen_writes_show_by_a_write() {
    let cluster = cluster();
    cluster.psql("create role mon login");
    let plain = exporter_of(&monitor(&cluster));
    let writing = builder(&monitor(&cluster)).arg("--health-write").start();
    wait_for_state(&writing, State::Primary, SOON);
    cluster.set("synchronous_standby_names", "nobody");
    cluster.reload();
    wait_for_state(&writing, State::Down, STORAGE_LIMIT);
    assert_eq!(answer(&plain, "/primary").0, 200);
    cluster.set("synchronous_standby_names", "");
    cluster.reload();
    wait_for_state(&writing, State::Primary, SOON);
}

/// A write that the role or the server does not have is none; one that fails because the system denies the server a file is one.
#[test]
fn a_write_that_is_denied_is_told_from_one_that_fails() {
    let cluster = cluster();
    cluster.psql("create role mon login");
    cluster.set("allow_system_table_mods", "on");
    cluster.restart();
    let exporter = builder(&monitor(&cluster))
        .args(["--health-write", "--health-connect-interval=1s"])
        .start();
    wait_for_state(&exporter, State::Primary, SOON);
    let name = "pg_catalog.pg_logical_emit_message";
    let original = cluster.psql(
        "select oid::regprocedure from pg_proc where proname = 'pg_logical_emit_message' \
         and proargtypes[2] = 'text'::regtype",
    );
    cluster.psql(&format!("revoke execute on function {original} from public"));
    assert_stays(&exporter, State::Primary, SOME_PROBES);
    cluster.psql(&format!("alter function {original} rename to write_of_postgres"));
    assert_stays(&exporter, State::Primary, SOME_PROBES);
    let replace = |language: &str, body: &str| {
        cluster.psql(&format!(
            "create or replace function {name}(bool, text, text) returns pg_lsn security definer \
             language {language} as $$ {body} $$"
        ));
    };
    for code in ["42501", "0A000", "42883"] {
        replace(
            "plpgsql",
            &format!("begin raise 'not here' using errcode = '{code}'; end"),
        );
        assert_stays(&exporter, State::Primary, SOME_PROBES);
    }
    // As a file system is that has gone read-only, and one that is full.
    cluster.write_file("denied", "");
    fs::set_permissions(cluster.data().join("denied"), fs::Permissions::from_mode(0o000)).unwrap();
    let fails = [
        ("sql", "select pg_read_file('denied')::pg_lsn"),
        (
            "sql",
            "select lo_export(lo_create(0), '/proc/denied')::text::pg_lsn",
        ),
        ("plpgsql", "begin raise 'no room' using errcode = '53100'; end"),
        ("plpgsql", "begin raise 'read-only' using errcode = '25006'; end"),
    ];
    for (language, body) in fails {
        replace(language, body);
        wait_for_state(&exporter, State::Down, STORAGE_LIMIT);
        replace("plpgsql", "begin return '0/0'; end");
        wait_for_state(&exporter, State::Primary, SOON);
    }
}

/// Where the new connection takes the kept one's place it writes all the same.
#[test]
fn frozen_writes_show_where_connections_are_few() {
    for cap in [2, 3] {
        let cluster = cluster();
        cluster.psql("create role mon login");
        let exporter = builder(&monitor(&cluster))
            .args(["--health-write".to_owned(), format!("--max-connections={cap}")])
            .start();
        wait_for_state(&exporter, State::Primary, SOON);
        assert_stays(&exporter, State::Primary, SOME_PROBES);
        cluster.set("synchronous_standby_names", "nobody");
        cluster.reload();
        wait_for_state(&exporter, State::Down, STORAGE_LIMIT);
        assert_stays(&exporter, State::Down, SOME_PROBES);
        cluster.set("synchronous_standby_names", "");
        cluster.reload();
        wait_for_state(&exporter, State::Primary, SOON);
    }
}

/// With the fewest connections that can be given, a new one takes the place of the old one.
#[test]
fn the_cap_holds_whatever_the_probe_does() {
    for cap in [2_u32, 4] {
        let cluster = cluster();
        let exporter = builder(&cluster.url("postgres"))
            .arg(format!("--max-connections={cap}"))
            .arg("--health-connect-interval=1s")
            .start();
        wait_for_state(&exporter, State::Primary, SOON);
        let begun = Instant::now();
        let mut most = 0;
        while begun.elapsed() < Duration::from_secs(6) {
            wait_for_page(&exporter, 1.0);
            most = most.max(count(&cluster, "true"));
            assert_eq!(answer(&exporter, "/primary").0, 200);
        }
        assert!(most <= cap, "{most} of {cap}");
    }
}
