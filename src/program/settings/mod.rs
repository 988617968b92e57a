//! Flags, environment, files and defaults made into one immutable set of settings.

mod labels;
mod source;

use std::path::{Path, PathBuf};
use std::time::Duration;

pub use source::{Error, VARIABLES};

use super::cli::Flags;
use super::logging::{Format, Level};
use crate::files::{FileError, Files};
use crate::fleet::Shard;
use crate::scrape::NamePattern;
use crate::values::Secret;
use crate::web::{Listen, check_telemetry_path};
use source::{Source, URL_FILE};

/// Where collector definitions are looked for when none are named.
const CONFIG_PATHS: [&str; 3] = ["./pg_exporter.yml", "/etc/pg_exporter.yml", "/etc/pg_exporter"];

/// How long a server may be silent while connecting, and how long a file may take, when nobody says.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// The server to scrape when none is named: libpq's defaults over a local socket.
const DEFAULT_URL: &str = "postgresql:///?sslmode=disable";

/// Everything the exporter is told at start. Nothing changes it afterwards.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Connection string of the server to scrape.
    pub url: Secret,
    /// Every server that the command line names, in order: `check` asks all of them, others the last.
    pub urls: Vec<Secret>,
    /// Where `url` came from: a flag's or a variable's name, or `default`.
    pub url_origin: &'static str,
    /// The file that `url` was read from, if it was; its password is read again for each connection.
    pub url_file: Option<PathBuf>,
    /// Files and folders that name the servers to scrape; none where `url` does.
    pub targets: Vec<PathBuf>,
    /// Which of them are this exporter's.
    pub shard: Option<Shard>,
    /// Collector definitions to load over the compiled-in ones; `None` when none are named and none are found.
    pub config: Option<PathBuf>,
    /// Whether the compiled-in collectors are used.
    pub builtin: bool,
    /// Constant labels in the order given; names are valid and differ.
    pub labels: Vec<(String, String)>,
    /// Tags the exporter was started with.
    pub tags: Vec<String>,
    /// Run every collector at every scrape.
    pub disable_cache: bool,
    /// Leave out the metrics about the exporter.
    pub disable_intro: bool,
    /// Scrape the server's other databases too.
    pub auto_discovery: bool,
    /// Databases that discovery leaves out.
    pub exclude_databases: Vec<NamePattern>,
    /// Databases that discovery is restricted to; empty means no restriction.
    pub include_databases: Vec<NamePattern>,
    /// Prefix of the metrics about the exporter; `None` means `pg` or `pgbouncer`, by the target.
    pub namespace: Option<String>,
    /// Exit when the target cannot be reached at start.
    pub fail_fast: bool,
    /// Longest silence of a server while connecting, and longest wait for its facts; `None` where the connection string says.
    pub connect_timeout: Option<Duration>,
    /// By what files are read: within the connect timeout, as far as flag or variable says it.
    pub files: Files,
    /// Longest scrape when the client names no limit.
    pub scrape_timeout: Duration,
    /// Time between two health probes.
    pub health_interval: Duration,
    /// Time between two new connections of the health probe.
    pub health_connect_interval: Duration,
    /// Whether they write a message to a primary's WAL.
    pub health_write: bool,
    /// Databases scraped at the same time, at least 1.
    pub parallel: usize,
    /// Connections to the server, all together, at least 2.
    pub max_connections: usize,
    /// Whether someone said so: otherwise there may be more.
    pub max_connections_given: bool,
    /// Rows of a result, at least 1.
    pub max_result_rows: usize,
    /// Bytes of a result, at least 1024.
    pub max_result_bytes: usize,
    /// Bytes of a label, at least 64.
    pub max_label_bytes: usize,
    /// Path of the metrics page.
    pub telemetry_path: String,
    /// Addresses to listen on, at least one.
    pub listen: Vec<Listen>,
    /// Host and port under which others find this exporter.
    pub external_address: Option<String>,
    /// Serve the sockets that the service manager passes on, instead of `listen`.
    pub systemd_socket: bool,
    /// TLS and authentication of the web server, a file; `None` means plain HTTP for everybody.
    pub web_config: Option<PathBuf>,
    /// Refuse reloads over HTTP.
    pub disable_reload: bool,
    /// Write the loaded collectors and exit.
    pub dry_run: bool,
    /// Write the plan and exit.
    pub explain: bool,
    /// Least severe messages to log.
    pub log_level: Level,
    /// Form of the log.
    pub log_format: Format,
    /// What was odd but not wrong: log lines to write once there is a log.
    pub notes: Vec<String>,
}

impl Settings {
    /// Adds environment and defaults to the flags: a flag wins over its variable, the variable over the default.
    ///
    /// # Errors
    /// A sentence that names the flag or variable and what it takes. The program ends with code 1 then.
    pub fn resolve(flags: Flags, variable: &dyn Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let source = Source::new(variable);
        let connect_timeout = source.connect_timeout(flags.connect_timeout)?;
        let files = Files::new(connect_timeout.unwrap_or(CONNECT_TIMEOUT));
        let urls = flags.url.unwrap_or_default();
        let (url, url_origin) = match urls.last() {
            Some(url) => (url.clone(), "--url"),
            None => source.url(&files)?.unwrap_or((DEFAULT_URL.into(), "default")),
        };
        let texts = source.texts(flags.label, "PG_EXPORTER_LABEL").unwrap_or_default();
        let (labels, mut notes) = labels::parse(&texts);
        let log_level = Level::or_default(flags.log_level.as_deref(), &mut notes);
        let log_format = Format::or_default(flags.log_format.as_deref(), &mut notes);
        let targets = source.targets(flags.targets);
        if !targets.is_empty() && url_origin == "--url" {
            return Err(Error::UrlAndTargets);
        }
        if !targets.is_empty() && url_origin != "default" {
            notes.push(format!("{url_origin} is not used: --targets names the servers"));
        }
        let shard = source.shard(flags.shard)?;
        if shard.is_some() && targets.is_empty() {
            notes.push("--shard is not used: it is of --targets".to_owned());
        }
        let excluded = ["template0", "template1", "postgres"].map(|name| NamePattern::Exact(name.to_owned()));
        let telemetry_path = source
            .text(flags.telemetry_path, "PG_EXPORTER_TELEMETRY_PATH")
            .unwrap_or_else(|| "/metrics".to_owned());
        check_telemetry_path(&telemetry_path).map_err(Error::TelemetryPath)?;
        let systemd_socket = flags.systemd_socket.unwrap_or(false);
        if systemd_socket && flags.listen_address.is_some() {
            notes.push("--web.listen-address is not used: --web.systemd-socket has the sockets".to_owned());
        }
        Ok(Self {
            url_file: source.url_file().filter(|_| url_origin == URL_FILE),
            url,
            urls,
            url_origin,
            targets,
            shard,
            config: config_path(last(flags.config, &mut notes), &source, &files),
            builtin: flags.builtin.unwrap_or(true),
            labels,
            tags: source.list(flags.tag, "PG_EXPORTER_TAG").unwrap_or_default(),
            disable_cache: source.switch(flags.disable_cache, "PG_EXPORTER_DISABLE_CACHE", false)?,
            disable_intro: source.switch(flags.disable_intro, "PG_EXPORTER_DISABLE_INTRO", false)?,
            auto_discovery: source.switch(flags.auto_discovery, "PG_EXPORTER_AUTO_DISCOVERY", true)?,
            exclude_databases: source
                .names(
                    flags.exclude_database,
                    "--exclude-database",
                    "PG_EXPORTER_EXCLUDE_DATABASE",
                )?
                .unwrap_or_else(|| excluded.to_vec()),
            include_databases: source
                .names(
                    flags.include_database,
                    "--include-database",
                    "PG_EXPORTER_INCLUDE_DATABASE",
                )?
                .unwrap_or_default(),
            namespace: source.namespace(flags.namespace)?,
            fail_fast: source.switch(flags.fail_fast, "PG_EXPORTER_FAIL_FAST", false)?,
            connect_timeout,
            files,
            scrape_timeout: source.time(
                flags.scrape_timeout,
                "--scrape-timeout",
                "PG_EXPORTER_SCRAPE_TIMEOUT",
                10,
            )?,
            health_interval: source.time(
                flags.health_interval,
                "--health-interval",
                "PG_EXPORTER_HEALTH_INTERVAL",
                1,
            )?,
            health_connect_interval: source.time(
                flags.health_connect_interval,
                "--health-connect-interval",
                "PG_EXPORTER_HEALTH_CONNECT_INTERVAL",
                5,
            )?,
            health_write: source.switch(flags.health_write, "PG_EXPORTER_HEALTH_WRITE", false)?,
            parallel: source.count(flags.parallel, "--parallel", "PG_EXPORTER_PARALLEL", 4, 1)?,
            max_connections_given: source
                .named(
                    flags.max_connections.clone(),
                    "--max-connections",
                    "PG_EXPORTER_MAX_CONNECTIONS",
                )
                .is_some(),
            max_connections: source.count(
                flags.max_connections,
                "--max-connections",
                "PG_EXPORTER_MAX_CONNECTIONS",
                8,
                2,
            )?,
            max_result_rows: source.count(
                flags.max_result_rows,
                "--max-result-rows",
                "PG_EXPORTER_MAX_RESULT_ROWS",
                1_000_000,
                1,
            )?,
            max_result_bytes: source.count(
                flags.max_result_bytes,
                "--max-result-bytes",
                "PG_EXPORTER_MAX_RESULT_BYTES",
                16 << 20,
                1_024,
            )?,
            max_label_bytes: source.count(
                flags.max_label_bytes,
                "--max-label-bytes",
                "PG_EXPORTER_MAX_LABEL_BYTES",
                64 << 10,
                64,
            )?,
            telemetry_path,
            listen: addresses(flags.listen_address)?,
            external_address: flags.external_url.as_deref().map(external_address).transpose()?,
            systemd_socket,
            web_config: flags.web_config_file.filter(|path| !path.as_os_str().is_empty()),
            disable_reload: flags.disable_reload.unwrap_or(false),
            dry_run: flags.dry_run.unwrap_or(false),
            explain: flags.explain.unwrap_or(false),
            log_level,
            log_format,
            notes,
        })
    }

    /// Prefix of the metrics about the exporter.
    #[must_use]
    pub fn namespace(&self, pgbouncer: bool) -> &str {
        self.namespace
            .as_deref()
            .unwrap_or(if pgbouncer { "pgbouncer" } else { "pg" })
    }
}

/// A variable of the process' environment; one that is not Unicode counts as not set.
#[must_use]
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The last of several. One that nobody loads is no override that its author can have meant.
fn last(paths: Option<Vec<PathBuf>>, notes: &mut Vec<String>) -> Option<PathBuf> {
    let paths = paths.unwrap_or_default();
    if paths.len() > 1 {
        notes.push(format!(
            "--config is given {} times, and only the last is loaded: to load several files, give a folder that holds them",
            paths.len()
        ));
    }
    paths.into_iter().next_back()
}

fn config_path(flag: Option<PathBuf>, source: &Source<'_>, files: &Files) -> Option<PathBuf> {
    let named = flag.filter(|path| !path.as_os_str().is_empty());
    let named = named.or_else(|| source.text(None, "PG_EXPORTER_CONFIG").map(PathBuf::from));
    named.or_else(|| {
        CONFIG_PATHS
            .iter()
            .map(PathBuf::from)
            .find(|path| holds_definitions(path, files))
    })
}

/// A file, or a directory with a definition in it. One with examples only, as packages make it, is nothing that somebody
/// wants to be loaded. One that cannot be read is: what is wrong with it has to be told. So is a link that leads nowhere: what it
/// leads to is not mounted.
fn holds_definitions(path: &Path, files: &Files) -> bool {
    match files.definitions(path) {
        Ok(found) => found.is_none_or(|files| !files.is_empty()),
        Err(FileError::Unseen(_)) => path.is_symlink(),
        Err(_) => true,
    }
}

fn addresses(flag: Option<Vec<String>>) -> Result<Vec<Listen>, Error> {
    let texts = flag.unwrap_or_else(|| vec![":9630".to_owned()]);
    let listen = texts
        .iter()
        .filter(|text| !text.is_empty())
        .map(|text| {
            Listen::parse(text).map_err(|reason| Error::Listen {
                address: text.clone(),
                reason,
            })
        })
        .collect::<Result<Vec<_>, _>>()?;
    if listen.is_empty() {
        Err(Error::NoListen)
    } else {
        Ok(listen)
    }
}

/// Host and port of a URL: of the rest, service discovery takes nothing.
fn external_address(url: &str) -> Result<String, Error> {
    let url = url.trim().trim_end_matches('/');
    let (address, port) = match (url.strip_prefix("http://"), url.strip_prefix("https://")) {
        (Some(address), _) => (address, 80),
        (None, Some(address)) => (address, 443),
        (None, None) => (url, 9630),
    };
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
    if address.is_empty() || !address.bytes().all(is_plain) {
        return Err(Error::ExternalUrl);
    }
    let behind = address.rsplit(']').next().unwrap_or_default();
    Ok(match behind.contains(':') {
        true => address.to_owned(),
        false => format!("{address}:{port}"),
    })
}

#[cfg(test)]
mod tests;
