//! The page of a process that has many targets: about itself, and a line or two of each target.

use std::time::Instant;

use super::overview::own_metrics;
use super::page::assemble::Pages;
use super::page::format::Format;
use super::page::shared::Gathered;
use super::request::{Encoding, Page};
use super::summary::Summary;
use crate::catalog::Catalog;
use crate::health::{Snapshot, State};
use crate::self_metrics as own;
use crate::self_metrics::{Metric, Process, TABLE, Telemetry, Writer};

/// A target as that page shows it.
#[derive(Clone, Debug)]
pub struct TargetLine {
    /// Its name.
    pub name: String,
    /// As its probe saw it last.
    pub health: Snapshot,
    /// As its last scrape left it.
    pub summary: Summary,
}

/// How the targets were loaded.
#[derive(Clone, Copy, Debug)]
pub struct TargetsLoad {
    /// Whether what the files say is in force.
    pub successful: bool,
    /// When what is in force was read, in seconds since 1970.
    pub at: f64,
}

/// What the page is made of.
#[derive(Debug)]
pub struct ExporterPage<'a> {
    /// Prefix of all names.
    pub namespace: &'a str,
    /// Constant labels.
    pub labels: &'a [(String, String)],
    /// The collectors in force.
    pub catalog: &'a Catalog,
    /// What the web server counts.
    pub telemetry: &'a Telemetry,
    /// When the process began to serve.
    pub since: Instant,
    /// How the targets were loaded.
    pub load: TargetsLoad,
    /// All targets.
    pub targets: &'a [TargetLine],
}

impl ExporterPage<'_> {
    /// The page. Takes some milliseconds for thousands of targets: not for a thread that answers.
    #[must_use]
    pub fn write(&self, format: Format, encoding: Encoding) -> Page {
        let mut page = Writer::new(self.namespace, self.labels);
        own_metrics::build(&mut page);
        page.single(&own::EXPORTER_UP, 1.0);
        page.single(&own::UPTIME, self.since.elapsed().as_secs_f64());
        own_metrics::configuration(self.catalog, &mut page);
        self.of_targets(&mut page);
        self.telemetry.write(&mut page);
        Process::default().usage().write(&mut page);
        let own: Vec<&Metric> = TABLE.iter().collect();
        let mut pages = Pages::default();
        pages.follow(self.catalog.live(), &own, self.namespace);
        let (text, nothing) = (page.finish(), Gathered::default());
        pages.page(text, &nothing, &std::iter::empty(), format, encoding)
    }

    fn of_targets(&self, page: &mut Writer<'_>) {
        page.single(&own::TARGETS, self.targets.len() as f64);
        page.single(
            &own::TARGETS_RELOAD_SUCCESSFUL,
            f64::from(u8::from(self.load.successful)),
        );
        page.single(&own::TARGETS_RELOAD_TIME, self.load.at);
        let mut family = |metric: &Metric, value: &dyn Fn(&TargetLine) -> Option<f64>| {
            let mut family = page.family(metric);
            for target in self.targets {
                if let Some(value) = value(target) {
                    family.sample(&[&target.name], value);
                }
            }
        };
        let flag = |is_it| f64::from(u8::from(is_it));
        family(&own::TARGET_UP, &|target| Some(flag(target.health.state.is_up())));
        family(&own::TARGET_SERIES, &|target| Some(target.summary.series as f64));
        family(&own::TARGET_CONNECTIONS, &|target| {
            Some(target.summary.connections as f64)
        });
        family(&own::TARGET_SCRAPE_ERRORS, &|target| {
            Some(target.summary.errors as f64)
        });
        family(&own::TARGET_SCRAPE_DURATION, &|target| {
            target
                .summary
                .ended
                .map(|_| target.summary.duration.as_secs_f64())
        });
        family(&own::TARGET_SCRAPE_AGE, &|target| {
            target.summary.ended.map(|ended| ended.elapsed().as_secs_f64())
        });
        let mut family = page.family(&own::TARGET_HEALTH_STATE);
        for target in self.targets {
            for state in State::ALL {
                family.sample(&[&target.name, state.word()], flag(target.health.state == state));
            }
        }
    }
}
