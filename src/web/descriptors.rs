//! File descriptors: as many as the system lets the process have.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the limit of open files to the most that the process may have, and returns it; `None` means no limit. The
/// usual 1024 is for programs that use `select`, which none here does.
pub(super) fn raise() -> Option<u64> {
    let limit = getrlimit(Resource::Nofile);
    let most = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    if limit.current == limit.maximum || setrlimit(Resource::Nofile, most).is_ok() {
        limit.maximum
    } else {
        limit.current
    }
}
