//! Configuration directories, exporters over them, and a shared server.

use std::sync::OnceLock;

use pg_exporter_lab::exporter::Builder;
use pg_exporter_lab::{Cluster, Exporter, Folder, newest_major, shared};

/// A primary that all tests share.
pub fn server() -> &'static Cluster {
    shared(newest_major())
}

/// A database of the shared server, of the test's own: `name` must occur once.
pub fn database(name: &str) -> String {
    static CREATING: OnceLock<std::sync::Mutex<()>> = OnceLock::new();
    // The template cannot be copied twice at the same time.
    let _turn = CREATING
        .get_or_init(Default::default)
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    server().psql(&format!("create database {name}"));
    format!("{}?sslmode=disable", server().url(name))
}

/// The program, with limits that a busy machine does not break.
pub fn program(url: &str) -> Builder {
    Exporter::builder(env!("CARGO_BIN_EXE_pg_exporter"))
        .url(url)
        .args([
            "--connect-timeout=30s",
            "--scrape-timeout=60s",
            "--no-auto-discovery",
        ])
}

/// An exporter of a directory's collectors alone.
pub fn exporter(url: &str, directory: &Folder) -> Exporter {
    program(url)
        .arg("--no-builtin")
        .arg("--config")
        .arg(directory.path())
        .start()
}

/// A collector of one gauge that tells the moment of its execution, so that a second execution shows.
pub fn clock(branch: &str, more: &str) -> String {
    format!(
        "{branch}:\n  query: SELECT extract(epoch FROM clock_timestamp()) AS at\n  timeout: 30\n{more}  metrics:\n    \
         - at: {{ usage: GAUGE, description: When it was executed }}\n"
    )
}

/// The JSON of an answer.
pub fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error} in {text}"))
}
