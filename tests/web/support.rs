//! What the tests share: the program on a server with a database beside the first.

use std::sync::OnceLock;
use std::time::Duration;

use pg_exporter_lab::exporter::Builder;
use pg_exporter_lab::{Cluster, Exporter, newest_major};

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
