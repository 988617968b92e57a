//! TLS against real servers, with certificates made here.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a failing test may panic

mod authentication;
mod certificates;
mod files;
mod modes;
mod openssl;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use pg_exporter_lab::authority::Pair;
use pg_exporter_lab::{Cluster, Folder, majors_among};
use tokio_postgres::SimpleQueryMessage;

use super::connector;
use crate::postgres::connect::Endpoint;
use crate::postgres::conninfo::{ConnInfo, Environment};
use crate::postgres::failure::Failure;

/// The oldest server, one that knows channel binding, the newest.
fn releases() -> Vec<u32> {
    majors_among(&[10, 14, 18])
}

/// A busy machine is no failure.
const PATIENCE: Duration = Duration::from_secs(10);

/// The host by whose name the servers are known; the address is given beside it.
const HOST: &str = "db.test";

/// Who may come in how; `postgres` comes in by any way.
const HBA: &str = "\
local     all all           trust
host      all postgres all  trust
hostssl   all tls_only all  trust
hostnossl all bare_only all trust
hostssl   all by_cert all   cert
host      all by_scram all  scram-sha-256
host      all by_md5 all    md5
";

/// Surroundings without variables and home directory.
struct Nothing;

impl Environment for Nothing {
    fn var(&self, _: &str) -> Option<OsString> {
        None
    }

    fn home_dir(&self) -> Option<PathBuf> {
        None
    }
}

fn parse(text: &str) -> ConnInfo {
    ConnInfo::parse(text, &Nothing).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// A server that shows this certificate and trusts clients of this authority.
fn start(major: u32, server: &Pair, client_authority: &str) -> Cluster {
    let cluster = Cluster::start(major);
    cluster.write_file("ca.crt", client_authority);
    cluster.write_file("pg_hba.conf", HBA);
    cluster.set("ssl_ca_file", "ca.crt");
    cluster.set("ssl", "on");
    show(&cluster, server);
    cluster
}

/// Makes the server show another certificate.
fn show(cluster: &Cluster, server: &Pair) {
    cluster.write_file("server.crt", &server.certificate);
    cluster.write_file("server.key", &server.key);
    cluster.restart();
}

/// Connects to a server as the exporter does, and says what the server sees: `none` or the version of TLS.
fn connect(cluster: &Cluster, host: &str, parameters: &str) -> Result<String, String> {
    let place = format!(
        "host={host} hostaddr=127.0.0.1 port={} dbname=postgres",
        cluster.port()
    );
    let info = parse(&format!("user=postgres {place} {parameters}"));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let seen = runtime.block_on(ask(&Endpoint::new(info, PATIENCE)));
    seen.map_err(|failure| failure.to_string())
}

async fn ask(endpoint: &Endpoint) -> Result<String, Failure> {
    let session = endpoint.connect(Instant::now() + 2 * PATIENCE).await?;
    let sql =
        "select case when ssl then version else 'none' end from pg_stat_ssl where pid = pg_backend_pid()";
    let answer = session.client.simple_query(sql).await?;
    let rows = answer.iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    });
    Ok(rows.collect())
}
