//! What psql makes of a server.

use std::process::Command;

use pg_exporter_lab::{Cluster, tool};

use crate::postgres::tls::tests::connect;

/// The same by psql: what the server sees, `None` where it does not get in.
fn by_psql(cluster: &Cluster, host: &str, parameters: &str) -> Option<String> {
    run_psql(Command::new(tool("psql")), cluster, host, parameters)
}

/// The same by psql with the server's own libpq.
pub(in crate::postgres::tls::tests) fn by_libpq_of(
    cluster: &Cluster,
    host: &str,
    parameters: &str,
) -> Option<String> {
    let folder = cluster.psql("select setting from pg_config where name = 'LIBDIR'");
    let mut command = Command::new(tool("psql"));
    command.env("LD_LIBRARY_PATH", folder.trim());
    run_psql(command, cluster, host, parameters)
}

fn run_psql(mut command: Command, cluster: &Cluster, host: &str, parameters: &str) -> Option<String> {
    let place = format!(
        "host='{host}' hostaddr=127.0.0.1 port={} dbname=postgres user=postgres {parameters}",
        cluster.port()
    );
    command.env("HOME", "/nonexistent").env("PGCONNECT_TIMEOUT", "20");
    let sql =
        "select case when ssl then version else 'none' end from pg_stat_ssl where pid = pg_backend_pid()";
    let output = command
        .args(["-X", "-w", "-Atc", sql, "-d", &place])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    output.status.success().then(|| text.trim().to_owned())
}

/// Both try; what became of it.
pub(super) fn same(cluster: &Cluster, what: &str, host: &str, parameters: &str) -> Option<String> {
    let ours = connect(cluster, host, parameters);
    let theirs = by_psql(cluster, host, parameters);
    assert_eq!(
        ours.as_ref().ok(),
        theirs.as_ref(),
        "{what}, PostgreSQL {}, {host}, {parameters}: {ours:?}",
        cluster.major()
    );
    theirs
}
