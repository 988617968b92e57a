//! Faults in no order, the same in each run.

use std::collections::BTreeMap;
use std::time::Duration;

use pg_exporter_lab::{Cluster, FaultProxy, Mode, Session};

use super::scrapes::Scrapes;

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

/// What is done to the way and to the server.
pub(super) struct Faults<'a> {
    cluster: &'a Cluster,
    proxy: &'a FaultProxy,
    holder: Option<Session>,
    is_frozen: bool,
    counts: BTreeMap<&'static str, u32>,
}

const OURS: &str = "from pg_stat_activity where application_name = 'pg_exporter'";

impl<'a> Faults<'a> {
    pub(super) fn new(cluster: &'a Cluster, proxy: &'a FaultProxy) -> Self {
        Self {
            cluster,
            proxy,
            holder: None,
            is_frozen: false,
            counts: BTreeMap::new(),
        }
    }

    /// Begins the fault of a number; its name.
    pub(super) fn inject(&mut self, number: u64, scrapes: &Scrapes) -> &'static str {
        scrapes.trouble();
        let name = self.begin(number);
        *self.counts.entry(name).or_default() += 1;
        name
    }

    fn begin(&mut self, number: u64) -> &'static str {
        let (cluster, proxy) = (self.cluster, self.proxy);
        match number % 14 {
            0 => proxy.mode(Mode::Reset),
            1 => proxy.mode(Mode::Close),
            2 => proxy.mode(Mode::Refuse),
            3 => proxy.mode(Mode::Hang),
            4 => {
                proxy.cut_after(number % 60_000 + 1);
                proxy.mode(Mode::Reset);
                proxy.mode(Mode::Pass);
            }
            5 => proxy.latency(Duration::from_millis(number % 300)),
            6 => proxy.rate(20_000 + number % 200_000),
            7 => drop(cluster.psql(&format!("select pg_terminate_backend(pid) {OURS}"))),
            8 => drop(cluster.psql(&format!(
                "select pg_cancel_backend(pid) {OURS} and state = 'active'"
            ))),
            9 => {
                cluster.pause();
                self.is_frozen = true;
            }
            10 => cluster.restart(),
            11 => {
                cluster.kill9();
                cluster.start_again();
            }
            12 => {
                let mut holder = cluster.session("app");
                holder.exec("begin; lock table pg_catalog.pg_class in access exclusive mode");
                self.holder = Some(holder);
            }
            _ => {
                cluster.psql("drop database if exists guest");
                cluster.psql("create database guest");
            }
        }
        NAMES[usize::try_from(number % 14).unwrap_or_default()]
    }

    /// Ends the fault.
    pub(super) fn lift(&mut self) {
        if std::mem::take(&mut self.is_frozen) {
            self.cluster.resume();
        }
        self.holder = None;
        self.proxy.cut_after(0);
        self.proxy.rate(0);
        self.proxy.latency(Duration::ZERO);
        self.proxy.mode(Mode::Pass);
    }

    /// How often there was which.
    pub(super) fn tally(&self) -> String {
        let each = self.counts.iter().map(|(name, count)| format!("{count} {name}"));
        each.collect::<Vec<_>>().join(", ")
    }
}

const NAMES: [&str; 14] = [
    "reset",
    "closed",
    "refused",
    "hanging",
    "cut",
    "latency",
    "slow line",
    "terminated",
    "cancelled",
    "frozen",
    "restart",
    "crash",
    "locked catalog",
    "database made anew",
];
