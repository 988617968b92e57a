//! What the web server counts.

use std::sync::OnceLock;

use prometheus::core::Collector as _;
use prometheus::{IntCounter, IntCounterVec, IntGauge, Opts};

use super::table::{HTTP_CONNECTIONS, HTTP_CONNECTIONS_REJECTED, HTTP_REQUESTS, LOG_LINES_DROPPED};
use super::web_config::WebConfig;
use super::writer::Writer;

/// Counters of the web server and of the log. Each is a row of the [table](super::TABLE), and is written by [`write`](Self::write).
#[derive(Debug)]
pub struct Telemetry {
    requests: IntCounterVec,
    /// `requests` by page and status: a request costs no look-up.
    resolved: [[OnceLock<IntCounter>; STATUSES.len()]; PAGES.len()],
    connections: IntGauge,
    rejected: IntCounter,
    log_lines_dropped: IntCounter,
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

const STATUSES: [u16; 9] = [200, 400, 401, 403, 404, 405, 429, 500, 503];

impl Telemetry {
    /// Counters that have counted nothing.
    ///
    /// # Errors
    /// When the table has a name or label that Prometheus does not take: never, as a test shows.
    pub fn new() -> Result<Self, prometheus::Error> {
        Ok(Self {
            requests: IntCounterVec::new(
                Opts::new(HTTP_REQUESTS.name, HTTP_REQUESTS.help),
                HTTP_REQUESTS.labels,
            )?,
            resolved: Default::default(),
            connections: IntGauge::new(HTTP_CONNECTIONS.name, HTTP_CONNECTIONS.help)?,
            rejected: IntCounter::new(HTTP_CONNECTIONS_REJECTED.name, HTTP_CONNECTIONS_REJECTED.help)?,
            log_lines_dropped: IntCounter::new(LOG_LINES_DROPPED.name, LOG_LINES_DROPPED.help)?,
            web_config: WebConfig::default(),
        })
    }

    /// Writes what has been counted.
    pub fn write(&self, page: &mut Writer<'_>) {
        let mut requests = page.family(&HTTP_REQUESTS);
        for family in self.requests.collect() {
            for counted in family.get_metric() {
                let value = |name: &str| {
                    let labels = counted.get_label().iter();
                    let found = labels.into_iter().find(|label| label.name() == name);
                    found.map_or("", |label| label.value())
                };
                requests.sample(&[value("code"), value("page")], counted.get_counter().get_value());
            }
        }
        page.single(&HTTP_CONNECTIONS, self.connections.get() as f64);
        page.single(&HTTP_CONNECTIONS_REJECTED, self.rejected.get() as f64);
        page.single(&LOG_LINES_DROPPED, self.log_lines_dropped.get() as f64);
        self.web_config.write(page);
    }

    /// Counts an answered request.
    pub fn answered(&self, page: Page, status: u16) {
        let column = STATUSES.iter().position(|known| *known == status);
        let cell = column.and_then(|column| self.resolved.get(page as usize)?.get(column));
        let counter = || {
            self.requests
                .with_label_values(&[itoa::Buffer::new().format(status), page.name()])
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

    /// Counts lines of the log that nobody read.
    #[must_use]
    pub fn log_lines_dropped(&self) -> &IntCounter {
        &self.log_lines_dropped
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

    #[test]
    fn requests_are_counted_by_page_and_status() {
        let telemetry = Telemetry::new().unwrap();
        for (page, status) in [
            (Page::Health, 200),
            (Page::Health, 200),
            (Page::Unknown, 404),
            (Page::Other, 418),
        ] {
            telemetry.answered(page, status);
        }
        let constant = [("cls".to_owned(), "x".to_owned())];
        let mut page = Writer::new("pg", &constant);
        telemetry.write(&mut page);
        let text = String::from_utf8(page.finish().to_vec()).unwrap();
        for line in [
            r#"pg_exporter_http_requests_total{code="200",page="health",cls="x"} 2"#,
            r#"pg_exporter_http_requests_total{code="404",page="unknown",cls="x"} 1"#,
            r#"pg_exporter_http_requests_total{code="418",page="other",cls="x"} 1"#,
            r#"pg_exporter_http_connections{cls="x"} 0"#,
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
        assert!(!text.contains("web_config"), "there is none");
    }
}
