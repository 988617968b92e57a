//! What every command starts from: settings made into the rooms' own types.

use std::collections::BTreeSet;
use std::sync::Arc;

use pg_exporter_schema::Collector;

use super::settings::{self, Settings};
use super::stop::Stop;
use crate::catalog::facts::Facts;
use crate::catalog::{Catalog, Sources};
use crate::fleet::{Base, FleetSources, TargetSettings};
use crate::health::probe::Manner;
use crate::postgres::connect::Endpoint;
use crate::postgres::conninfo::{ConnInfo, ProcessEnvironment};
use crate::postgres::meter::ResultLimits;
use crate::scrape::Config;
use crate::values::Secret;
use crate::web;

/// How many results of the largest size all results may have the size of together.
const RESULTS_HELD: usize = 4;

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
        let catalog = Catalog::open(sources).map_err(Stop::usage)?;
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

    /// What the web server answers.
    pub(crate) fn web_options(&self) -> web::Options {
        web::Options {
            telemetry_path: self.settings.telemetry_path.clone(),
            disable_reload: self.settings.disable_reload,
            external_address: self.settings.external_address.clone(),
        }
    }

    /// Where to connect.
    pub(crate) fn endpoint(&self) -> Result<Endpoint, Stop> {
        self.endpoint_of(&self.settings.url)
    }

    /// Where to connect to the server of that URL.
    pub(crate) fn endpoint_of(&self, url: &Secret) -> Result<Endpoint, Stop> {
        let environment = ProcessEnvironment {
            files: self.settings.files.clone(),
        };
        let text = url.expose_text().unwrap_or_default();
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
        Ok(endpoint
            .with_max_connections(self.settings.max_connections)
            .with_result_limits(self.results()))
    }

    fn results(&self) -> ResultLimits {
        ResultLimits {
            rows: self.settings.max_result_rows as u64,
            bytes: self.settings.max_result_bytes as u64,
        }
    }

    fn config(&self, endpoint: &Endpoint) -> Config {
        self.config_of(endpoint.info.is_pgbouncer())
    }

    fn config_of(&self, is_pgbouncer: bool) -> Config {
        let settings = &self.settings;
        Config {
            target: None,
            namespace: settings.namespace(is_pgbouncer).to_owned(),
            labels: settings.labels.clone(),
            tags: self.tags(),
            skips: Arc::default(),
            shares_process: false,
            cache: !settings.disable_cache,
            intro: !settings.disable_intro,
            parallel: settings.parallel,
            follows_room: !settings.max_connections_given,
            max_label_bytes: settings.max_label_bytes,
            max_encoded_bytes: settings.max_result_bytes.saturating_mul(2),
            max_held_bytes: settings.max_result_bytes.saturating_mul(RESULTS_HELD),
            auto_discovery: settings.auto_discovery && !is_pgbouncer,
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

    /// Where the targets come from that files name; `None` where there is one target, of flags and environment.
    pub(crate) fn fleet(&self) -> Option<FleetSources> {
        let settings = &self.settings;
        let base = Base {
            config: self.config_of(false),
            namespace: settings.namespace.clone(),
            connect_timeout: settings.connect_timeout.unwrap_or(settings::CONNECT_TIMEOUT),
            max_connections: settings.max_connections,
            results: self.results(),
            scrape_timeout: settings.scrape_timeout,
            health_interval: settings.health_interval,
            health_connect_interval: settings.health_connect_interval,
            health_write: settings.health_write,
            files: settings.files.clone(),
        };
        (!settings.targets.is_empty()).then(|| FleetSources {
            paths: settings.targets.clone(),
            shard: settings.shard,
            base,
        })
    }

    /// The target that flags and environment name.
    pub(crate) fn target(&self) -> Result<TargetSettings, Stop> {
        let endpoint = self.endpoint()?;
        Ok(TargetSettings {
            name: None,
            labels: Vec::new(),
            config: self.config(&endpoint),
            manner: self.manner(&endpoint),
            scrape_timeout: self.settings.scrape_timeout,
            endpoint,
        })
    }

    /// How the health probe goes about it. Few connections are few: a new one takes the old one's place then.
    fn manner(&self, endpoint: &Endpoint) -> Manner {
        let settings = &self.settings;
        Manner {
            interval: settings.health_interval,
            connect_interval: settings.health_connect_interval,
            has_two: endpoint.permits().of_probe() > 1,
            writes: settings.health_write,
        }
    }
}
