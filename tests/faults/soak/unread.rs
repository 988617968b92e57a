//! The exporter's log, whose reader may stop.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// A pipe, and all that was read from it.
pub(super) struct Log {
    path: PathBuf,
    reads: Arc<AtomicBool>,
    text: Arc<Mutex<Vec<u8>>>,
}

impl Log {
    pub(super) fn new() -> Self {
        let path = std::env::temp_dir().join(format!("pgx-soak-{}", std::process::id()));
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        // For writing, too: it has no end before the test has.
        let mut pipe = std::fs::File::options()
            .read(true)
            .write(true)
            .open(&path)
            .unwrap();
        let (reads, text) = (Arc::new(AtomicBool::new(true)), Arc::<Mutex<Vec<u8>>>::default());
        let (may_read, all) = (Arc::clone(&reads), Arc::clone(&text));
        thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(length) = pipe.read(&mut piece) {
                all.lock().unwrap().extend_from_slice(&piece[..length]);
                while !may_read.load(Ordering::Relaxed) {
                    thread::sleep(Duration::from_millis(5));
                }
            }
        });
        Self { path, reads, text }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn read(&self, reads: bool) {
        self.reads.store(reads, Ordering::Relaxed);
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.text.lock().unwrap()).into_owned()
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}
