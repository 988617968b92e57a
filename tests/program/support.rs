//! What the tests share: the program, a server with two databases, a folder for files.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use pg_exporter_lab::exporter::{Builder, Ended};
use pg_exporter_lab::{Cluster, Exporter, Page, newest_major};

/// For what happens within a second on a machine with nothing else to do.
pub(crate) const SOON: Duration = Duration::from_secs(20);

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_pg_exporter");

/// The program without any argument or variable.
pub(crate) fn program() -> Builder {
    Exporter::builder(PROGRAM)
}

/// The program on the shared server.
pub(crate) fn on_server() -> Builder {
    program().url(&server().url("postgres"))
}

/// A server with the databases `app` and `other`, which no test changes.
pub(crate) fn server() -> &'static Cluster {
    static SERVER: OnceLock<Cluster> = OnceLock::new();
    SERVER.get_or_init(|| {
        let server = Cluster::start(newest_major());
        server.create_database("app");
        server.create_database("other");
        server
    })
}

/// Runs the program with some arguments to its end.
pub(crate) fn run(arguments: &[&str]) -> Ended {
    program().args(arguments.iter().copied()).run()
}

/// A page of an exporter of a target that is up.
#[track_caller]
pub(crate) fn page_of(builder: &Builder) -> Page {
    builder.start().scrape()
}

/// The databases that an exporter's page tells of, by the exporter's own metrics.
pub(crate) fn databases(page: &Page) -> Vec<&str> {
    let all = page.all("pg_exporter_server_scrape_total_count");
    let mut names: Vec<_> = all.filter_map(|sample| sample.label("datname")).collect();
    names.sort_unstable();
    names
}

/// A definition of a collector that yields `NAME_value 1`, with more lines for it.
pub(crate) fn definition(name: &str, query: &str, more: &str) -> String {
    format!(
        "{name}:\n  query: {query}\n{more}  metrics:\n    \
         - value: {{ usage: GAUGE, description: A value. }}\n"
    )
}

/// A collector of the URL's database that takes so many seconds.
pub(crate) fn slow(seconds: f64) -> String {
    let query = format!("SELECT 1 AS value FROM pg_catalog.pg_sleep({seconds})");
    definition("slow", &query, "  tags: [cluster]\n  timeout: -1\n")
}

/// A folder of a test's own, removed when dropped.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("pgx-program-{}-{number}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    /// Writes a file and returns its path.
    pub(crate) fn write(&self, name: &str, content: &str) -> String {
        let path = self.0.join(name);
        fs::write(&path, content).unwrap();
        path.display().to_string()
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left of it is in the system's temporary folder.
        let _ = fs::remove_dir_all(&self.0);
    }
}
