//! Whether memory becomes scarce: then what is kept only to be served again without work is given up first.

use std::fs;
use std::path::Path;

/// How much of the container's limit may be used before something is given up.
const SHARE: f64 = 0.8;

/// The bound of the process' memory, if its container has one.
#[derive(Clone, Copy, Debug)]
pub(in crate::scrape) struct Ceiling {
    bytes: Option<f64>,
}

impl Default for Ceiling {
    fn default() -> Self {
        Self::at(Path::new("/"))
    }
}

impl Ceiling {
    /// The limits of control groups, version 2 and 1, as a container sees them.
    fn at(root: &Path) -> Self {
        let files = [
            "sys/fs/cgroup/memory.max",
            "sys/fs/cgroup/memory/memory.limit_in_bytes",
        ];
        let limit = files.iter().find_map(|file| {
            let text = fs::read_to_string(root.join(file)).ok()?;
            text.trim().parse::<f64>().ok()
        });
        // Without a limit, version 1 says what no machine has.
        let bytes = limit.filter(|bytes| *bytes < 1e15).map(|bytes| bytes * SHARE);
        Self { bytes }
    }

    /// Whether the process is above it now.
    pub(in crate::scrape) fn is_reached(self) -> bool {
        let Some(bytes) = self.bytes else { return false };
        let resident = || {
            let text = fs::read_to_string("/proc/self/status").ok()?;
            let line = text.lines().find(|line| line.starts_with("VmRSS:"))?;
            line.split_ascii_whitespace().nth(1)?.parse::<f64>().ok()
        };
        resident().is_some_and(|kilobytes| kilobytes * 1024.0 > bytes)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn a_limit_is_a_containers() {
        let root = std::env::temp_dir().join(format!("pgx-ceiling-{}", std::process::id()));
        let group = root.join("sys/fs/cgroup");
        fs::create_dir_all(&group).unwrap();
        for (limit, is_reached) in [
            ("max\n", false),
            ("1048576\n", true),
            ("9223372036854771712\n", false),
        ] {
            fs::write(group.join("memory.max"), limit).unwrap();
            assert_eq!(Ceiling::at(&root).is_reached(), is_reached, "{limit}");
        }
        assert!(!Ceiling::at(&root.join("none")).is_reached());
        fs::remove_dir_all(&root).unwrap();
    }
}
