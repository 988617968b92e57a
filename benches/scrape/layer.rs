//! The file that a definition is given in.

use std::fs;
use std::path::PathBuf;

use crate::Result;

/// A file for `--config`, removed when dropped.
#[derive(Debug)]
pub struct Layer(PathBuf);

impl Layer {
    /// An empty file.
    pub fn new() -> Result<Self> {
        let path = std::env::temp_dir().join(format!("pg_exporter-bench-{}.yml", std::process::id()));
        fs::write(&path, "")?;
        Ok(Self(path))
    }

    /// Puts definitions into it. The flag that gives it to an exporter.
    pub fn write(&self, definitions: &str) -> Result<String> {
        fs::write(&self.0, definitions)?;
        Ok(format!("--config={}", self.0.display()))
    }
}

impl Drop for Layer {
    fn drop(&mut self) {
        // A temporary file that stays behind does no harm.
        let _ = fs::remove_file(&self.0);
    }
}
