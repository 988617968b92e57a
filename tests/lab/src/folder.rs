//! Files of a test's own.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::error::{Context as _, OrFail as _};

/// A folder that every user may enter, removed when dropped.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// A new one, below the system's temporary folder.
    ///
    /// # Panics
    /// When it cannot be made.
    #[must_use]
    #[track_caller]
    #[expect(clippy::new_without_default, reason = "it makes something on the disk")]
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("pgx-test-{}-{number}", std::process::id()));
        let made = fs::create_dir(&path);
        made.context(|| format!("making {}", path.display())).or_fail();
        Self(path)
    }

    /// A new one with these files.
    ///
    /// # Panics
    /// When it cannot be made.
    #[must_use]
    #[track_caller]
    pub fn of(files: &[(&str, &str)]) -> Self {
        let folder = Self::new();
        for (name, content) in files {
            folder.write(name, content);
        }
        folder
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Where a file in it is, or would be.
    #[must_use]
    pub fn at(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes a file as editors and Kubernetes do, whole, by a rename, and returns its path.
    ///
    /// # Panics
    /// When it cannot be written.
    #[track_caller]
    pub fn write(&self, name: &str, content: &str) -> String {
        self.write_for(name, content, 0o644)
    }

    /// The same that only its owner may read, as keys and password files must be.
    ///
    /// # Panics
    /// When it cannot be written.
    #[track_caller]
    pub fn write_private(&self, name: &str, content: &str) -> String {
        self.write_for(name, content, 0o600)
    }

    #[track_caller]
    fn write_for(&self, name: &str, content: &str, mode: u32) -> String {
        let (path, fresh) = (self.at(name), self.at(&format!("{name}.new")));
        let write = || {
            path.parent().map_or(Ok(()), fs::create_dir_all)?;
            fs::write(&fresh, content)?;
            fs::set_permissions(&fresh, fs::Permissions::from_mode(mode))?;
            fs::rename(&fresh, &path)
        };
        write()
            .context(|| format!("writing {}", path.display()))
            .or_fail();
        path.display().to_string()
    }

    /// Removes a file.
    ///
    /// # Panics
    /// When it is not there.
    #[track_caller]
    pub fn remove(&self, name: &str) {
        let path = self.at(name);
        let removed = fs::remove_file(&path);
        removed
            .context(|| format!("removing {}", path.display()))
            .or_fail();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left of it is in the system's temporary folder.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A file of collectors, removed when dropped.
#[derive(Debug)]
pub struct Layer(Folder);

impl Layer {
    const NAME: &str = "layer.yml";

    /// One with these definitions.
    ///
    /// # Panics
    /// When it cannot be written.
    #[must_use]
    #[track_caller]
    pub fn new(yaml: &str) -> Self {
        let layer = Self(Folder::new());
        layer.replace(yaml);
        layer
    }

    /// One collector `slow` that runs on the URL's database and takes so many seconds.
    ///
    /// # Panics
    /// When it cannot be written.
    #[must_use]
    #[track_caller]
    pub fn slow(seconds: f64, timeout: f64) -> Self {
        Self::new(&format!(
            "slow:\n  query: SELECT 1 AS value FROM pg_catalog.pg_sleep({seconds})\n  tags: [cluster]\n  \
             timeout: {timeout}\n  priority: 1000\n  metrics:\n    \
             - value: {{ usage: GAUGE, description: Always one. }}\n"
        ))
    }

    /// Writes it anew.
    ///
    /// # Panics
    /// When it cannot be written.
    #[track_caller]
    pub fn replace(&self, yaml: &str) {
        self.0.write(Self::NAME, yaml);
    }

    /// The flag that has the exporter load it.
    #[must_use]
    pub fn flag(&self) -> String {
        format!("--config={}", self.0.at(Self::NAME).display())
    }
}
