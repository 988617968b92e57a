//! Files of the exporter and of the server that are not what they were.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use pg_exporter_lab::Cluster;

/// In the places of files stand pipes that nobody writes to, until this is dropped: a read of one never ends.
pub(super) struct Pipes(Vec<PathBuf>);

impl Pipes {
    pub(super) fn instead_of(files: &[PathBuf]) -> Self {
        for file in files {
            fs::rename(file, aside(file)).unwrap();
            assert!(Command::new("mkfifo").arg(file).status().unwrap().success());
        }
        Self(files.to_vec())
    }
}

impl Drop for Pipes {
    fn drop(&mut self) {
        for file in &self.0 {
            fs::rename(aside(file), file).unwrap();
        }
    }
}

fn aside(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".aside");
    name.into()
}

/// Nobody may write to a server's tables, old or new, until this is dropped. It opens them for that: as on a disk that has gone
/// read-only, a new client is let in from memory or not at all. What a checkpoint must be able to write, it is: no server
/// outlives that.
pub(super) struct ReadOnly(PathBuf);

impl ReadOnly {
    pub(super) fn of(cluster: &Cluster) -> Self {
        let data = cluster.data();
        set(&data, 0o500, 0o400);
        Self(data)
    }
}

impl Drop for ReadOnly {
    fn drop(&mut self) {
        set(&self.0, 0o700, 0o600);
    }
}

fn set(data: &Path, of_folders: u32, of_files: u32) {
    let databases = fs::read_dir(data.join("base")).unwrap();
    let folders = databases.map(|entry| entry.unwrap().path());
    for folder in folders.chain([data.join("global")]) {
        for file in fs::read_dir(&folder).unwrap() {
            let file = file.unwrap();
            if file
                .file_name()
                .to_string_lossy()
                .starts_with(|first: char| first.is_ascii_digit())
            {
                // Some go meanwhile.
                let _ = fs::set_permissions(file.path(), Permissions::from_mode(of_files));
            }
        }
        // The control file is written in its place, and others are put beside it.
        if !folder.ends_with("global") {
            fs::set_permissions(&folder, Permissions::from_mode(of_folders)).unwrap();
        }
    }
}
