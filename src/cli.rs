//! The command line: what clap reads, before environment and defaults are added.

mod output;
mod refusal;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub use output::write_stdout;
pub use refusal::Refusal;

use crate::build_info::BUILD_INFO;
use crate::settings::Secret;

/// Prometheus exporter for PostgreSQL and pgbouncer.
///
/// Every on/off flag also takes the forms --NAME=true, --NAME=false and --no-NAME.
/// A flag wins over its environment variable, the variable over the default.
#[derive(Debug, Parser)]
#[command(name = "pg_exporter", version = BUILD_INFO.text(), args_override_self = true, max_term_width = 100)]
#[command(subcommand_negates_reqs = true, disable_help_subcommand = true)]
pub struct Cli {
    /// Everything that may be given with or without a subcommand.
    #[command(flatten)]
    pub flags: Flags,
    /// What to do; to serve when there is none.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What to do instead of serving.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Look for mistakes in collector definitions; with --url also prepare each statement on that server
    Check {
        /// Files or directories; the configuration in use when there is none
        paths: Vec<PathBuf>,
        /// Count warnings as mistakes
        #[arg(long)]
        strict: bool,
        /// How findings are written
        #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
        format: ReportFormat,
    },
    /// Write the JSON Schema of the collector language to standard output
    Schema,
    /// Write one metrics page to standard output; exit code 1 if the target is down
    Scrape,
}

/// How `check` writes its findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// One finding per line: `file:line:column: message`.
    Text,
    /// A list of objects.
    Json,
}

/// Flags. `None` means that it was not on the command line.
#[derive(Debug, Default, Args)]
pub struct Flags {
    /// Server to scrape, a URL or key=value pairs [env: PG_EXPORTER_URL, PGURL, or the content of the file PG_EXPORTER_URL_FILE] [default: postgresql:///?sslmode=disable]
    #[arg(short, long, global = true, value_name = "URL")]
    pub url: Option<Secret>,

    /// Collector definitions to load over the compiled-in ones, a file or a directory [env: PG_EXPORTER_CONFIG] [default: the first of ./pg_exporter.yml, /etc/pg_exporter.yml, /etc/pg_exporter]
    #[arg(short, long, global = true, value_name = "PATH")]
    pub config: Option<PathBuf>,

    /// Start from the compiled-in collectors; --no-builtin starts from none [default: true]
    #[arg(long, global = true, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = boolean)]
    pub builtin: Option<bool>,

    /// Constant labels of every series, name=value,... [env: PG_EXPORTER_LABEL]
    #[arg(short, long, global = true, value_name = "LABELS")]
    pub label: Option<Vec<String>>,

    /// Tags that select collectors, comma separated [env: PG_EXPORTER_TAG]
    #[arg(short, long, global = true, value_name = "TAGS")]
    pub tag: Option<Vec<String>>,

    /// Run every collector at every scrape, whatever its ttl [env: PG_EXPORTER_DISABLE_CACHE] [default: false]
    #[arg(short = 'C', long, global = true, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = boolean)]
    pub disable_cache: Option<bool>,

    /// Leave out the metrics about the exporter itself [env: PG_EXPORTER_DISABLE_INTRO] [default: false]
    #[arg(short = 'm', long, global = true, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = boolean)]
    pub disable_intro: Option<bool>,

    /// Scrape the server's other databases too [env: PG_EXPORTER_AUTO_DISCOVERY] [default: true]
    #[arg(short, long, global = true, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = boolean)]
    pub auto_discovery: Option<bool>,

    /// Databases that discovery leaves out, comma separated [env: PG_EXPORTER_EXCLUDE_DATABASE] [default: template0,template1,postgres]
    #[arg(short = 'x', long, global = true, value_name = "NAMES")]
    pub exclude_database: Option<Vec<String>>,

    /// Databases that discovery is restricted to, comma separated [env: PG_EXPORTER_INCLUDE_DATABASE]
    #[arg(short, long, global = true, value_name = "NAMES")]
    pub include_database: Option<Vec<String>>,

    /// Prefix of the metrics about the exporter [env: PG_EXPORTER_NAMESPACE] [default: pg, or pgbouncer]
    #[arg(short, long, global = true, value_name = "PREFIX")]
    pub namespace: Option<String>,

    /// Exit with code 2 when the target cannot be reached at start [env: PG_EXPORTER_FAIL_FAST] [default: false]
    #[arg(short, long, global = true, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = boolean)]
    pub fail_fast: Option<bool>,

    /// Longest wait for a connection, in milliseconds or as 500ms, 2s [env: PG_EXPORTER_CONNECT_TIMEOUT] [default: 1s]
    #[arg(
        short = 'T',
        long,
        global = true,
        value_name = "TIME",
        allow_hyphen_values = true
    )]
    pub connect_timeout: Option<String>,

    /// Longest scrape when the client names no limit of its own [env: PG_EXPORTER_SCRAPE_TIMEOUT] [default: 10s]
    #[arg(long, global = true, value_name = "TIME")]
    pub scrape_timeout: Option<String>,

    /// Time between two health probes [env: PG_EXPORTER_HEALTH_INTERVAL] [default: 1s]
    #[arg(long, global = true, value_name = "TIME")]
    pub health_interval: Option<String>,

    /// Databases scraped at the same time [env: PG_EXPORTER_PARALLEL] [default: 4]
    #[arg(long, global = true, value_name = "N")]
    pub parallel: Option<String>,

    /// Connections to the server, all together, the health probe's included [env: PG_EXPORTER_MAX_CONNECTIONS] [default: 8]
    #[arg(long, global = true, value_name = "N")]
    pub max_connections: Option<String>,

    /// Path of the metrics page [env: PG_EXPORTER_TELEMETRY_PATH] [default: /metrics]
    #[arg(short = 'P', long = "web.telemetry-path", global = true, value_name = "PATH")]
    pub telemetry_path: Option<String>,

    /// Address to listen on; may be given several times [default: :9630]
    #[arg(long = "web.listen-address", global = true, value_name = "HOST:PORT")]
    pub listen_address: Option<Vec<String>>,

    /// Configuration of TLS and authentication, in the format of Prometheus' exporter toolkit
    #[arg(long = "web.config.file", global = true, value_name = "PATH")]
    pub web_config_file: Option<PathBuf>,

    /// Take the listening sockets from systemd [default: false]
    #[arg(long = "web.systemd-socket", global = true, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = boolean)]
    pub systemd_socket: Option<bool>,

    /// Refuse reloads over HTTP [default: false]
    #[arg(long = "web.disable-reload", global = true, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = boolean)]
    pub disable_reload: Option<bool>,

    /// Write all loaded collectors in the order of execution and exit [default: false]
    #[arg(short = 'D', long, global = true, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = boolean)]
    pub dry_run: Option<bool>,

    /// Plan on the target, write the plan and exit [default: false]
    #[arg(short = 'E', long, global = true, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = boolean)]
    pub explain: Option<bool>,

    /// Least severe messages to log: debug, info, warn or error [default: info]
    #[arg(long = "log.level", global = true, value_name = "LEVEL")]
    pub log_level: Option<String>,

    /// Form of the log: logfmt or json [default: logfmt]
    #[arg(long = "log.format", global = true, value_name = "FORMAT")]
    pub log_format: Option<String>,
}

/// Names of the on/off flags, for which `--no-NAME` stands for `--NAME=false`.
const SWITCHES: [&str; 9] = [
    "builtin",
    "disable-cache",
    "disable-intro",
    "auto-discovery",
    "fail-fast",
    "web.systemd-socket",
    "web.disable-reload",
    "dry-run",
    "explain",
];

impl Cli {
    /// Reads the arguments, the program's name first.
    ///
    /// # Errors
    /// A [`Refusal`] with what to print and the exit code: also for `--help` and `--version`, with code 0.
    pub fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, Refusal> {
        Self::try_parse_from(arguments.into_iter().map(spell_out_negation))
            .map_err(|error| Refusal::from(&error))
    }
}

fn spell_out_negation(argument: OsString) -> OsString {
    let name = argument.to_str().and_then(|text| text.strip_prefix("--no-"));
    match name.filter(|name| SWITCHES.contains(name)) {
        Some(name) => format!("--{name}=false").into(),
        None => argument,
    }
}

/// The words for on and off that flags and variables take.
pub(crate) fn boolean(text: &str) -> Result<bool, &'static str> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "t" | "true" | "yes" | "on" => Ok(true),
        "0" | "f" | "false" | "no" | "off" => Ok(false),
        _ => Err("write true or false"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn read(line: &str) -> Result<Cli, Refusal> {
        Cli::read(
            std::iter::once("pg_exporter")
                .chain(line.split_whitespace())
                .map(OsString::from),
        )
    }

    #[test]
    fn definition_is_sound() {
        use clap::CommandFactory as _;
        Cli::command().debug_assert();
    }

    #[test]
    fn switches_take_every_form() {
        let table = [
            ("", None),
            ("--auto-discovery", Some(true)),
            ("--auto-discovery=true", Some(true)),
            ("--auto-discovery=false", Some(false)),
            ("--auto-discovery=F", Some(false)),
            ("--no-auto-discovery", Some(false)),
            ("-a", Some(true)),
            ("-a=true", Some(true)),
            ("-a=false", Some(false)),
            ("-mCa", Some(true)),
            ("--no-auto-discovery --auto-discovery", Some(true)),
            ("--auto-discovery --no-auto-discovery", Some(false)),
            ("scrape --no-auto-discovery", Some(false)),
            ("--no-auto-discovery scrape", Some(false)),
        ];
        for (line, expected) in table {
            assert_eq!(read(line).unwrap().flags.auto_discovery, expected, "{line:?}");
        }
    }

    #[test]
    fn each_switch_can_be_negated() {
        for name in SWITCHES {
            assert!(
                read(&format!("--{name} --no-{name} --{name}=true")).is_ok(),
                "{name}"
            );
        }
        assert_eq!(read("--no-builtin").unwrap().flags.builtin, Some(false));
        assert!(read("--no-url").is_err());
    }

    #[test]
    fn short_forms_stand_for_their_flags() {
        let flags = read("-u U -c C -l a=1 -l b=2 -t x,y -x p -i q -n ns -f -T 250 -P /m -D -E")
            .unwrap()
            .flags;
        assert_eq!(flags.url.unwrap().expose(), "U");
        assert_eq!(flags.config.unwrap().to_str(), Some("C"));
        assert_eq!(flags.label.unwrap(), ["a=1", "b=2"]);
        assert_eq!(flags.tag.unwrap(), ["x,y"]);
        assert_eq!(flags.exclude_database.unwrap(), ["p"]);
        assert_eq!(flags.include_database.unwrap(), ["q"]);
        assert_eq!(flags.namespace.as_deref(), Some("ns"));
        assert_eq!(flags.connect_timeout.as_deref(), Some("250"));
        assert_eq!(flags.telemetry_path.as_deref(), Some("/m"));
        assert_eq!(
            (flags.fail_fast, flags.dry_run, flags.explain),
            (Some(true), Some(true), Some(true))
        );
    }

    #[test]
    fn subcommands() {
        let check = read("check a.yml b --strict --format json --url U").unwrap();
        let expected = Command::Check {
            paths: vec!["a.yml".into(), "b".into()],
            strict: true,
            format: ReportFormat::Json,
        };
        assert_eq!(check.command, Some(expected));
        assert_eq!(check.flags.url.unwrap().expose(), "U");
        assert_eq!(read("schema").unwrap().command, Some(Command::Schema));
        assert_eq!(read("-u U scrape").unwrap().command, Some(Command::Scrape));
        assert_eq!(read("").unwrap().command, None);
    }
}
