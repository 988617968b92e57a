//! The program: from arguments to a running exporter and its end.

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pg_exporter_schema::Collector;

use crate::catalog::{self, Catalog, Sources};
use crate::cli::{Cli, Command, ReportFormat};
use crate::scrape::{Config, Scraper, Surroundings};
use crate::service::Manager;
use crate::settings::{self, Settings};
use crate::target::connect::Endpoint;
use crate::target::conninfo::{ConnInfo, ProcessEnvironment};
use crate::target::facts::Facts;
use crate::target::health::Health;
use crate::target::probe;
use crate::telemetry::Telemetry;
use crate::{check, commands, doctor, logging, new, web};

/// How long a server may be silent while connecting when neither flag, variable nor connection string says.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// The program cannot do what was asked, with the code it ends with. The text is one line where it can be.
#[derive(Debug)]
pub(crate) struct Stop {
    /// What to tell the operator.
    pub(crate) message: String,
    /// Exit code, as in pg_exporter 1.x: 1 for what the command line says, 2 for what it leads to.
    pub(crate) code: u8,
}

impl Stop {
    /// The command line, the environment or a file cannot be used.
    pub(crate) fn usage(error: impl std::fmt::Display) -> Self {
        Self {
            message: error.to_string(),
            code: 1,
        }
    }

    /// The exporter cannot be made of what was asked.
    pub(crate) fn failure(error: impl std::fmt::Display) -> Self {
        Self {
            message: error.to_string(),
            code: 2,
        }
    }
}

/// What every command starts from.
#[derive(Debug)]
pub(crate) struct Setup {
    pub(crate) settings: Settings,
    pub(crate) compiled: &'static [Collector],
}

/// Runs the exporter with the compiled collectors given, as the process' arguments and environment say.
///
/// A site's own distribution calls it with its own collectors; the shipped one with
/// [`catalog::compiled::COLLECTORS`].
#[must_use]
pub fn run(compiled: &'static [Collector]) -> ExitCode {
    run_with_defaults(compiled, &[])
}

/// As [`run`], with a site's own defaults: values of [variables](settings::VARIABLES) that hold where neither a flag nor
/// the environment says otherwise.
#[must_use]
pub fn run_with_defaults(
    compiled: &'static [Collector],
    defaults: &'static [(&'static str, &'static str)],
) -> ExitCode {
    let cli = match Cli::read(std::env::args_os()) {
        Ok(cli) => cli,
        Err(refusal) => return refusal.report().into(),
    };
    let of_site = |name: &str| {
        defaults
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| (*value).to_owned())
    };
    let variable = |name: &str| settings::environment(name).or_else(|| of_site(name));
    match execute(cli, compiled, &variable) {
        Ok(code) => code,
        Err(stop) => {
            // A record for each mistake of a configuration.
            stop.message.lines().for_each(|line| tracing::error!("{line}"));
            stop.code.into()
        }
    }
}

fn execute(
    cli: Cli,
    compiled: &'static [Collector],
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<ExitCode, Stop> {
    let settings = Settings::resolve(cli.flags, variable);
    let (level, format) = settings
        .as_ref()
        .map_or_else(|_| Default::default(), |s| (s.log_level, s.log_format));
    logging::start(level, format).map_err(Stop::usage)?;
    let settings = settings.map_err(Stop::usage)?;
    for note in &settings.notes {
        tracing::warn!("{note}");
    }
    let setup = Setup { settings, compiled };
    match cli.command {
        Some(Command::Check {
            paths,
            strict,
            format,
        }) => check::run(&setup, &paths, strict, format),
        Some(Command::Schema) => commands::schema(),
        Some(Command::Scrape) => commands::scrape(&setup),
        Some(Command::Explain { format }) => commands::explain(&setup, format),
        Some(Command::Stat { format }) => commands::stat(&setup, format),
        Some(Command::Doctor { format }) => doctor::run(&setup, format),
        Some(Command::New { directory, library }) => new::run(&directory, library),
        Some(Command::Dump) => commands::dry_run(&setup),
        None if setup.settings.dry_run => commands::dry_run(&setup),
        None if setup.settings.explain => commands::explain(&setup, ReportFormat::Text),
        None => serve(&setup),
    }
}

impl Setup {
    /// The collectors in force: the compiled ones, or none, with the run-time layer over them.
    pub(crate) fn catalog(&self) -> Result<Arc<Catalog>, Stop> {
        let settings = &self.settings;
        let sources = Sources {
            base: self.base(),
            config: settings.config.clone(),
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
            Some(path) => web::Security::open(path),
            None => web::Security::none(),
        };
        security.map_err(Stop::usage)
    }

    /// Where to connect.
    pub(crate) fn endpoint(&self) -> Result<Endpoint, Stop> {
        let info = ConnInfo::parse(self.settings.url.expose(), &ProcessEnvironment)
            .map_err(|error| Stop::usage(format!("{}: {error}", self.settings.url_origin)))?;
        let info = match &self.settings.url_file {
            Some(path) => info.with_url_file(path.clone()),
            None => info,
        };
        let given = self.settings.connect_timeout.or(info.connect_timeout());
        Ok(Endpoint::new(info, given.unwrap_or(CONNECT_TIMEOUT)))
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
            max_connections: settings.max_connections,
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
    ) -> Result<(Scraper, Arc<Telemetry>), Stop> {
        let config = self.config(endpoint);
        let telemetry = Telemetry::new(&config.namespace, &config.labels).map_err(Stop::failure)?;
        let telemetry = Arc::new(telemetry);
        let surroundings = Surroundings {
            telemetry: Arc::clone(&telemetry),
            health: health.clone(),
        };
        let (scraper, _thread) =
            Scraper::start(endpoint.clone(), config, catalog, surroundings).map_err(Stop::failure)?;
        Ok((scraper, telemetry))
    }

    /// A view of the probe that is not yet running.
    pub(crate) fn health(&self, endpoint: &Endpoint) -> Health {
        let interval = self.settings.health_interval;
        // At the default interval of 1 s a snapshot holds for 3 s.
        let max_age = (interval * 2 + Duration::from_secs(1)).max(Duration::from_secs(3));
        // A turn ends a connection, connects to each host, and asks; three of them are a stuck task.
        let turn = (interval + endpoint.connect_timeout * 3 + endpoint.longest_connect()) * 3;
        Health::new(max_age, turn.max(Duration::from_secs(10)))
    }
}

fn serve(setup: &Setup) -> Result<ExitCode, Stop> {
    let settings = &setup.settings;
    let endpoint = setup.endpoint()?;
    let catalog = setup.catalog()?;
    let security = setup.security()?;
    let listeners = if settings.systemd_socket {
        web::activated().map_err(Stop::usage)?
    } else {
        web::bind(&settings.listen).map_err(Stop::usage)?
    };
    let runtime = commands::runtime()?;
    if settings.fail_fast {
        fail_fast(&runtime, &endpoint)?;
    }
    let collectors = catalog.live().collectors.len();
    let health = setup.health(&endpoint);
    let (scraper, telemetry) = setup.scraper(&endpoint, Arc::clone(&catalog), &health)?;
    let (tls, passwords) = (security.has_tls(), security.has_users());
    let addresses: Vec<String> = listeners.iter().map(ToString::to_string).collect();
    let addresses = addresses.join(" ");
    tracing::info!(
        target = endpoint.info.display(),
        collectors,
        addresses,
        tls,
        passwords,
        "serving"
    );
    let backend = web::Live {
        scraper,
        catalog: Arc::clone(&catalog),
        health: health.clone(),
        server: endpoint.info.place().into(),
    };
    let manager = Manager::from_environment();
    let context = web::Context::new(backend, settings, telemetry, manager.clone(), security);
    runtime.block_on(async {
        let mut termination = web::Termination::new().map_err(Stop::failure)?;
        let reloads = tokio::spawn(reload_on_signal(
            web::Reloads::new().map_err(Stop::failure)?,
            catalog,
            manager.clone(),
        ));
        let probe = tokio::spawn(probe::run(endpoint, settings.health_interval, health.clone()));
        let report = tokio::spawn(manager.clone().report(health));
        manager.ready();
        let served = web::serve(listeners, Arc::new(context), async {
            let signal = termination.wait().await;
            tracing::info!(signal, "stopping: running requests end first");
            manager.stopping();
        });
        served.await.map_err(Stop::failure)?;
        reloads.abort();
        report.abort();
        probe.abort();
        Ok(())
    })?;
    runtime.shutdown_timeout(Duration::from_millis(100));
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}

async fn reload_on_signal(mut signals: web::Reloads, catalog: Arc<Catalog>, manager: Manager) {
    loop {
        let signal = signals.wait().await;
        let _told = manager.reloading();
        // What came of it is in the log.
        let _ = catalog::reload_in_background(Arc::clone(&catalog), false, signal).await;
    }
}

fn fail_fast(runtime: &tokio::runtime::Runtime, endpoint: &Endpoint) -> Result<(), Stop> {
    let deadline = Instant::now() + endpoint.connect_timeout * 4;
    let session = runtime.block_on(endpoint.connect(deadline));
    session
        .map(drop)
        .map_err(|failure| Stop::failure(format!("the target cannot be reached: {failure}")))
}
