//! One target: what it is made of, and what runs of it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::health::probe::Manner;
use crate::health::{Health, Probing};
use crate::postgres::connect::Endpoint;
use crate::scrape::{Config, Scraper};

/// What a target is made of.
#[derive(Clone, Debug)]
pub struct TargetSettings {
    /// What requests call it; `None` where it is the only one.
    pub name: Option<Arc<str>>,
    /// Labels of its own, which service discovery tells.
    pub labels: Vec<(String, String)>,
    /// Where to connect.
    pub endpoint: Endpoint,
    /// How it is scraped.
    pub config: Config,
    /// How it is probed.
    pub manner: Manner,
    /// Longest scrape when the client names no limit.
    pub scrape_timeout: Duration,
}

impl TargetSettings {
    /// A view of the probe that is not yet running.
    #[must_use]
    pub fn health(&self) -> Health {
        let interval = self.manner.interval;
        // At the default interval of 1 s a snapshot holds for 3 s.
        let max_age = (interval * 2 + Duration::from_secs(1)).max(Duration::from_secs(3));
        // A turn ends a connection, connects to each host, and asks; three of them are a stuck task.
        let turn = interval + self.endpoint.connect_timeout * 5 + self.endpoint.longest_connect();
        let longest = (turn * 3).max(Duration::from_secs(10));
        Health::new(max_age, longest).beside(self.endpoint.traffic().clone())
    }
}

/// Pages of one target in the making at the same time: others find their places whatever its clients do.
pub(super) const PLACES: usize = 16;

/// A target that is scraped and probed. When the last handle is dropped, both end and its connections close.
#[derive(Debug)]
pub struct Target {
    /// What it is made of.
    pub settings: TargetSettings,
    /// Makes its pages.
    pub scraper: Scraper,
    /// Knows its state.
    pub health: Health,
    /// Host, port and database, without secrets.
    pub server: String,
    /// Places for pages in the making.
    pub places: Semaphore,
    /// Probes for as long as it is held.
    pub(super) _probing: Probing,
}
