//! What every command starts from: settings made into the rooms' own types.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use pg_exporter_schema::Collector;

use super::settings::{self, Settings};
use super::stop::Stop;
use crate::catalog::facts::Facts;
use crate::catalog::{Catalog, Sources};
use crate::health::Health;
use crate::health::probe::Manner;
use crate::postgres::connect::Endpoint;
use crate::postgres::conninfo::{ConnInfo, ProcessEnvironment};
use crate::postgres::meter::ResultLimits;
use crate::scrape::{Config, RowHandlers, Scraper, Surroundings};
use crate::self_metrics::Telemetry;
use crate::web;

/// What every command starts from.
#[derive(Debug)]
pub(crate) struct Setup {
    pub(crate) settings: Settings,
    pub(crate) compiled: &'static [Collector],
}

impl Setup {
    /// The collectors in force: the compiled ones, or none, with the run-time layer over them.
    pub(crate) fn catalog(&self) -> Result<Arc<Catalog>, Stop> {
        let settings = &self.settings;
        let sources = Sources {
            base: self.base(),
            config: settings.config.clone(),
            files: settings.files.clone(),
            labels: settings.labels.iter().map(|(name, _)| name.clone()).collect(),
            intro: !settings.disable_intro,
        };
        let catalog = Catalog::open(sources).map_err(Stop::failure)?;
        if catalog.live().collectors.is_empty() {
            let advice = "no collector is defined: --no-builtin needs --config with definitions";
            return Err(Stop::usage(advice));
        }
        Ok(Arc::new(catalog))
    }

    /// What a run-time layer is laid over.
    pub(crate) fn base(&self) -> &'static [Collector] {
        if self.settings.builtin { self.compiled } else { &[] }
    }

    /// What protects the web server.
    pub(crate) fn security(&self) -> Result<web::Security, Stop> {
        let security = match &self.settings.web_config {
            Some(path) => web::Security::open(path, &self.settings.files),
            None => web::Security::none(),
        };
        security.map_err(Stop::usage)
    }

    /// What the web server answers, and how long it lets a scrape take.
    pub(crate) fn web_options(&self) -> web::Options {
        web::Options {
            telemetry_path: self.settings.telemetry_path.clone(),
            scrape_timeout: self.settings.scrape_timeout,
            disable_reload: self.settings.disable_reload,
        }
    }

    /// Where to connect.
    pub(crate) fn endpoint(&self) -> Result<Endpoint, Stop> {
        let environment = ProcessEnvironment {
            files: self.settings.files.clone(),
        };
        let text = self.settings.url.expose_text().unwrap_or_default();
        let info = ConnInfo::parse(text, &environment)
            .map_err(|error| Stop::usage(format!("{}: {error}", self.settings.url_origin)))?;
        if self.settings.url_origin == "--url" && info.has_secret() {
            tracing::warn!(
                "--url holds a password, which everybody on this machine sees in the list of processes; give the \
                 connection string in PG_EXPORTER_URL or in the file that PG_EXPORTER_URL_FILE names, or the password \
                 in PGPASSWORD or a password file"
            );
        }
        let info = match &self.settings.url_file {
            Some(path) => info.with_url_file(path.clone()),
            None => info,
        };
        let given = self.settings.connect_timeout.or(info.connect_timeout());
        let endpoint = Endpoint::new(info, given.unwrap_or(settings::CONNECT_TIMEOUT));
        let results = ResultLimits {
            rows: self.settings.max_result_rows as u64,
            bytes: self.settings.max_result_bytes as u64,
        };
        Ok(endpoint
            .with_max_connections(self.settings.max_connections)
            .with_result_limits(results))
    }

    fn config(&self, endpoint: &Endpoint) -> Config {
        let settings = &self.settings;
        Config {
            namespace: settings.namespace(endpoint.info.is_pgbouncer()).to_owned(),
            labels: settings.labels.clone(),
            tags: Arc::new(settings.tags.iter().cloned().collect()),
            cache: !settings.disable_cache,
            intro: !settings.disable_intro,
            parallel: settings.parallel,
            max_label_bytes: settings.max_label_bytes,
            max_encoded_bytes: settings.max_result_bytes.saturating_mul(2),
            auto_discovery: settings.auto_discovery && !endpoint.info.is_pgbouncer(),
            exclude: settings.exclude_databases.clone(),
            include: settings.include_databases.clone(),
        }
    }

    /// Tags that the exporter was started with.
    pub(crate) fn tags(&self) -> Arc<BTreeSet<String>> {
        Arc::new(self.settings.tags.iter().cloned().collect())
    }

    /// The databases that scrapes discover besides the URL's own.
    pub(crate) fn discovered(&self, endpoint: &Endpoint, facts: &Facts) -> Vec<String> {
        let wants = self.wants(endpoint);
        facts
            .databases
            .iter()
            .filter(|name| **name != facts.database && wants(name))
            .cloned()
            .collect()
    }

    /// Whether a database of that name is to be discovered.
    pub(crate) fn wants(&self, endpoint: &Endpoint) -> impl Fn(&str) -> bool + use<> {
        let config = self.config(endpoint);
        move |name| config.is_wanted(name)
    }

    /// Starts the scrape thread.
    pub(crate) fn scraper(
        &self,
        endpoint: &Endpoint,
        catalog: Arc<Catalog>,
        health: &Health,
        rows: RowHandlers,
    ) -> Result<(Scraper, Arc<Telemetry>), Stop> {
        let config = self.config(endpoint);
        let telemetry = Telemetry::new().map_err(Stop::failure)?;
        let telemetry = Arc::new(telemetry);
        let surroundings = Surroundings {
            telemetry: Arc::clone(&telemetry),
            health: health.clone(),
            rows,
        };
        let (scraper, _thread) =
            Scraper::start(endpoint.clone(), config, catalog, surroundings).map_err(Stop::failure)?;
        Ok((scraper, telemetry))
    }

    /// How the health probe goes about it. Few connections are few: a new one takes the old one's place then.
    pub(crate) fn manner(&self, endpoint: &Endpoint) -> Manner {
        let settings = &self.settings;
        Manner {
            interval: settings.health_interval,
            connect_interval: settings.health_connect_interval,
            has_two: endpoint.permits().of_probe() > 1,
            writes: settings.health_write,
        }
    }

    /// A view of the probe that is not yet running.
    pub(crate) fn health(&self, endpoint: &Endpoint) -> Health {
        let interval = self.settings.health_interval;
        // At the default interval of 1 s a snapshot holds for 3 s.
        let max_age = (interval * 2 + Duration::from_secs(1)).max(Duration::from_secs(3));
        // A turn ends a connection, connects to each host, and asks; three of them are a stuck task.
        let turn = (interval + endpoint.connect_timeout * 5 + endpoint.longest_connect()) * 3;
        Health::new(max_age, turn.max(Duration::from_secs(10)))
    }
}
