//! Floods of one client without a password, over TLS: whoever asks for `/primary` beside them is answered, the client itself and
//! another one, and what they make the server hold stays small.
//!
//! Figures are of whichever build `PG_EXPORTER_TESTED` names, of the tests' own without it.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use pg_exporter_lab::Exporter;
use pg_exporter_lab::flood::{Client, KINDS, Kind, Site, ask, runtime};
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::{SOON, on_server, turn};

/// Memory that all clients together may make the server hold.
const MEMORY: u64 = 64_000_000;

/// As many connections as the server takes.
const ALL: usize = 512;

/// Almost as many as it takes of those that have only begun.
const NEWCOMERS: usize = 4000;

/// How long each flood lasts, and of how many connections it is. An unoptimized build is ten times slower, and the machine may
/// have other things to do: there it is about answers and memory alone.
fn floods() -> Vec<(Kind, usize, Duration)> {
    let all = |connections, time| KINDS.map(|kind| (kind, connections, time));
    let four = Duration::from_secs(4);
    let few = Duration::from_millis(1500);
    // Behind one of all connections, some of them are still there when the next flood begins.
    let mut floods = match std::env::var_os("PG_EXPORTER_TESTED") {
        Some(_) => [64, 256, ALL].map(|connections| all(connections, four)).concat(),
        None => [
            all(24, few).to_vec(),
            GREEDY.map(|kind| (kind, ALL, four)).to_vec(),
        ]
        .concat(),
    };
    floods.push((Kind::HalfHandshakes, NEWCOMERS, four));
    floods
}

/// Those that hold most.
const GREEDY: [Kind; 6] = [
    Kind::ReferencesAndRequests,
    Kind::Continuations,
    Kind::Bodies,
    Kind::Fields,
    Kind::Unread,
    Kind::LongHeads,
];

/// The program behind TLS.
struct Flooded {
    exporter: Exporter,
    site: Site,
}

impl Flooded {
    fn start() -> Self {
        let site = Site::new();
        let exporter = on_server().arg("--web.config.file").arg(site.config()).start();
        Self { exporter, site }
    }

    fn client(&self, address: Ipv4Addr, protocol: &str) -> Client {
        self.site.client(address, self.exporter.port(), protocol)
    }
}

/// What `/primary` takes, each time; every answer is 200.
fn probe(client: &Client, is_kept: bool, until: Instant) -> Vec<Duration> {
    runtime().block_on(async {
        let mut times = Vec::new();
        let mut kept = None;
        while Instant::now() < until {
            let asked = Instant::now();
            let mut stream = match kept.take() {
                Some(stream) => stream,
                None => client.connect().await.unwrap(),
            };
            // The first one of a kept connection pays for the handshake.
            let is_first = is_kept && times.is_empty();
            stream
                .write_all(b"GET /primary HTTP/1.1\r\nHost: x\r\n\r\n")
                .await
                .unwrap();
            let mut answer = [0; 1024];
            let length = stream.read(&mut answer).await.unwrap();
            let text = String::from_utf8_lossy(&answer[..length]);
            assert!(text.starts_with("HTTP/1.1 200 OK"), "{text}");
            times.push(if is_first { Duration::ZERO } else { asked.elapsed() });
            if is_kept {
                kept = Some(stream);
            }
            tokio::time::sleep(Duration::from_millis(if is_kept { 3 } else { 20 })).await;
        }
        times.sort_unstable();
        times
    })
}

fn percentile(times: &[Duration], part: f64) -> Duration {
    let place = (times.len() as f64 * part) as usize;
    times[place.min(times.len() - 1)]
}

/// Lets this process have so many files open.
fn open_files(most: usize) {
    let mut limit = getrlimit(Resource::Nofile);
    let most = u64::try_from(most).unwrap();
    if limit.current.is_some_and(|current| current < most) {
        limit.current = Some(most);
        setrlimit(Resource::Nofile, limit).unwrap();
    }
}

/// The client that floods, and one that does not.
const FLOODING: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
const ANOTHER: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// A flood of a kind, and what `/primary` took beside it.
fn measure(site: &Flooded, kind: Kind, connections: usize, time: Duration) {
    let (sent, until) = (Arc::<AtomicU64>::default(), Instant::now() + time);
    let attacker = site.client(FLOODING, kind.protocol());
    let mut probers = vec![(ANOTHER, true), (ANOTHER, false)];
    // A client that has all connections that there may be has no other one.
    if connections < ALL {
        probers.extend([(FLOODING, true), (FLOODING, false)]);
    }
    let times: Vec<_> = thread::scope(|scope| {
        scope.spawn(|| {
            let end = async { tokio::time::sleep_until(until.into()).await };
            attacker.flood(kind, connections, end, &sent);
        });
        let probe = |&(address, is_kept): &(Ipv4Addr, bool)| {
            let prober = site.client(address, "http/1.1");
            scope.spawn(move || probe(&prober, is_kept, until))
        };
        let probes: Vec<_> = probers.iter().map(probe).collect();
        probes.into_iter().map(|probe| probe.join().unwrap()).collect()
    });
    let rate = sent.load(Ordering::Relaxed) as f64 / time.as_secs_f64() / 1e6;
    let (now, peak) = (site.exporter.rss() >> 20, site.exporter.peak_rss() >> 20);
    let told = probers.iter().zip(&times).map(|((address, is_kept), times)| {
        let [p50, p99, most] = [0.5, 0.99, 1.0].map(|part| percentile(times, part));
        let how = if *is_kept { "kept" } else { "new" };
        let who = if *address == FLOODING {
            "its own"
        } else {
            "another's"
        };
        format!("{who} {how} {p50:.1?}, {p99:.1?}, {most:.1?} of {}", times.len())
    });
    let told: Vec<_> = told.collect();
    eprintln!(
        "{connections:>4} connections, {kind:?}: {rate:.1} MB/s; /primary p50, p99, longest: {}; memory {now} MiB, peak {peak} MiB",
        told.join("; "),
    );
}

#[test]
fn floods_of_one_client_leave_health_and_memory_alone() {
    let _turn = turn();
    let site = Flooded::start();
    let prober = site.client(ANOTHER, "http/1.1");
    pg_exporter_lab::wait_until("/primary answers 200", SOON, || {
        runtime().block_on(async {
            let mut stream = prober.connect().await.unwrap();
            ask(&mut stream).await.unwrap().starts_with(b"HTTP/1.0 200")
        })
    });
    let only = std::env::var("PG_EXPORTER_FLOOD").unwrap_or_default();
    let idle = site.exporter.peak_rss();
    open_files(NEWCOMERS + 100);
    for (kind, connections, time) in floods() {
        if format!("{kind:?}").contains(&only) {
            measure(&site, kind, connections, time);
        }
    }
    let grown = site.exporter.peak_rss().saturating_sub(idle);
    assert!(grown < MEMORY, "{} MiB more than before", grown >> 20);
    // Each cut connection is worth a line a minute, not one each.
    let log = site.exporter.final_log();
    assert!(log.lines().count() < 60, "{log}");
    assert!(!log.contains("panicked"), "{log}");
}
