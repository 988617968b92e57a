//! A long life in a short time: scrapes twenty times a second, faults in no order, nothing that grows, and no error without a
//! fault that explains it.
//!
//! The suite runs a short one; `make soak` runs 5,000 scrapes and prints the curve.

mod clients;
mod door;
mod fault;
mod files;
mod flood;
mod scrapes;
mod unread;

use std::fs;
use std::fs::Permissions;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use pg_exporter_lab::flood::Site;
use pg_exporter_lab::{Exporter, FaultProxy, Folder, wait_until};

use self::door::Door;
use self::fault::{Faults, Random, Scene};
use self::scrapes::Scrapes;
use self::unread::Log;
use crate::support::{SOON, State, assert_recovers, backends, cluster, wait_for_state};

/// Scrapes of a run; as many as `PG_EXPORTER_SOAK` says where it is set.
const SCRAPES: u32 = 1400;

/// How long all may take to be well again after a fault.
const RECOVERY: Duration = Duration::from_secs(30);

/// What memory may vary by: a page and its copy in flight are a megabyte, and the allocator gives back when it likes.
const NOISE: u64 = 3 << 20;

/// A collector of a file.
const APP: &str = "app:
  query: SELECT 1 AS one
  tags: [cluster]
  ttl: 0
  metrics:
    - one: { usage: GAUGE, description: One. }
";

/// One point of the curve.
struct Point {
    /// Behind which fault.
    fault: &'static str,
    scrapes: u32,
    rss: u64,
    files: usize,
    backends: u32,
}

#[test]
fn scrapes_with_faults_leave_nothing_behind() {
    let wanted = std::env::var("PG_EXPORTER_SOAK").map_or(SCRAPES, |number| number.parse().unwrap());
    let cluster = cluster();
    cluster.create_database("app");
    let proxy = FaultProxy::start(cluster.port());
    cluster.psql("create role soak login superuser");
    let log = Log::new();
    let (site, folder) = (
        Site::new(),
        Folder::of(&[("pgpass", "*:*:*:soak:s3cret\n"), ("app.yml", APP)]),
    );
    let (password, app) = (folder.at("pgpass"), folder.at("app.yml"));
    fs::set_permissions(&password, Permissions::from_mode(0o600)).unwrap();
    let exporter = Exporter::builder("/bin/sh")
        .args([
            "-c",
            "exec \"$0\" 2>\"$LOG\" \"$@\"",
            env!("CARGO_BIN_EXE_pg_exporter"),
        ])
        .env("LOG", log.path())
        .env("PGPASSFILE", &password)
        .url(&proxy.url("postgres").replace("postgres@", "soak@"))
        .arg("-c")
        .arg(&app)
        .arg("--web.config.file")
        .arg(site.config())
        .start();
    let (client, visitor) = ["h2", "http/1.1"]
        .map(|protocol| site.client(Ipv4Addr::LOCALHOST, exporter.port(), protocol))
        .into();
    let (wide, narrow) = (Door::of(visitor.clone()), Door::of(visitor.with_little_room()));
    let exporter = exporter.behind(wide.port());
    let files = [
        password,
        app,
        site.config(),
        site.config().with_file_name("web.crt"),
    ];
    wait_for_state(&exporter, State::Primary, SOON);
    let mut faults = Faults::new(Scene {
        cluster: &cluster,
        proxy: &proxy,
        exporter: &exporter,
        log: &log,
        narrow: narrow.port(),
        client: &client,
        files: &files,
    });
    let mut random = Random::new(42);
    let mut curve: Vec<Point> = Vec::new();
    let (mut injected, mut slow) = (0, 0);
    let began = Instant::now();
    std::thread::scope(|scope| {
        let scrapes = Scrapes::start(scope, &exporter);
        scrapes.wait_until_whole(RECOVERY);
        // What each of them makes the process hold at once, the allocator keeps for the next time: that is a step, no slope. It has
        // been taken when the curve begins, whichever comes first there.
        faults.once_each(&scrapes);
        while scrapes.count() < wanted {
            let name = faults.inject(&mut random, &scrapes);
            injected += 1;
            std::thread::sleep(random.between(300, 1500));
            faults.lift();
            scrapes.wait_until_whole(RECOVERY);
            // From here on nothing may fail.
            let is_judged = scrapes.calm(random.between(700, 2000), name, &mut cluster.session("postgres"));
            slow += u32::from(!is_judged);
            // A backend learns of a lost connection when it next reads.
            wait_until("no more backends than the cap are left", SOON, || {
                backends(&cluster) <= 8
            });
            curve.push(Point {
                fault: name,
                scrapes: scrapes.count(),
                rss: exporter.rss(),
                files: descriptors(exporter.pid()),
                backends: backends(&cluster),
            });
        }
        scrapes.assert_both_kinds();
    });
    eprintln!("{slow} times the machine was too slow to tell");
    assert!(
        slow * 4 <= injected,
        "{slow} of {injected} times the machine was too slow to tell"
    );
    let page = assert_recovers(&exporter, State::Primary);
    let runs = page.value("pg_exporter_scrape_total_count", &[]).unwrap();
    eprintln!(
        "{} scrapes in {:.0?}, {runs} runs, {injected} faults ({}); memory in KiB, descriptors, backends:",
        curve.last().map_or(0, |point| point.scrapes),
        began.elapsed(),
        faults.tally(),
    );
    for point in thinned(&curve) {
        let Point {
            fault,
            scrapes,
            rss,
            files,
            backends,
        } = point;
        eprintln!(
            "  {scrapes:>5} scrapes: {:>6} KiB, {files:>3} descriptors, {backends} backends, after «{fault}»",
            rss >> 10
        );
    }
    assert_flat(&curve);
    assert_log_explains_itself(&log.text());
}

fn descriptors(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count()
}

/// Some twenty points of the curve, the last one among them.
fn thinned(curve: &[Point]) -> impl Iterator<Item = &Point> {
    let step = (curve.len() / 20).max(1);
    curve
        .iter()
        .rev()
        .step_by(step)
        .collect::<Vec<_>>()
        .into_iter()
        .rev()
}

/// After the first third, memory and descriptors stay what they are.
#[track_caller]
fn assert_flat(curve: &[Point]) {
    let (warm, rest) = curve.split_at(curve.len() / 3);
    let (middle, end) = rest.split_at(rest.len() / 2);
    assert!(
        !warm.is_empty() && !middle.is_empty(),
        "{} faults are too few",
        curve.len()
    );
    let most = |points: &[Point]| points.iter().map(|point| point.rss).max().unwrap_or_default();
    let (before, after) = (most(middle), most(end));
    assert!(
        after < before + NOISE,
        "{} KiB, then {} KiB",
        before >> 10,
        after >> 10
    );
    // The fewest, as each client that waits just then has one too.
    let files = |points: &[Point]| points.iter().map(|point| point.files).min().unwrap_or_default();
    let (before, after) = (files(middle), files(end));
    assert!(after <= before + 2, "{before} descriptors, then {after}");
    assert!(curve.iter().all(|point| point.backends <= 8));
}

/// What the exporter warned of is what the faults do: no error of its own, no panic, no reason that no fault has.
#[track_caller]
fn assert_log_explains_itself(log: &str) {
    assert!(!log.contains("panicked"), "{log}");
    let is_told = |line: &&str| line.contains("level=warn") || line.contains("level=error");
    // What the files held before stays in force, and that is an error of whoever changed them.
    let is_of_files = |line: &&str| line.contains("it is a pipe (FIFO)");
    for line in log.lines().filter(is_told).filter(|line| !is_of_files(line)) {
        assert!(!line.contains("level=error"), "{line}");
        let is_failure = line.contains("scrape failed: ") || line.contains("collector failed: ");
        let reasons = [
            "connection",
            "timeout",
            "lock_timeout",
            "missing_object",
            "permission",
            "other",
        ];
        let is_known = reasons
            .iter()
            .any(|reason| line.contains(&format!(" reason={reason}")));
        // The probe says so too, as often as the target's state changes.
        let is_outage = line.contains("message=\"target changed\"")
            && ["to=down", "to=starting"]
                .iter()
                .any(|state| line.contains(state));
        let is_count = line.contains("were held back") || line.contains("were dropped");
        // What floods do before they speak HTTP/2, and while they do.
        let is_client = line.contains("TLS handshake failed: ") || line.contains(" library=h2");
        // What pipes in the place of files do.
        let is_file = line.contains("it is not a plain file");
        assert!(
            is_outage || is_count || is_client || is_file || (is_failure && is_known),
            "{line}"
        );
    }
}
