//! Disks that fail, hang or freeze: who judges is a client that connects afresh, and health is to say what it finds.
//!
//! The disks are real file systems on loop devices, the hanging ones behind FUSE. Where a machine has none (no root), each test
//! says so by its name, and `health::storage_that_lets_nobody_in_is_down` is the form that runs everywhere.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use pg_exporter_lab::{Cluster, Disk, Exporter, Hold, newest_major};

use crate::support::{SOON, State, assert_stays, builder, exporter_of, wait_for_state};

/// Within how long of the first client that could not connect `/primary` is 503.
const LIMIT: Duration = Duration::from_secs(15);

/// A client that waits longer could not connect.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long storage is broken at the most.
const LONGEST: Duration = Duration::from_secs(45);

/// One try to connect.
#[derive(Clone, Copy, Debug)]
struct Try {
    begun: Instant,
    took: Duration,
    is_in: bool,
}

impl Try {
    fn failed(&self) -> bool {
        !self.is_in || self.took > PATIENCE
    }
}

/// Connects as psql would, and leaves. Whether the server said that it is ready for a statement.
fn connects(port: u16) -> bool {
    let exchange = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(2 * PATIENCE))?;
        let fields = b"\0\x03\0\0user\0postgres\0database\0postgres\0\0";
        let length = u32::try_from(fields.len() + 4).unwrap().to_be_bytes();
        stream.write_all(&[&length[..], fields].concat())?;
        loop {
            let mut head = [0; 5];
            stream.read_exact(&mut head)?;
            let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
            let mut body = vec![0; length as usize - 4];
            stream.read_exact(&mut body)?;
            match head[0] {
                b'Z' => {
                    stream.write_all(b"X\0\0\0\x04")?;
                    return Ok(true);
                }
                b'E' => return Ok(false),
                _ => {}
            }
        }
    };
    exchange().unwrap_or(false)
}

/// What clients and `/primary` found while something was broken.
#[derive(Debug, Default)]
struct Found {
    tries: Vec<Try>,
    /// When `/primary` was asked, and its status.
    health: Vec<(Instant, u16)>,
}

impl Found {
    fn first_failure(&self) -> Option<Instant> {
        self.tries
            .iter()
            .find(|each| each.failed())
            .map(|each| each.begun)
    }

    fn first_down(&self) -> Option<Instant> {
        self.health
            .iter()
            .find(|(_, status)| *status == 503)
            .map(|(at, _)| *at)
    }
}

/// Looks on from two sides until somebody says that it is enough.
fn watch(cluster: &Cluster, exporter: &Exporter, work: impl FnOnce(&dyn Fn() -> bool)) -> Found {
    let (over, is_down) = (AtomicBool::new(false), AtomicBool::new(false));
    let port = cluster.port();
    thread::scope(|scope| {
        let clients = scope.spawn(|| {
            let mut tries = Vec::new();
            while !over.load(Ordering::Relaxed) {
                let begun = Instant::now();
                let is_in = connects(port);
                let took = begun.elapsed();
                tries.push(Try { begun, took, is_in });
                thread::sleep(Duration::from_millis(200));
            }
            tries
        });
        let probes = scope.spawn(|| {
            let mut health = Vec::new();
            while !over.load(Ordering::Relaxed) {
                let asked = Instant::now();
                let status = exporter.get("/primary").status;
                assert!(asked.elapsed() < Duration::from_secs(2), "health answers at once");
                is_down.store(status == 503, Ordering::Relaxed);
                health.push((asked, status));
                thread::sleep(Duration::from_millis(50));
            }
            health
        });
        work(&|| is_down.load(Ordering::Relaxed));
        over.store(true, Ordering::Relaxed);
        Found {
            tries: clients.join().unwrap(),
            health: probes.join().unwrap(),
        }
    })
}

/// Breaks storage, waits for 503, heals it. `/primary` is 503 within the limit of the first client that could not connect, not
/// before there was one, and 200 again once there is none.
#[track_caller]
fn judge(name: &str, cluster: &Cluster, exporter: &Exporter, break_it: &dyn Fn(), heal: &dyn Fn()) {
    let mut broken = Instant::now();
    let found = watch(cluster, exporter, |is_down| {
        thread::sleep(Duration::from_secs(1));
        broken = Instant::now();
        break_it();
        while !is_down() && broken.elapsed() < LONGEST {
            thread::sleep(Duration::from_millis(50));
        }
        // A client that hangs is one only after a while.
        thread::sleep(PATIENCE + Duration::from_secs(1));
        heal();
    });
    let since = |at: Option<Instant>| at.map(|at| at.saturating_duration_since(broken).as_secs_f64());
    let (failure, down) = (found.first_failure(), found.first_down());
    eprintln!(
        "{name}: the first client that could not connect came after {:.1?} s, /primary was 503 after {:.1?} s",
        since(failure),
        since(down),
    );
    match (failure, down) {
        (Some(failure), Some(down)) => {
            assert!(down <= failure + LIMIT, "{name}: {:?} later", down - failure);
        }
        (Some(failure), None) => {
            let looked = found.health.last().unwrap().0 - failure;
            assert!(
                looked < LIMIT,
                "{name}: clients cannot connect, and /primary is 200 for {looked:?}"
            );
        }
        (None, Some(_)) => panic!(
            "{name}: 503 though everybody could connect: {}",
            exporter.stderr()
        ),
        (None, None) => eprintln!("{name}: on this machine clients could connect throughout"),
    }
    wait_for_state(exporter, State::Primary, 2 * SOON);
}

/// A server on a disk of its own, with or without its WAL there, and what judges it; nothing where there are no disks.
fn with_disk(
    test: &str,
    with_fuse: bool,
    wal_elsewhere: bool,
    body: impl FnOnce(&Cluster, &Disk, &Exporter),
) {
    let cluster = Cluster::start(newest_major());
    cluster.set("fsync", "on");
    if wal_elsewhere {
        cluster.stop();
        let (inside, outside) = (cluster.data().join("pg_wal"), cluster.socket_folder().join("wal"));
        fs::rename(&inside, &outside).unwrap();
        symlink(&outside, &inside).unwrap();
    }
    let Some(disk) = Disk::under(&cluster, with_fuse) else {
        eprintln!(
            "{test}: no disk can be had here (root, mkfs.ext4, loop devices, FUSE); health::storage_that_lets_nobody_in_is_down stands in"
        );
        return;
    };
    let exporter = exporter_of(&cluster.url("postgres"));
    body(&cluster, &disk, &exporter);
}

/// Stops what is left of the server, mends its file system, and starts it.
fn mend(cluster: &Cluster, disk: &Disk) {
    cluster.kill9();
    disk.unmount();
    disk.check();
    assert!(disk.mount());
    cluster.start_again();
}

#[test]
fn a_file_system_gone_read_only() {
    with_disk(
        "a_file_system_gone_read_only",
        false,
        true,
        |cluster, disk, exporter| {
            judge(
                "ext4 read-only after an error, WAL elsewhere, an idle server",
                cluster,
                exporter,
                &|| assert!(disk.fail()),
                &|| mend(cluster, disk),
            );
        },
    );
}

#[test]
fn a_file_system_gone_read_only_with_the_wal_on_it() {
    let test = "a_file_system_gone_read_only_with_the_wal_on_it";
    with_disk(test, false, false, |cluster, disk, exporter| {
        cluster.psql("create table t (i int)");
        judge(
            "ext4 read-only after an error, with the WAL on it",
            cluster,
            exporter,
            &|| {
                assert!(disk.fail());
                // It fails, and so may the server.
                let _ = cluster.try_psql("postgres", "insert into t values (1)");
            },
            &|| mend(cluster, disk),
        );
    });
}

#[test]
fn reads_that_hang() {
    with_disk("reads_that_hang", true, false, |cluster, disk, exporter| {
        judge(
            "reads hang (FUSE)",
            cluster,
            exporter,
            &|| {
                disk.forget();
                disk.hold(Hold::Reads);
            },
            &|| disk.hold(Hold::Nothing),
        );
    });
}

#[test]
fn all_that_hangs() {
    with_disk("all_that_hangs", true, false, |cluster, disk, exporter| {
        judge(
            "reads and writes hang (FUSE)",
            cluster,
            exporter,
            &|| {
                disk.forget();
                disk.hold(Hold::Everything);
            },
            &|| disk.hold(Hold::Nothing),
        );
    });
}

#[test]
fn a_frozen_file_system_under_load() {
    let test = "a_frozen_file_system_under_load";
    with_disk(test, false, false, |cluster, disk, exporter| {
        cluster.psql("create table t (i int, text text)");
        let mut load: Vec<_> = (0..4).map(|_| cluster.session("postgres")).collect();
        for session in &mut load {
            session.send(
                "do $$ begin for i in 1..10000000 loop insert into t values (i, repeat('x', 200)); \
                 if i % 10 = 0 then commit; end if; if i % 50000 = 0 then truncate t; end if; end loop; end $$",
            );
        }
        judge(
            "fsfreeze under load",
            cluster,
            exporter,
            &|| assert!(disk.freeze(true)),
            &|| assert!(disk.freeze(false)),
        );
    });
}

/// An idle server has nothing to write, and lets everybody in from memory: only a write shows it.
#[test]
fn a_frozen_file_system_of_an_idle_server_shows_by_a_write() {
    let test = "a_frozen_file_system_of_an_idle_server_shows_by_a_write";
    with_disk(test, false, false, |cluster, disk, _| {
        let writing = builder(&cluster.url("postgres")).arg("--health-write").start();
        for _ in 0..2 {
            wait_for_state(&writing, State::Primary, SOON);
            assert_stays(&writing, State::Primary, Duration::from_secs(6));
            assert!(disk.freeze(true));
            let took = wait_for_state(&writing, State::Down, LIMIT);
            eprintln!("fsfreeze on an idle server: /primary was 503 after {took:.1?}");
            assert_stays(&writing, State::Down, PATIENCE);
            assert!(disk.freeze(false));
        }
        wait_for_state(&writing, State::Primary, SOON);
    });
}
