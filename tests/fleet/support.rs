//! What the tests share: an exporter of a file that the test writes.

use std::sync::OnceLock;
use std::time::Duration;

use pg_exporter_lab::exporter::Builder;
use pg_exporter_lab::http::Response;
use pg_exporter_lab::page::Page;
use pg_exporter_lab::{Cluster, Exporter, newest_major};

pub(crate) use pg_exporter_lab::Folder;

/// For what happens within a second or two on a machine with nothing else to do.
pub(crate) const SOON: Duration = Duration::from_secs(30);

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_pg_exporter");

/// A server that no test changes but by databases of its own.
pub(crate) fn server() -> &'static Cluster {
    static SERVER: OnceLock<Cluster> = OnceLock::new();
    SERVER.get_or_init(|| {
        Cluster::builder(newest_major())
            .set("max_connections", "400")
            .start()
    })
}

/// A file of targets, and the exporter that reads it.
pub(crate) struct Fleet {
    pub(crate) exporter: Exporter,
    pub(crate) files: Folder,
}

/// What all targets of the tests have: the machine may be busy.
pub(crate) const DEFAULTS: &str =
    "defaults: { user: postgres, sslmode: disable, connect_timeout: 5s, auto_discovery: false }\n";

/// A target on this machine.
pub(crate) fn target(name: &str, port: u16, more: &str) -> String {
    format!("  - {{ name: {name}, host: 127.0.0.1, port: {port}, dbname: postgres{more} }}\n")
}

impl Fleet {
    /// The exporter of those targets.
    pub(crate) fn start(targets: &str) -> Self {
        Self::start_with(targets, |builder| builder)
    }

    pub(crate) fn start_with(targets: &str, more: impl FnOnce(Builder) -> Builder) -> Self {
        Self::start_by(PROGRAM, targets, more)
    }

    /// The same by a program that becomes the exporter.
    pub(crate) fn start_by(program: &str, targets: &str, more: impl FnOnce(Builder) -> Builder) -> Self {
        let files = Folder::new();
        let path = files.write("targets.yml", &document(targets));
        let builder = Exporter::builder(program).arg("--targets").arg(path);
        Self {
            exporter: more(builder).start(),
            files,
        }
    }

    /// Other targets; they are in force within seconds.
    pub(crate) fn rewrite(&self, targets: &str) {
        self.files.write("targets.yml", &document(targets));
    }

    pub(crate) fn get(&self, path: &str) -> Response {
        self.exporter.get(path)
    }

    pub(crate) fn wait_for(&self, path: &str, status: u16) {
        self.exporter.wait_for_status(path, status, SOON);
    }

    /// The page of a target.
    #[track_caller]
    pub(crate) fn page(&self, target: &str) -> Page {
        let answer = self.get(&format!("/metrics?target={target}"));
        assert_eq!(answer.status, 200, "{target}: {}", answer.text());
        Page::parse(&answer.text())
    }

    /// The exporter's own page.
    pub(crate) fn own_page(&self) -> Page {
        Page::parse(&self.get("/metrics").text())
    }
}

/// A whole file; one that says more than targets is taken as it is.
pub(crate) fn document(targets: &str) -> String {
    if targets.contains("targets:") {
        targets.to_owned()
    } else {
        format!("{DEFAULTS}targets:\n{targets}")
    }
}
