//! The process as Linux sees it, under the names that all Prometheus clients use.
//!
//! By hand, since the library's collector counts processor time in whole seconds.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::table::{
    PROCESS_CPU, PROCESS_MAX_FDS, PROCESS_OPEN_FDS, PROCESS_RECEIVED, PROCESS_RESIDENT, PROCESS_SENT,
    PROCESS_START, PROCESS_THREADS, PROCESS_VIRTUAL, PROCESS_VIRTUAL_MAX,
};
use super::writer::Writer;

/// Entries of the auxiliary vector: the kernel's page size and clock ticks per second.
const AT_PAGESZ: u64 = 6;
const AT_CLKTCK: u64 = 17;

/// A reader of `/proc/self`. What never changes is read once.
#[derive(Clone, Debug)]
pub struct Process {
    root: PathBuf,
    page_bytes: f64,
    ticks_per_second: f64,
    /// Unix time of the system's start, in seconds.
    boot: Option<f64>,
}

/// What the process uses. `None` where the system does not tell.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// Processor time, user and system, in seconds.
    pub cpu_seconds: Option<f64>,
    /// Resident memory in bytes.
    pub resident_bytes: Option<f64>,
    /// Virtual memory in bytes.
    pub virtual_bytes: Option<f64>,
    /// Open file descriptors.
    pub open_fds: Option<f64>,
    /// Most file descriptors that may be open.
    pub max_fds: Option<f64>,
    /// Unix time of the process' start, in seconds.
    pub start_seconds: Option<f64>,
    /// Threads.
    pub threads: Option<f64>,
    /// Most virtual memory in bytes, infinite without a limit.
    pub max_virtual_bytes: Option<f64>,
    /// Bytes received by IP in the network namespace.
    pub received_bytes: Option<f64>,
    /// Bytes sent by IP in the network namespace.
    pub sent_bytes: Option<f64>,
}

impl Default for Process {
    fn default() -> Self {
        Self::at(Path::new("/proc"))
    }
}

impl Process {
    fn at(root: &Path) -> Self {
        let auxv = fs::read(root.join("self/auxv")).unwrap_or_default();
        Self {
            root: root.to_owned(),
            page_bytes: auxiliary(&auxv, AT_PAGESZ).unwrap_or(4096) as f64,
            ticks_per_second: auxiliary(&auxv, AT_CLKTCK).unwrap_or(100) as f64,
            boot: read(root, "stat").and_then(|text| after(&text, "btime ")),
        }
    }

    /// What the process uses now.
    #[must_use]
    pub fn usage(&self) -> Usage {
        let stat = read(&self.root, "self/stat").unwrap_or_default();
        let limits = read(&self.root, "self/limits").unwrap_or_default();
        let network = read(&self.root, "self/net/netstat").unwrap_or_default();
        // The directory that is being read is itself an open file.
        let open_fds = fs::read_dir(self.root.join("self/fd"))
            .ok()
            .map(|entries| entries.count().saturating_sub(1));
        let ticks = |number| field(&stat, number).map(|ticks| ticks / self.ticks_per_second);
        Usage {
            cpu_seconds: ticks(14).zip(ticks(15)).map(|(user, system)| user + system),
            resident_bytes: field(&stat, 24).map(|pages| pages * self.page_bytes),
            virtual_bytes: field(&stat, 23),
            open_fds: open_fds.map(|count| count as f64),
            max_fds: limit(&limits, "Max open files"),
            start_seconds: self.boot.zip(ticks(22)).map(|(boot, start)| boot + start),
            threads: field(&stat, 20),
            max_virtual_bytes: limit(&limits, "Max address space"),
            received_bytes: column(&network, "IpExt:", "InOctets"),
            sent_bytes: column(&network, "IpExt:", "OutOctets"),
        }
    }
}

impl Usage {
    /// Writes what is known.
    pub fn write(&self, page: &mut Writer<'_>) {
        let values = [
            (&PROCESS_CPU, self.cpu_seconds),
            (&PROCESS_RESIDENT, self.resident_bytes),
            (&PROCESS_VIRTUAL, self.virtual_bytes),
            (&PROCESS_OPEN_FDS, self.open_fds),
            (&PROCESS_MAX_FDS, self.max_fds),
            (&PROCESS_START, self.start_seconds),
            (&PROCESS_THREADS, self.threads),
            (&PROCESS_VIRTUAL_MAX, self.max_virtual_bytes),
            (&PROCESS_RECEIVED, self.received_bytes),
            (&PROCESS_SENT, self.sent_bytes),
        ];
        for (metric, value) in values {
            if let Some(value) = value {
                page.single(metric, value);
            }
        }
    }
}

/// A file of proc(5). They tell no size, so that without room of its own a string grows in many small reads.
fn read(root: &Path, name: &str) -> Option<String> {
    let mut text = String::with_capacity(4096);
    fs::File::open(root.join(name))
        .ok()?
        .read_to_string(&mut text)
        .ok()?;
    Some(text)
}

/// Field of `stat` by its number in proc(5). Counting begins behind the command, which may hold blanks.
fn field(stat: &str, number: usize) -> Option<f64> {
    let (_, fields) = stat.rsplit_once(')')?;
    fields
        .split_ascii_whitespace()
        .nth(number.checked_sub(3)?)?
        .parse()
        .ok()
}

/// The first number behind `name`.
fn after(text: &str, name: &str) -> Option<f64> {
    let (_, rest) = text.split_once(name)?;
    rest.split_ascii_whitespace().next()?.parse().ok()
}

/// A soft limit of `limits`.
fn limit(limits: &str, name: &str) -> Option<f64> {
    let (_, rest) = limits.split_once(name)?;
    match rest.split_ascii_whitespace().next()? {
        "unlimited" => Some(f64::INFINITY),
        number => number.parse().ok(),
    }
}

/// A figure of `net/netstat`: a line of names, then a line of values, both after the table's name.
fn column(text: &str, table: &str, name: &str) -> Option<f64> {
    let mut lines = text.lines().filter_map(|line| line.strip_prefix(table));
    let at = lines
        .next()?
        .split_ascii_whitespace()
        .position(|column| column == name)?;
    lines.next()?.split_ascii_whitespace().nth(at)?.parse().ok()
}

/// Value of an entry of the auxiliary vector: pairs of machine words.
fn auxiliary(vector: &[u8], key: u64) -> Option<u64> {
    const WORD: usize = size_of::<usize>();
    let word = |bytes: &[u8]| {
        bytes
            .try_into()
            .ok()
            .map(|bytes| usize::from_ne_bytes(bytes) as u64)
    };
    vector.chunks_exact(2 * WORD).find_map(|pair| {
        let (name, value) = pair.split_at(WORD);
        (word(name)? == key).then(|| word(value))?
    })
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use std::time::{Instant, SystemTime, UNIX_EPOCH};

    #[test]
    fn fields_are_counted_behind_the_command() {
        let stat = "7 (a b) c) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0 3 0 900 4096 12";
        assert_eq!(field(stat, 14), Some(250.0));
        assert_eq!(field(stat, 15), Some(50.0));
        assert_eq!(
            (field(stat, 20), field(stat, 22), field(stat, 24)),
            (Some(3.0), Some(900.0), Some(12.0))
        );
        assert_eq!(field(stat, 99), None);
    }

    #[test]
    fn limits_and_tables_of_the_network() {
        let limits = "Limit   Soft Limit   Hard Limit   Units\nMax address space   unlimited   unlimited   bytes\n\
                      Max open files   1024   4096   files\n";
        assert_eq!(limit(limits, "Max address space"), Some(f64::INFINITY));
        assert_eq!(limit(limits, "Max open files"), Some(1024.0));
        assert_eq!(limit(limits, "Max pending signals"), None);
        let network = "TcpExt: a InOctets\nTcpExt: 1 2\nIpExt: InNoRoutes InOctets OutOctets\nIpExt: 3 4 5\n";
        assert_eq!(column(network, "IpExt:", "InOctets"), Some(4.0));
        assert_eq!(column(network, "IpExt:", "OutOctets"), Some(5.0));
        assert_eq!(column(network, "IpExt:", "Other"), None);
        assert_eq!(column("", "IpExt:", "InOctets"), None);
    }

    #[test]
    fn usage_follows_what_this_process_does() {
        let process = Process::default();
        assert_eq!(process.page_bytes % 4096.0, 0.0);
        let before = process.usage();
        let started = Instant::now();
        let memory = vec![1_u8; 64 << 20];
        let files: Vec<_> = (0..20)
            .map(|_| fs::File::open("/proc/self/stat").unwrap())
            .collect();
        let (release, wait) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || wait.recv());
        while started.elapsed().as_millis() < 200 {
            std::hint::black_box(&memory);
        }
        let after = process.usage();
        assert!(after.resident_bytes.unwrap() - before.resident_bytes.unwrap() > 50e6);
        assert!(after.virtual_bytes.unwrap() > after.resident_bytes.unwrap());
        assert!(after.open_fds.unwrap() >= 20.0 && after.open_fds.unwrap() < after.max_fds.unwrap());
        assert!(after.threads.unwrap() >= 2.0);
        assert!(after.max_virtual_bytes.unwrap() > after.virtual_bytes.unwrap());
        assert!(after.received_bytes.unwrap() >= before.received_bytes.unwrap());
        assert!(after.sent_bytes >= before.sent_bytes);
        let cpu = after.cpu_seconds.unwrap() - before.cpu_seconds.unwrap();
        assert!((0.03..60.0).contains(&cpu), "{cpu}");
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_secs_f64();
        let age = now - after.start_seconds.unwrap();
        assert!((-2.0..86_400.0).contains(&age), "{age}");
        drop((release, files));
        let _ = thread.join();
    }

    #[test]
    fn what_the_system_does_not_tell_is_left_out() {
        let usage = Process::at(Path::new("/nonexistent")).usage();
        let mut page = Writer::new("pg", &[]);
        usage.write(&mut page);
        assert_eq!((usage, page.finish().len()), (Usage::default(), 0));
    }
}
