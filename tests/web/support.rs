//! What the tests share: the program on a server with a database beside the first.

use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use pg_exporter_lab::exporter::Builder;
use pg_exporter_lab::{Cluster, Exporter, newest_major, tool};

pub(crate) use pg_exporter_lab::{Folder, turn};

/// For what happens within a second on a machine with nothing else to do.
pub(crate) const SOON: Duration = Duration::from_secs(20);

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_pg_exporter");

/// The program on the shared server, with time to connect: the machine may be busy.
pub(crate) fn on_server() -> Builder {
    Exporter::builder(PROGRAM)
        .url(&server().url("postgres"))
        .env("PG_EXPORTER_CONNECT_TIMEOUT", "5s")
}

/// A server with the database `app`, which no test changes.
pub(crate) fn server() -> &'static Cluster {
    static SERVER: OnceLock<Cluster> = OnceLock::new();
    SERVER.get_or_init(|| {
        let server = Cluster::start(newest_major());
        server.create_database("app");
        server
    })
}

/// What `curl -s` with arguments gets: the status and the body; the status is 0 where there is no answer.
pub(crate) fn curl(arguments: &[&str]) -> (u16, String) {
    let output = Command::new(tool("curl"))
        .args(["-s", "--max-time", "20", "-w", "\n%{http_code}"])
        .args(arguments)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let (body, status) = text.rsplit_once('\n').unwrap();
    (status.parse().unwrap(), body.to_owned())
}
