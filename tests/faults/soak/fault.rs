//! Faults in no order, the same in each run.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::Duration;

use pg_exporter_lab::flood::{Client, KINDS};
use pg_exporter_lab::process::{Signal, signal};
use pg_exporter_lab::{Cluster, Exporter, FaultProxy, Mode, Session};

use super::RECOVERY;
use super::clients::{Crowd, Kind};
use super::files::{Pipes, ReadOnly};
use super::flood::Flood;
use super::scrapes::Scrapes;
use super::unread::Log;
use crate::support::HungStorage;

/// How long each of them lasts the first time.
const SHORTLY: Duration = Duration::from_millis(250);

/// A sequence that looks random.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    /// A time between so many milliseconds.
    pub(super) fn between(&mut self, least: u64, most: u64) -> Duration {
        Duration::from_millis(least + self.next() % (most - least))
    }
}

/// What they are done to.
#[derive(Clone, Copy)]
pub(super) struct Scene<'a> {
    pub(super) cluster: &'a Cluster,
    pub(super) proxy: &'a FaultProxy,
    pub(super) exporter: &'a Exporter,
    pub(super) log: &'a Log,
    /// Where one asks who takes little at a time.
    pub(super) narrow: u16,
    /// A client of HTTP/2.
    pub(super) client: &'a Client,
    /// Files that the exporter reads.
    pub(super) files: &'a [PathBuf],
}

/// What is done to the way, to the server, to the exporter and by its clients.
pub(super) struct Faults<'a> {
    scene: Scene<'a>,
    holder: Option<Session>,
    crowd: Option<Crowd>,
    frozen: Frozen,
    hung: Option<HungStorage>,
    read_only: Option<ReadOnly>,
    flood: Option<Flood>,
    pipes: Option<Pipes>,
    refuses: bool,
    counts: BTreeMap<&'static str, u32>,
}

/// What is stopped.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Frozen {
    #[default]
    Nothing,
    Server,
    Postmaster,
    Exporter,
}

const OURS: &str = "from pg_stat_activity where application_name = 'pg_exporter'";

impl<'a> Faults<'a> {
    pub(super) fn new(scene: Scene<'a>) -> Self {
        Self {
            scene,
            holder: None,
            crowd: None,
            frozen: Frozen::Nothing,
            hung: None,
            read_only: None,
            flood: None,
            pipes: None,
            refuses: false,
            counts: BTreeMap::new(),
        }
    }

    /// Begins any of them; its name.
    pub(super) fn inject(&mut self, random: &mut Random, scrapes: &Scrapes) -> &'static str {
        scrapes.trouble();
        let name = NAMES[usize::try_from(random.next()).unwrap_or_default() % NAMES.len()];
        self.begin(name, random.next());
        *self.counts.entry(name).or_default() += 1;
        name
    }

    /// Each of them once, and each kind of flood, soon one after the other.
    pub(super) fn once_each(&mut self, scrapes: &Scrapes) {
        scrapes.trouble();
        let floods = (0..).zip(KINDS).map(|(number, _)| ("flood of HTTP/2", number));
        for (name, number) in NAMES.map(|name| (name, 7)).into_iter().chain(floods) {
            self.begin(name, number);
            sleep(SHORTLY);
            self.lift();
            scrapes.wait_until_whole(RECOVERY);
            eprintln!(
                "  {:>6} KiB after the first «{name}»",
                self.scene.exporter.rss() >> 10
            );
        }
    }

    fn begin(&mut self, name: &str, number: u64) {
        let Scene {
            cluster,
            proxy,
            exporter,
            log,
            narrow,
            client,
            files,
        } = self.scene;
        match name {
            "reset" => proxy.mode(Mode::Reset),
            "closed" => proxy.mode(Mode::Close),
            "refused" => proxy.mode(Mode::Refuse),
            "hanging" => proxy.mode(Mode::Hang),
            "cut" => {
                proxy.cut_after(number % 60_000 + 1);
                proxy.mode(Mode::Reset);
                proxy.mode(Mode::Pass);
            }
            "latency" => proxy.latency(Duration::from_millis(number % 300)),
            "slow line" => proxy.rate(20_000 + number % 200_000),
            "black hole" => proxy.hang_after(1_500 + number % 20_000),
            "terminated" => drop(cluster.psql(&format!("select pg_terminate_backend(pid) {OURS}"))),
            "cancelled" => drop(cluster.psql(&format!(
                "select pg_cancel_backend(pid) {OURS} and state = 'active'"
            ))),
            "frozen" => {
                cluster.pause();
                self.frozen = Frozen::Server;
            }
            "frozen postmaster" => {
                signal(cluster.pid(), Signal::STOP).unwrap();
                self.frozen = Frozen::Postmaster;
            }
            "frozen exporter" => {
                exporter.signal(Signal::STOP);
                self.frozen = Frozen::Exporter;
            }
            "restart" => cluster.restart(),
            "crash" => {
                cluster.kill9();
                cluster.start_again();
            }
            "locked catalog" => {
                let mut holder = cluster.session("app");
                holder.exec("begin; lock table pg_catalog.pg_class in access exclusive mode");
                self.holder = Some(holder);
            }
            "database made anew" => {
                cluster.psql("drop database if exists guest");
                cluster.psql("create database guest");
            }
            "hung storage" => self.hung = Some(HungStorage::of(cluster)),
            "refused login" => {
                cluster.psql("alter role soak nologin");
                cluster.psql(&format!("select pg_terminate_backend(pid) {OURS}"));
                self.refuses = true;
            }
            "unread log" => log.read(false),
            "read-only storage" => self.read_only = Some(ReadOnly::of(cluster)),
            "pipes for files" => {
                self.pipes = Some(Pipes::instead_of(files));
                // New connections read those of the way to the server.
                cluster.psql(&format!("select pg_terminate_backend(pid) {OURS}"));
                self.crowd = Some(Crowd::start(exporter.port(), Kind::Reloads, 1));
            }
            "flood of HTTP/2" => self.flood = Some(Flood::start(client, number)),
            "clients in a hurry" => self.crowd = Some(Crowd::start(exporter.port(), Kind::Hasty, 1)),
            "slow readers" => self.crowd = Some(Crowd::start(narrow, Kind::Deaf, 64)),
            "flood of requests" => self.crowd = Some(Crowd::start(exporter.port(), Kind::Pipelines, 8)),
            "half requests" => self.crowd = Some(Crowd::start(exporter.port(), Kind::Halves, 200)),
            _ => self.crowd = Some(Crowd::start(exporter.port(), Kind::Reloads, 4)),
        }
    }

    /// Ends the fault.
    pub(super) fn lift(&mut self) {
        let Scene {
            cluster,
            proxy,
            exporter,
            log,
            ..
        } = self.scene;
        match std::mem::take(&mut self.frozen) {
            Frozen::Nothing => {}
            Frozen::Server => cluster.resume(),
            Frozen::Postmaster => signal(cluster.pid(), Signal::CONT).unwrap(),
            Frozen::Exporter => exporter.signal(Signal::CONT),
        }
        self.hung = None;
        self.read_only = None;
        self.flood = None;
        self.pipes = None;
        self.holder = None;
        self.crowd = None;
        if std::mem::take(&mut self.refuses) {
            cluster.psql("alter role soak login");
        }
        log.read(true);
        proxy.cut_after(0);
        proxy.hang_after(0);
        proxy.rate(0);
        proxy.latency(Duration::ZERO);
        proxy.mode(Mode::Pass);
    }

    /// How often there was which.
    pub(super) fn tally(&self) -> String {
        let each = self.counts.iter().map(|(name, count)| format!("{count} {name}"));
        each.collect::<Vec<_>>().join(", ")
    }
}

const NAMES: [&str; 28] = [
    "reset",
    "closed",
    "refused",
    "hanging",
    "cut",
    "latency",
    "slow line",
    "black hole",
    "terminated",
    "cancelled",
    "frozen",
    "frozen postmaster",
    "frozen exporter",
    "restart",
    "crash",
    "locked catalog",
    "database made anew",
    "hung storage",
    "read-only storage",
    "pipes for files",
    "refused login",
    "unread log",
    "clients in a hurry",
    "slow readers",
    "flood of HTTP/2",
    "flood of requests",
    "half requests",
    "reloads",
];
