//! Run-time layers: files for `--config`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, fs, process};

use pg_exporter::catalog::compiled::COLLECTORS;

/// A definition file, removed when dropped.
#[derive(Debug)]
pub struct Layer(PathBuf);

impl Layer {
    /// A file with these definitions.
    pub fn new(yaml: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let layer = Self(env::temp_dir().join(format!("pg_exporter-servers-{}-{count}.yml", process::id())));
        layer.write(yaml);
        layer
    }

    /// All shipped collectors with time enough for a busy machine; those of the list run though skipped by default.
    pub fn patient(switched_on: &[&str]) -> Self {
        Self::new(&patience(switched_on))
    }

    /// Puts other definitions into the file.
    pub fn write(&self, yaml: &str) {
        fs::write(&self.0, yaml).unwrap();
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Layer {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// The tuning of [`Layer::patient`].
pub fn patience(switched_on: &[&str]) -> String {
    let mut names: Vec<_> = COLLECTORS.iter().map(|collector| &*collector.name).collect();
    names.dedup();
    names.iter().fold(String::new(), |mut yaml, name| {
        let skip = if switched_on.contains(name) {
            ", skip: false"
        } else {
            ""
        };
        let _ = writeln!(yaml, "{name}: {{ timeout: 30{skip} }}");
        yaml
    })
}
