//! A running server's files, copied for a standby.
//!
//! `pg_basebackup` refuses servers newer than itself, and a client of every major is not to be had; the
//! server's own backup functions work everywhere.

use std::path::Path;
use std::process::Stdio;

use crate::account::account;
use crate::cluster::Cluster;
use crate::error::{Context, Error, Result};
use crate::sandbox::write_private;
use crate::session::Session;
use crate::template::run;

/// What a base backup leaves out; the server makes it anew.
const LEFT_OUT: [&str; 11] = [
    "./pg_wal/*",
    "./pg_replslot/*",
    "./pg_dynshmem/*",
    "./pg_notify/*",
    "./pg_serial/*",
    "./pg_snapshots/*",
    "./pg_stat_tmp/*",
    "./pg_subtrans/*",
    "./postmaster.*",
    "pgsql_tmp*",
    "pg_internal.init*",
];

/// Creates a physical slot that keeps WAL from now on.
pub(crate) fn slot(upstream: &Cluster, name: &str) -> Result<()> {
    let sql = format!("select pg_create_physical_replication_slot('{name}', true)");
    upstream.try_psql("postgres", &sql).map(drop)
}

/// Copies the files of a running server between the start and the stop of a backup.
pub(crate) fn files(upstream: &Cluster, to: &Path) -> Result<()> {
    let (begin, end) = if upstream.major() >= 15 {
        ("pg_backup_start('lab', true)", "pg_backup_stop(false)")
    } else {
        (
            "pg_start_backup('lab', true, false)",
            "pg_stop_backup(false, false)",
        )
    };
    let mut session = Session::open(&upstream.url("postgres"))?;
    session.answer_to(&format!("select {begin}"))?;
    copy_tree(&upstream.data(), to)?;
    let label = session.answer_to(&format!("select labelfile from {end}"))?;
    write_private(&to.join("backup_label"), &format!("{label}\n"))
}

fn copy_tree(from: &Path, to: &Path) -> Result<()> {
    run(account()?.command("mkdir").args(["-m", "700", "--"]).arg(to))?;
    let mut reader = account()?.command("tar");
    reader
        .arg("-C")
        .arg(from)
        .args(LEFT_OUT.map(|pattern| format!("--exclude={pattern}")));
    let reading = reader
        .args(["-cf", "-", "."])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let mut reading = reading.context(|| "starting tar".into())?;
    let stream = reading.stdout.take().map_or_else(Stdio::null, Stdio::from);
    let written = account()?
        .command("tar")
        .arg("-C")
        .arg(to)
        .args(["-xpf", "-"])
        .stdin(stream)
        .status();
    let read = reading.wait().context(|| "waiting for tar".into())?;
    let written = written.context(|| "starting tar".into())?;
    // tar ends with 1 where a file changed or went away under it, as files of a running server do.
    if matches!(read.code(), Some(0 | 1)) && written.success() {
        return Ok(());
    }
    Err(Error::new(format!(
        "copying {} to {}: tar: {read}, {written}",
        from.display(),
        to.display()
    )))
}

/// Makes a copy the standby of the server on `port`.
pub(crate) fn follow(data: &Path, major: u32, port: u16, name: &str) -> Result<()> {
    let connection = format!("host=127.0.0.1 port={port} user=postgres application_name={name}");
    let upstream = format!("primary_conninfo = '{connection}'\nprimary_slot_name = '{name}'\n");
    if major >= 12 {
        write_private(&data.join("standby.signal"), "")?;
        // Not postgresql.conf: ALTER SYSTEM on the primary may have filled this file, which wins.
        return write_private(&data.join("postgresql.auto.conf"), &upstream);
    }
    let mode = "standby_mode = 'on'\nrecovery_target_timeline = 'latest'\n";
    write_private(&data.join("recovery.conf"), &format!("{mode}{upstream}"))
}
