//! Ports for servers that nothing else will take.
//!
//! Asking the kernel for any free port is not enough: between asking and the server's own bind, another
//! server or an outgoing connection can take it. These ports lie outside the range of outgoing connections,
//! and a lock file keeps other test processes off.

use std::fs::{self, File};
use std::net::TcpListener;
use std::ops::Range;
use std::sync::atomic::{AtomicU16, Ordering};

use crate::cache::cache;
use crate::error::{Context, Error, OrFail, Result};

/// A port that is ours for as long as the value lives.
#[derive(Debug)]
pub struct Port {
    /// The port's number.
    pub number: u16,
    /// Locked; the lock ends with the process, however that ends.
    _lease: File,
}

/// Leases a port on which nothing listens.
///
/// # Panics
/// When there is none.
#[must_use]
#[track_caller]
pub fn free_port() -> Port {
    lease().or_fail()
}

pub(crate) fn lease() -> Result<Port> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let folder = cache()?.join("ports");
    fs::create_dir_all(&folder).context(|| format!("creating {}", folder.display()))?;
    let range = range();
    let count = range.end - range.start;
    // Each process starts elsewhere, so that they seldom meet.
    let start = u16::try_from(std::process::id().wrapping_mul(97) % u32::from(count)).unwrap_or(0);
    for _ in 0..count {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let number = range.start + (start.wrapping_add(step)) % count;
        let path = folder.join(number.to_string());
        let lease = File::create(&path).context(|| format!("creating {}", path.display()))?;
        if lease.try_lock().is_ok() && TcpListener::bind(("127.0.0.1", number)).is_ok() {
            return Ok(Port {
                number,
                _lease: lease,
            });
        }
    }
    Err(Error::new(format!("no port of {range:?} is free on 127.0.0.1")))
}

/// 2,000 ports on the side of the ephemeral range that has more room.
fn range() -> Range<u16> {
    let text = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let mut bounds = text
        .split_whitespace()
        .filter_map(|bound| bound.parse::<u16>().ok());
    let (low, high) = (bounds.next().unwrap_or(32768), bounds.next().unwrap_or(60999));
    if low >= 12_000 {
        low - 4_000..low - 2_000
    } else {
        high.min(63_000)..high.min(63_000) + 2_000
    }
}
