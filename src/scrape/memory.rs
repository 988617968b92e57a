//! Whether memory becomes scarce: then what is kept only to be served again without work is given up first.

use std::fs;
use std::path::{Path, PathBuf};

/// How much of the limit may be used before something is given up.
const SHARE: f64 = 0.8;

/// Where nothing tells the groups of this process, they are the roots: those of a container, as it sees them.
const ROOTS: &str = "0::/\n1:memory:/\n";

/// The bound of the process' memory, if its control group has one.
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
    /// The least limit of the control groups that this process is in, version 2 and 1: a service's `MemoryMax`, its slice's, or a
    /// container's.
    fn at(root: &Path) -> Self {
        let groups = fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
        let limits = groups
            .lines()
            .chain(ROOTS.lines())
            .flat_map(files)
            .filter_map(|file| {
                fs::read_to_string(root.join(file))
                    .ok()?
                    .trim()
                    .parse::<f64>()
                    .ok()
            });
        // Without a limit, version 1 says what no machine has.
        let least = limits.filter(|bytes| *bytes < 1e15).min_by(f64::total_cmp);
        Self {
            bytes: least.map(|bytes| bytes * SHARE),
        }
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

/// The files that limit the memory of a group and of those above it, by its line in `/proc/self/cgroup`: number, controllers, path.
fn files(line: &str) -> Vec<PathBuf> {
    let parts: Vec<_> = line.splitn(3, ':').collect();
    let (tree, file, path) = match parts.as_slice() {
        [_, "", path] => ("sys/fs/cgroup", "memory.max", path),
        [_, controllers, path] if controllers.split(',').any(|one| one == "memory") => {
            ("sys/fs/cgroup/memory", "memory.limit_in_bytes", path)
        }
        _ => return Vec::new(),
    };
    // A group outside what this process sees begins with `/..`.
    let path = path.trim_start_matches('/');
    let is_seen = !path.split('/').any(|part| part == "..");
    let groups = Path::new(if is_seen { path } else { "" }).ancestors();
    groups
        .map(|group| Path::new(tree).join(group).join(file))
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    /// A root folder with these files; whether the ceiling there is reached.
    fn is_reached(files: &[(&str, &str)]) -> bool {
        let root = std::env::temp_dir().join(format!("pgx-ceiling-{}", std::process::id()));
        for (path, text) in files {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let is_reached = Ceiling::at(&root).is_reached();
        let _ = fs::remove_dir_all(&root);
        is_reached
    }

    #[test]
    fn a_limit_is_a_containers_or_that_of_any_group_of_the_process() {
        const TIGHT: &str = "1048576\n";
        const ROOMY: &str = "1099511627776\n";
        let group = "proc/self/cgroup";
        let service = (group, "0::/system.slice/pg_exporter.service\n");
        let old = (group, "5:cpu,cpuacct:/a\n4:memory:/a\n0::/init.scope\n");
        let outside = (group, "0::/../../x\n");
        assert!(!is_reached(&[]));
        for (files, expected) in [
            (vec![("sys/fs/cgroup/memory.max", "max\n")], false),
            (vec![("sys/fs/cgroup/memory.max", TIGHT)], true),
            (vec![("sys/fs/cgroup/memory.max", "9223372036854771712\n")], false),
            (vec![("sys/fs/cgroup/memory/memory.limit_in_bytes", TIGHT)], true),
            (
                vec![
                    service,
                    ("sys/fs/cgroup/system.slice/pg_exporter.service/memory.max", TIGHT),
                ],
                true,
            ),
            (
                vec![
                    service,
                    ("sys/fs/cgroup/memory.max", ROOMY),
                    ("sys/fs/cgroup/system.slice/memory.max", TIGHT),
                ],
                true,
            ),
            (
                vec![
                    service,
                    ("sys/fs/cgroup/memory.max", TIGHT),
                    ("sys/fs/cgroup/system.slice/memory.max", ROOMY),
                ],
                true,
            ),
            (
                vec![service, ("sys/fs/cgroup/system.slice/memory.max", TIGHT)],
                true,
            ),
            (
                vec![service, ("sys/fs/cgroup/other.slice/memory.max", TIGHT)],
                false,
            ),
            (
                vec![old, ("sys/fs/cgroup/memory/a/memory.limit_in_bytes", TIGHT)],
                true,
            ),
            (
                vec![old, ("sys/fs/cgroup/cpu/a/memory.limit_in_bytes", TIGHT)],
                false,
            ),
            (vec![outside, ("sys/fs/cgroup/memory.max", TIGHT)], true),
        ] {
            assert_eq!(is_reached(&files), expected, "{files:?}");
        }
    }
}
