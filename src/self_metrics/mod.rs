//! The exporter's own metrics: its process and its web server.

mod process;
mod web_config;

use std::collections::HashMap;
use std::sync::OnceLock;

use prometheus::{Encoder as _, IntCounter, IntCounterVec, IntGauge, Opts, Registry, TextEncoder};

pub use process::{Process, Usage};
pub use web_config::WebConfig;

/// Counters in a registry of their own. Rooms of the exporter that count something register it here.
#[derive(Debug)]
pub struct Telemetry {
    registry: Registry,
    requests: IntCounterVec,
    /// `requests` by page and status: a request costs no look-up.
    resolved: [[OnceLock<IntCounter>; STATUSES.len()]; PAGES.len()],
    connections: IntGauge,
    rejected: IntCounter,
    web_config: WebConfig,
}

/// Kinds of pages that requests are counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    /// `/metrics`.
    Metrics,
    /// Health and role paths.
    Health,
    /// Pages for people and tools.
    Other,
    /// No known path.
    Unknown,
}

const PAGES: [&str; 4] = ["metrics", "health", "other", "unknown"];

const LABELS: [&str; 2] = ["page", "code"];

const STATUSES: [u16; 9] = [200, 400, 401, 403, 404, 405, 429, 500, 503];

/// The exporter's counters cannot be named so, or not be written.
#[derive(Debug, thiserror::Error)]
#[error("the exporter's own metrics cannot be made: {0}")]
pub struct Error(#[from] prometheus::Error);

impl Telemetry {
    /// Counters with the prefix `namespace` and constant labels.
    ///
    /// # Errors
    /// When the namespace gives no metric name.
    pub fn new(namespace: &str, labels: &[(String, String)]) -> Result<Self, Error> {
        // A label of ours wins over a constant one of its name.
        let constant = labels.iter().filter(|(name, _)| !LABELS.contains(&name.as_str()));
        let labels: HashMap<String, String> = constant.cloned().collect();
        let options = |name: &str, help: &str| {
            Opts::new(name, help)
                .namespace(format!("{namespace}_exporter"))
                .const_labels(labels.clone())
        };
        let requests = IntCounterVec::new(
            options(
                "http_requests_total",
                "Requests answered, by kind of page and status.",
            ),
            &LABELS,
        )?;
        let connections = IntGauge::with_opts(options("http_connections", "Client connections open."))?;
        let rejected = IntCounter::with_opts(options(
            "http_connections_rejected_total",
            "Client connections closed because too many were open.",
        ))?;
        let registry = Registry::new();
        registry.register(Box::new(requests.clone()))?;
        registry.register(Box::new(connections.clone()))?;
        registry.register(Box::new(rejected.clone()))?;
        let web_config = WebConfig::new(options, &registry)?;
        Ok(Self {
            registry,
            requests,
            resolved: Default::default(),
            connections,
            rejected,
            web_config,
        })
    }

    /// Where further metrics of the exporter are registered.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Appends every metric of the registry in the text format.
    ///
    /// # Errors
    /// When a registered metric cannot be written as text.
    pub fn encode(&self, page: &mut Vec<u8>) -> Result<(), Error> {
        TextEncoder::new().encode(&self.registry.gather(), page)?;
        Ok(())
    }

    /// Counts an answered request.
    pub fn answered(&self, page: Page, status: u16) {
        let column = STATUSES.iter().position(|known| *known == status);
        let cell = column.and_then(|column| self.resolved.get(page as usize)?.get(column));
        let counter = || {
            self.requests
                .with_label_values(&[page.name(), itoa::Buffer::new().format(status)])
        };
        match cell {
            Some(cell) => cell.get_or_init(counter).inc(),
            None => counter().inc(),
        }
    }

    /// Connections that are open, to be kept up to date.
    #[must_use]
    pub fn connections(&self) -> &IntGauge {
        &self.connections
    }

    /// Counts a connection that was closed because too many were open.
    pub fn rejected(&self) {
        self.rejected.inc();
    }

    /// How it stands with the web configuration file, to be kept up to date.
    #[must_use]
    pub fn web_config(&self) -> &WebConfig {
        &self.web_config
    }
}

impl Page {
    fn name(self) -> &'static str {
        PAGES.get(self as usize).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn text(telemetry: &Telemetry) -> String {
        let mut page = Vec::new();
        telemetry.encode(&mut page).unwrap();
        String::from_utf8(page).unwrap()
    }

    #[test]
    fn requests_are_counted_by_page_and_status() {
        let telemetry = Telemetry::new("pg", &[("cls".to_owned(), "x".to_owned())]).unwrap();
        for (page, status) in [
            (Page::Health, 200),
            (Page::Health, 200),
            (Page::Unknown, 404),
            (Page::Other, 418),
        ] {
            telemetry.answered(page, status);
        }
        let text = text(&telemetry);
        for line in [
            r#"pg_exporter_http_requests_total{cls="x",code="200",page="health"} 2"#,
            r#"pg_exporter_http_requests_total{cls="x",code="404",page="unknown"} 1"#,
            r#"pg_exporter_http_requests_total{cls="x",code="418",page="other"} 1"#,
            r#"pg_exporter_http_connections{cls="x"} 0"#,
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
    }

    #[test]
    fn a_label_of_ours_wins_over_a_constant_one() {
        let telemetry = Telemetry::new("pg", &[("code".to_owned(), "x".to_owned())]).unwrap();
        telemetry.answered(Page::Health, 200);
        assert!(text(&telemetry).contains(r#"pg_exporter_http_requests_total{code="200",page="health"} 1"#));
        assert!(Telemetry::new("9", &[]).is_err());
    }
}
