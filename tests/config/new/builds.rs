//! Builds of what was written, as its author would make them.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::root;

/// Builds a crate with this run's compiler settings and versions, fetching nothing. The library in it is a distribution of
/// its own: of `collectors`, by the name `acme`.
pub(super) fn build(crate_: &Path, collectors: &OsStr) -> PathBuf {
    let (is_built, said) = try_build(crate_, collectors, "");
    assert!(is_built, "{said}");
    folder().join("debug")
}

/// A folder for such builds alone, kept for the next run: in the workspace's own, either build would make the other's anew
/// each time.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("crates")
}

/// The same, with what the compiler said.
pub(super) fn try_build(crate_: &Path, collectors: &OsStr, lock: &str) -> (bool, String) {
    let folder = folder();
    fs::copy(root().join("Cargo.lock"), crate_.join("Cargo.lock")).unwrap();
    let output = Command::new(env!("CARGO"))
        .args(["build", "--offline", "--quiet", "--manifest-path"])
        .arg(crate_.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(&folder)
        .env("CARGO_PROFILE_DEV_DEBUG", "false")
        .env("PG_EXPORTER_COLLECTORS", collectors)
        .env("PG_EXPORTER_DISTRIBUTION", "acme")
        .env("PG_EXPORTER_LOCK", lock)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    (output.status.success(), said.into_owned())
}

/// Directories of definitions whose paths are the same at each run, and whose files are touched only to change them, so
/// that a second run builds nothing anew. The later one overrides a branch of the earlier.
pub(super) fn distribution() -> OsString {
    let file = |directory: &str, text: &str| {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join("distribution")
            .join(directory);
        fs::create_dir_all(&directory).unwrap();
        let path = directory.join("acme.yml");
        if fs::read_to_string(&path).is_ok_and(|old| old == text) {
            return directory;
        }
        fs::write(path, text).unwrap();
        directory
    };
    let one = |branch: &str, value: u32| {
        format!(
            "{branch}:\n  query: SELECT {value} AS value\n  metrics: [ value: {{ usage: GAUGE, description: V }} ]\n"
        )
    };
    let common = file("common", &[one("acme_common", 1), one("acme_both", 1)].concat());
    let site = file("site", &[one("acme_both", 2), one("acme_site", 3)].concat());
    std::env::join_paths([common, site]).unwrap()
}
