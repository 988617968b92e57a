//! An exporter whose pages have something to show: several databases, some of odd names, and collectors that fail.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use pg_exporter_lab::{Cluster, Exporter, newest_major};

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

/// A directory of definitions, gone when dropped.
pub(super) struct Definitions(PathBuf);

impl Definitions {
    pub(super) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("pg_exporter-pages-{}-{count}", std::process::id()));
        fs::create_dir(&path).unwrap();
        let definitions = Self(path);
        definitions.write("failing.yml", FAILING);
        definitions
    }

    pub(super) fn write(&self, file: &str, text: &str) {
        fs::write(self.0.join(file), text).unwrap();
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Definitions {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// An exporter that has scraped some times.
pub(super) struct Scene {
    pub(super) exporter: Exporter,
    pub(super) definitions: Definitions,
}

impl Scene {
    pub(super) fn new() -> Self {
        let definitions = Definitions::new();
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
