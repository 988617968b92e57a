//! Faults in no order, the same in each run.

use std::collections::BTreeMap;
use std::time::Duration;

use pg_exporter_lab::process::{Signal, signal};
use pg_exporter_lab::{Cluster, Exporter, FaultProxy, Mode, Session};

use super::clients::{Crowd, Kind};
use super::scrapes::Scrapes;
use super::unread::Log;
use crate::support::HungStorage;

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
}

/// What is done to the way, to the server, to the exporter and by its clients.
pub(super) struct Faults<'a> {
    scene: Scene<'a>,
    holder: Option<Session>,
    crowd: Option<Crowd>,
    frozen: Frozen,
    hung: Option<HungStorage>,
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
            refuses: false,
            counts: BTreeMap::new(),
        }
    }

    /// Begins the fault of a number; its name.
    pub(super) fn inject(&mut self, number: u64, scrapes: &Scrapes) -> &'static str {
        scrapes.trouble();
        let name = NAMES[usize::try_from(number).unwrap_or_default() % NAMES.len()];
        self.begin(name, number);
        *self.counts.entry(name).or_default() += 1;
        name
    }

    fn begin(&mut self, name: &str, number: u64) {
        let Scene {
            cluster,
            proxy,
            exporter,
            log,
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
            "slow readers" => self.crowd = Some(Crowd::start(exporter.port(), Kind::Deaf, 64)),
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
        } = self.scene;
        match std::mem::take(&mut self.frozen) {
            Frozen::Nothing => {}
            Frozen::Server => cluster.resume(),
            Frozen::Postmaster => signal(cluster.pid(), Signal::CONT).unwrap(),
            Frozen::Exporter => exporter.signal(Signal::CONT),
        }
        self.hung = None;
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

const NAMES: [&str; 24] = [
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
    "refused login",
    "unread log",
    "slow readers",
    "flood of requests",
    "half requests",
    "reloads",
];
