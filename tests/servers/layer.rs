//! Run-time layers: files for `--config`.

use std::fmt::Write as _;
use std::path::PathBuf;

use pg_exporter::catalog::compiled::COLLECTORS;
use pg_exporter_lab::Folder;

/// A definition file, removed when dropped.
#[derive(Debug)]
pub struct Layer(Folder);

impl Layer {
    /// A file with these definitions.
    pub fn new(yaml: &str) -> Self {
        Self(Folder::of(&[("layer.yml", yaml)]))
    }

    /// All shipped collectors with time enough for a busy machine; those of the list run though skipped by default.
    pub fn patient(switched_on: &[&str]) -> Self {
        Self::new(&patience(switched_on))
    }

    /// Puts other definitions into the file.
    pub fn write(&self, yaml: &str) {
        self.0.write("layer.yml", yaml);
    }

    pub fn path(&self) -> PathBuf {
        self.0.at("layer.yml")
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
