//! `collectors/statements.lock` holds what every server of the lab says to the shipped statements: `make record` writes it
//! anew, and without that this test fails when it is stale.
//!
//! Servers that the lab has not, such as one with another extension, are named by `PG_EXPORTER_RECORD_URLS`: URLs with blanks
//! between them. What they said is kept for as long as the statements stay as they are. A later release that
//! `PG_EXPORTER_TEST_SERVERS` gives is asked for the record as well, and by the test, which refuses none of the statements.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test fails by panicking, and tells how long it took"
)]

mod unproven;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;
use std::{env, fs, thread};

use pg_exporter_lab::{Cluster, Pgbouncer, later_majors, majors};

const LOCK: &str = "statements.lock";

/// What statements need that PostgreSQL has not by itself: an extension, and what a site provides.
fn objects(major: u32) -> String {
    let views = "
        create view pg_table_bloat as select current_database() as datname, 'public'::name as nspname,
            'customers'::name as relname, 8192::bigint as size, 0.25::float8 as ratio;
        create view pg_index_bloat as select current_database() as datname, 'public'::name as nspname,
            'customers_pkey'::name as relname, 16384::bigint as size, 0.5::float8 as ratio;";
    let shmem =
        "create function monitor.pg_shmem() returns setof pg_shmem_allocations language sql security definer
            as 'select * from pg_shmem_allocations';";
    format!(
        "create extension pg_stat_statements;
         create schema monitor;
         create table monitor.heartbeat (id text primary key, ts timestamptz, lsn numeric, txid bigint);
         insert into monitor.heartbeat values ('main', now(), 1, 1);
         {views} {}",
        if major >= 13 { shmem } else { "" }
    )
}

/// A primary and a standby of each major, two majors at a time: there may be few processors.
fn clusters(majors: &[u32]) -> Vec<Cluster> {
    let pair = |major: u32| {
        let primary = Cluster::start(major);
        primary.psql(&objects(major));
        let standby = primary.standby();
        [primary, standby]
    };
    let pairs = majors.chunks(2).flat_map(|some| {
        thread::scope(|scope| {
            let started: Vec<_> = some
                .iter()
                .map(|major| scope.spawn(move || pair(*major)))
                .collect();
            let ended = started.into_iter().map(|thread| thread.join().unwrap());
            ended.collect::<Vec<_>>()
        })
    });
    pairs.flatten().collect()
}

fn urls(clusters: &[Cluster]) -> Vec<String> {
    let url = |cluster: &Cluster| format!("{}?sslmode=disable", cluster.url("postgres"));
    clusters.iter().map(url).collect()
}

/// Whether the lock is written anew.
fn is_to_be_written() -> bool {
    env::var_os("PG_EXPORTER_RECORD").is_some()
}

/// The shipped definitions in a folder of their own, with the lock as it is.
fn copy(name: &str) -> (PathBuf, PathBuf) {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("collectors");
    let folder =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("recorded-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(folder.join("collectors")).unwrap();
    for file in fs::read_dir(&shipped).unwrap().map(|entry| entry.unwrap().path()) {
        if file.is_file() {
            let name = file.file_name().unwrap();
            fs::copy(&file, folder.join("collectors").join(name)).unwrap();
        }
    }
    (shipped.join(LOCK), folder)
}

#[test]
fn the_lock_of_the_shipped_set_is_current() {
    let begin = Instant::now();
    let later = later_majors();
    let mut asked = majors();
    asked.retain(|major| is_to_be_written() || !later.contains(major));
    let clusters = clusters(&asked);
    let bouncer = Pgbouncer::start(&clusters[0]);
    let mut urls = urls(&clusters);
    urls.push(format!("{}?sslmode=disable", bouncer.stats_url()));
    let more = env::var("PG_EXPORTER_RECORD_URLS").unwrap_or_default();
    urls.extend(more.split_whitespace().map(str::to_owned));
    let started = begin.elapsed();

    let (lock, folder) = copy("lock");
    check(&folder, &urls, &["--record"]);
    let recorded = fs::read_to_string(folder.join("collectors").join(LOCK)).unwrap();
    fs::remove_dir_all(&folder).unwrap();
    eprintln!(
        "{} servers were started in {started:.1?} and asked in {:.1?}",
        urls.len(),
        begin.elapsed() - started
    );
    if is_to_be_written() {
        fs::write(&lock, &recorded).unwrap();
    }
    let written = fs::read_to_string(&lock).unwrap_or_default();
    let mut lines = written.lines().zip(recorded.lines());
    let first = lines.find(|(written, recorded)| written != recorded);
    assert!(
        written == recorded,
        "collectors/{LOCK} is stale, first where {first:?}: run `make record`"
    );
}

/// What `check` says of the shipped definitions on these servers is nothing.
fn check(folder: &Path, urls: &[String], arguments: &[&str]) {
    let mut check = Command::new(env!("CARGO_BIN_EXE_pg_exporter"));
    check.current_dir(folder).env_clear();
    check.args(["check", "collectors", "--no-builtin", "--no-auto-discovery"]);
    check.arg("--connect-timeout=30s").args(arguments);
    check.args(urls.iter().map(|url| format!("--url={url}")));
    let output = check.output().unwrap();
    let (found, log) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{found}{log}");
}

/// The lock knows nothing of them before it is recorded anew.
#[test]
fn later_releases_take_every_statement() {
    let later = later_majors();
    if later.is_empty() {
        return;
    }
    let (_, folder) = copy("later");
    check(&folder, &urls(&clusters(&later)), &[]);
    fs::remove_dir_all(&folder).unwrap();
}
