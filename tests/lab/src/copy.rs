//! A running server's files, copied for a standby.
//!
//! `pg_basebackup` refuses servers newer than itself, and a client of every major is not to be had; the
//! server's own backup functions work everywhere.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Stdio;

use crate::account::account;
use crate::cluster::Cluster;
use crate::error::{Context, Error, Result};
use crate::sandbox::write_private;
use crate::session::Session;
use crate::template::run;

/// What a base backup leaves out; the server makes it anew.
const LEFT_OUT: [&str; 12] = [
    "./pg_wal/*",
    "./pg_xlog/*",
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

/// Whether a server has replication slots: of releases before 10 the major is the second number.
fn has_slots(major: u32) -> bool {
    major >= 4
}

/// Creates a physical slot that keeps WAL from now on, where there are slots.
pub(crate) fn slot(upstream: &Cluster, name: &str) -> Result<()> {
    if !has_slots(upstream.major()) {
        return Ok(());
    }
    let at_once = if upstream.major() >= 6 { ", true" } else { "" };
    let sql = format!("select pg_create_physical_replication_slot('{name}'{at_once})");
    upstream.try_psql("postgres", &sql).map(drop)
}

/// Copies the files of a running server between the start and the stop of a backup.
pub(crate) fn files(upstream: &Cluster, to: &Path) -> Result<()> {
    let mut session = Session::open(&upstream.url("postgres"))?;
    let (begin, end) = match upstream.major() {
        ..10 => {
            // The label is a file of the server's, and is copied with the others.
            session.answer_to("select pg_start_backup('lab', true)")?;
            copy_tree(&upstream.data(), to)?;
            return session.answer_to("select pg_stop_backup()").map(drop);
        }
        10..15 => (
            "pg_start_backup('lab', true, false)",
            "pg_stop_backup(false, false)",
        ),
        _ => ("pg_backup_start('lab', true)", "pg_backup_stop(false)"),
    };
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
    let mut upstream = format!("primary_conninfo = '{connection}'\n");
    if has_slots(major) {
        let _ = writeln!(upstream, "primary_slot_name = '{name}'");
    }
    if major >= 12 {
        write_private(&data.join("standby.signal"), "")?;
        // Not postgresql.conf: ALTER SYSTEM on the primary may have filled this file, which wins.
        return write_private(&data.join("postgresql.auto.conf"), &upstream);
    }
    let mode = "standby_mode = 'on'\nrecovery_target_timeline = 'latest'\n";
    write_private(&data.join("recovery.conf"), &format!("{mode}{upstream}"))
}
