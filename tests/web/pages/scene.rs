//! An exporter whose pages have something to show: several databases, some of odd names, and collectors that fail.

use std::sync::OnceLock;

use pg_exporter_lab::{Cluster, Exporter, Folder, newest_major};

use crate::support::PROGRAM;

/// Names that do harm where they are not escaped, or turn what is around them.
pub(super) const HOSTILE: [&str; 5] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(2)>",
    "a'b\"c`&amp;{{x}}",
    "\u{202e}نص עברית",
    "😀 {{ name }}</td>",
];

/// Always fails, and names something hostile in doing so.
const FAILING: &str = "
broken:
  desc: Counts what is not there
  query: SELECT count(*) AS n FROM \"<b>missing</b>\"
  tags: [cluster]
  metrics: [ n: { usage: GAUGE, description: Nothing } ]
";

/// A server of the pages' own.
pub(super) fn server() -> &'static Cluster {
    static SERVER: OnceLock<Cluster> = OnceLock::new();
    SERVER.get_or_init(|| {
        let server = Cluster::start(newest_major());
        for name in HOSTILE {
            let quoted = name.replace('"', "\"\"");
            server.psql(&format!("create database \"{quoted}\""));
        }
        server
    })
}

/// An exporter that has scraped some times.
pub(super) struct Scene {
    pub(super) exporter: Exporter,
    /// A directory of definitions.
    pub(super) definitions: Folder,
}

impl Scene {
    pub(super) fn new() -> Self {
        let definitions = Folder::of(&[("failing.yml", FAILING)]);
        let exporter = Exporter::builder(PROGRAM)
            .url(&server().url("postgres"))
            .args(["--connect-timeout=10s", "--scrape-timeout=30s", "--config"])
            .arg(definitions.path())
            .start();
        let scene = Self {
            exporter,
            definitions,
        };
        scene
            .exporter
            .wait_for_status("/primary", 200, crate::support::SOON);
        for _ in 0..3 {
            assert_eq!(scene.exporter.scrape().value("pg_up", &[]), Some(1.0));
        }
        scene
    }
}
