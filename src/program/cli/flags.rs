//! The flags, as `--help` explains them.

use std::path::PathBuf;

use clap::builder::{OsStringValueParser, TypedValueParser as _};
use clap::{ArgAction, Args, ValueHint};

use crate::values::Secret;

/// Flags. `None` means that it was not on the command line.
#[derive(Debug, Default, Args)]
pub struct Flags {
    /// Server to scrape, a URL or key=value pairs
    /// [env: PG_EXPORTER_URL, PGURL, or the content of the file PG_EXPORTER_URL_FILE]
    /// [default: postgresql:///?sslmode=disable]
    #[arg(short, long, value_name = "URL")]
    pub url: Option<Vec<Secret>>,

    /// Scrape the servers that a file names, or the files of a folder, instead of one; may be given several times
    /// [env: PG_EXPORTER_TARGETS]
    #[arg(long, value_name = "PATH", num_args = 0..=1, default_missing_value = "-")]
    pub targets: Option<Vec<PathBuf>>,

    /// Which of those are this exporter's, where several share them: its number from 0, and how many there are
    /// [env: PG_EXPORTER_SHARD]
    #[arg(long, value_name = "I/N")]
    pub shard: Option<String>,

    /// Collector definitions to load over the compiled-in ones: one file, or one folder with its .yml and .yaml files
    /// [env: PG_EXPORTER_CONFIG]
    /// [default: the first of ./pg_exporter.yml, /etc/pg_exporter.yml, /etc/pg_exporter]
    // Empty is as not given; clap takes no empty path by itself.
    #[arg(short, long, value_name = "PATH", value_hint = ValueHint::AnyPath)]
    #[arg(value_parser = OsStringValueParser::new().map(PathBuf::from))]
    // The last one counts, and those before it are told of.
    #[arg(action = ArgAction::Append)]
    pub config: Option<Vec<PathBuf>>,

    /// Start from the compiled-in collectors; --no-builtin starts from none
    /// [default: true]
    #[arg(long, value_name = "true|false")]
    pub builtin: Option<bool>,

    /// Constant labels of every series, name=value,...
    /// [env: PG_EXPORTER_LABEL]
    #[arg(short, long, value_name = "LABELS")]
    pub label: Option<Vec<String>>,

    /// Tags that select collectors, comma separated
    /// [env: PG_EXPORTER_TAG]
    #[arg(short, long, value_name = "TAGS")]
    pub tag: Option<Vec<String>>,

    /// Run every collector at every scrape, whatever its ttl
    /// [env: PG_EXPORTER_DISABLE_CACHE] [default: false]
    #[arg(short = 'C', long, value_name = "true|false")]
    pub disable_cache: Option<bool>,

    /// Leave out the metrics about the exporter itself
    /// [env: PG_EXPORTER_DISABLE_INTRO] [default: false]
    #[arg(short = 'm', long, value_name = "true|false")]
    pub disable_intro: Option<bool>,

    /// Scrape the server's other databases too
    /// [env: PG_EXPORTER_AUTO_DISCOVERY] [default: true]
    #[arg(short, long, value_name = "true|false")]
    pub auto_discovery: Option<bool>,

    /// Databases that discovery leaves out, names and /patterns/, comma separated
    /// [env: PG_EXPORTER_EXCLUDE_DATABASE] [default: template0,template1,postgres]
    #[arg(short = 'x', long, value_name = "NAMES")]
    pub exclude_database: Option<Vec<String>>,

    /// Databases that discovery is restricted to, names and /patterns/, comma separated
    /// [env: PG_EXPORTER_INCLUDE_DATABASE]
    #[arg(short, long, value_name = "NAMES")]
    pub include_database: Option<Vec<String>>,

    /// Prefix of the metrics about the exporter
    /// [env: PG_EXPORTER_NAMESPACE] [default: pg, or pgbouncer]
    #[arg(short, long, value_name = "PREFIX")]
    pub namespace: Option<String>,

    /// Exit with code 2 when the target cannot be reached at start
    /// [env: PG_EXPORTER_FAIL_FAST] [default: false]
    #[arg(short, long, value_name = "true|false")]
    pub fail_fast: Option<bool>,

    /// Longest silence of a server while connecting, in milliseconds or as 500ms, 2s
    /// [env: PG_EXPORTER_CONNECT_TIMEOUT] [default: the URL's connect_timeout, or 1s]
    #[arg(short = 'T', long, value_name = "TIME", allow_hyphen_values = true)]
    pub connect_timeout: Option<String>,

    /// Longest scrape when the client names no limit of its own
    /// [env: PG_EXPORTER_SCRAPE_TIMEOUT] [default: 10s]
    #[arg(long, value_name = "TIME")]
    pub scrape_timeout: Option<String>,

    /// Time between two health probes
    /// [env: PG_EXPORTER_HEALTH_INTERVAL] [default: 1s]
    #[arg(long, value_name = "TIME")]
    pub health_interval: Option<String>,

    /// Time between two new connections by which the health probe sees whether others are let in
    /// [env: PG_EXPORTER_HEALTH_CONNECT_INTERVAL] [default: 5s]
    #[arg(long, value_name = "TIME")]
    pub health_connect_interval: Option<String>,

    /// Write a message to the WAL of a primary over these connections, to see whether writes hang
    /// [env: PG_EXPORTER_HEALTH_WRITE] [default: false]
    #[arg(long, value_name = "true|false")]
    pub health_write: Option<bool>,

    /// Databases scraped at the same time
    /// [env: PG_EXPORTER_PARALLEL] [default: 4]
    #[arg(long, value_name = "N")]
    pub parallel: Option<String>,

    /// Connections to the server, all together, the health probe's included; not given, more where it has more databases and room:
    /// up to half of those that others leave free
    /// [env: PG_EXPORTER_MAX_CONNECTIONS] [default: 8]
    #[arg(long, value_name = "N")]
    pub max_connections: Option<String>,

    /// Rows of a collector's result; one that has more fails
    /// [env: PG_EXPORTER_MAX_RESULT_ROWS] [default: 1000000]
    #[arg(long, value_name = "N")]
    pub max_result_rows: Option<String>,

    /// Bytes of a collector's result on the wire; one that has more fails
    /// [env: PG_EXPORTER_MAX_RESULT_BYTES] [default: 16777216]
    #[arg(long, value_name = "N")]
    pub max_result_bytes: Option<String>,

    /// Bytes of a label's value; a collector with a longer one fails
    /// [env: PG_EXPORTER_MAX_LABEL_BYTES] [default: 65536]
    #[arg(long, value_name = "N")]
    pub max_label_bytes: Option<String>,

    /// Path of the metrics page
    /// [env: PG_EXPORTER_TELEMETRY_PATH] [default: /metrics]
    #[arg(short = 'P', long = "web.telemetry-path", value_name = "PATH")]
    pub telemetry_path: Option<String>,

    /// Address to listen on, host:port, :port, unix:/path?mode=660 or unix:@name; may be given several times
    /// [default: :9630]
    #[arg(long = "web.listen-address", value_name = "ADDRESS")]
    pub listen_address: Option<Vec<String>>,

    /// Configuration of TLS and authentication, in the format of Prometheus' exporter toolkit
    /// [default: plain HTTP for everybody]
    // As above: Prometheus' toolkit takes an empty one for none.
    #[arg(long = "web.config.file", value_name = "PATH", value_hint = ValueHint::AnyPath)]
    #[arg(value_parser = OsStringValueParser::new().map(PathBuf::from))]
    pub web_config_file: Option<PathBuf>,

    /// Where others find this exporter, for service discovery of its targets
    /// [default: as they call it]
    #[arg(long = "web.external-url", value_name = "URL")]
    pub external_url: Option<String>,

    /// Serve the sockets that systemd passes on instead of --web.listen-address
    /// [default: false]
    #[arg(long = "web.systemd-socket", value_name = "true|false")]
    pub systemd_socket: Option<bool>,

    /// Refuse reloads over HTTP
    /// [default: false]
    #[arg(long = "web.disable-reload", value_name = "true|false")]
    pub disable_reload: Option<bool>,

    /// Write all loaded collectors in the order of execution and exit
    /// [default: false]
    #[arg(short = 'D', long, value_name = "true|false")]
    pub dry_run: Option<bool>,

    /// Plan on the target, write the plan and exit
    /// [default: false]
    #[arg(short = 'E', long, value_name = "true|false")]
    pub explain: Option<bool>,

    /// Least severe messages to log: debug, info, warn or error
    /// [default: info]
    #[arg(long = "log.level", value_name = "LEVEL")]
    pub log_level: Option<String>,

    /// Form of the log: logfmt or json
    /// [default: logfmt]
    #[arg(long = "log.format", value_name = "FORMAT")]
    pub log_format: Option<String>,
}
