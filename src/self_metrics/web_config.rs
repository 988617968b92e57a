//! How it stands with the web configuration file.

use std::time::{SystemTime, UNIX_EPOCH};

use prometheus::{IntCounter, IntGauge, Opts, Registry};

/// Whether the file's newest state is in force, since when, and how long its certificate lasts.
#[derive(Clone, Debug)]
pub struct WebConfig {
    good: IntGauge,
    since: IntGauge,
    expires: IntGauge,
    handshakes: IntCounter,
    registry: Registry,
}

impl WebConfig {
    /// Gauges that are on the page from the first load on; `options` makes them of name and help text.
    pub(super) fn new(
        options: impl Fn(&str, &str) -> Opts,
        registry: &Registry,
    ) -> Result<Self, prometheus::Error> {
        Ok(Self {
            good: IntGauge::with_opts(options(
                "web_config_last_reload_successful",
                "Whether the web configuration file is in force as it was read last.",
            ))?,
            since: IntGauge::with_opts(options(
                "web_config_last_reload_success_timestamp_seconds",
                "When the web configuration in force was read, in seconds since 1970.",
            ))?,
            expires: IntGauge::with_opts(options(
                "web_certificate_not_after_timestamp_seconds",
                "When the web server's certificate ends, in seconds since 1970.",
            ))?,
            handshakes: IntCounter::with_opts(options(
                "http_tls_handshake_failures_total",
                "Client connections that ended before their TLS handshake did.",
            ))?,
            registry: registry.clone(),
        })
    }

    /// A state of the file is in force now; with TLS, when its certificate ends.
    pub fn loaded(&self, expires: Option<i64>) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.good.set(1);
        self.since.set(i64::try_from(now.as_secs()).unwrap_or_default());
        // Registered before, they stay as they are.
        let _ = self.registry.register(Box::new(self.good.clone()));
        let _ = self.registry.register(Box::new(self.since.clone()));
        if let Some(expires) = expires {
            self.expires.set(expires);
            let _ = self.registry.register(Box::new(self.expires.clone()));
            let _ = self.registry.register(Box::new(self.handshakes.clone()));
        }
    }

    /// A client connection ended before its handshake did.
    pub fn handshake_failed(&self) {
        self.handshakes.inc();
    }

    /// The file's newest state cannot be used.
    pub fn failed(&self) {
        self.good.set(0);
    }
}
