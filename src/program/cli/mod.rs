//! The command line: what clap reads, before environment and defaults are added.

mod flags;
mod output;
mod refusal;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Arg, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

pub use flags::Flags;
pub use output::{write_stderr, write_stdout};
pub use refusal::Refusal;

use crate::build_info::BUILD_INFO;

/// Prometheus exporter for PostgreSQL and pgbouncer.
///
/// Every on/off flag also takes the forms --NAME=true, --NAME=false and --no-NAME.
/// A flag wins over its environment variable, the variable over the default.
#[derive(Debug, Parser)]
#[command(name = "pg_exporter", version = BUILD_INFO.text().trim_end().to_owned(), args_override_self = true, max_term_width = 100)]
#[command(after_help = EXAMPLES)]
pub struct Cli {
    /// Everything that may be given with or without a subcommand.
    #[command(flatten)]
    pub flags: Flags,
    /// What to do; to serve when there is none.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Stands below the flags in `--help` and in the manual page.
const EXAMPLES: &str = "\
Examples:
  Serve the metrics of a server on port 9630:
    pg_exporter --url 'postgresql://monitor@db.example/postgres?sslmode=verify-full'
  The same, with the password in a file that is read again for each connection:
    PG_EXPORTER_URL_FILE=/run/secrets/url pg_exporter
  What does the role lack, and what does each collector cost?
    pg_exporter doctor --url postgresql://monitor@db.example/postgres
  One page to standard output:
    pg_exporter scrape --url postgresql:///postgres
  Look for mistakes in collectors of your own, on a server too:
    pg_exporter check my.yml
    pg_exporter check my.yml --url postgresql://monitor@db.example/postgres
  Note what servers say to them, so that builds and checks know it without a server:
    pg_exporter check collectors --record --url postgresql:///a --url postgresql:///b
  Is the server behind this exporter the primary?
    pg_exporter probe http://db.example:9630/primary

Exit codes:
  0  what was asked for was done, and nothing is wrong
  1  the command line, a setting or a file is wrong, or what was asked for found something that is
  2  the target cannot be reached or asked";

/// What to do instead of serving.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Look for mistakes in collector definitions; with --url also prepare each statement on that server; with --targets
    /// look for mistakes in the files that name servers instead
    Check {
        /// Files or directories; the configuration in use when there is none
        paths: Vec<PathBuf>,
        /// Count warnings as mistakes
        #[arg(long)]
        strict: bool,
        /// Connect once to each server that --targets names, a few at a time
        #[arg(long)]
        connect: bool,
        /// Write what each server named by --url says into statements.lock, beside the definitions; --url may be given
        /// several times
        #[arg(long)]
        record: bool,
        /// How findings are written
        #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
        format: ReportFormat,
    },
    /// Write files of postgres_exporter, CloudNativePG or sql_exporter in this exporter's language; exit code 1 if something
    /// could not be carried over
    Convert {
        /// Files of definitions: queries.yaml, a ConfigMap, a collector file
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Write the JSON Schema of the collector language to standard output; with --targets that of targets files
    Schema,
    /// Plan on the target: which collector runs on which database, and why the others do not
    Explain {
        /// How it is written
        #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
        format: ReportFormat,
    },
    /// Scrape once and write what each collector took and yielded
    Stat {
        /// How it is written
        #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
        format: ReportFormat,
    },
    /// Examine the target: privileges that are missing, with the GRANT statements; extensions to create or update;
    /// unreachable databases; cost and series of each collector; clock. Exit code 1 if something is wrong, 2 if the target is down
    Doctor {
        /// How it is written
        #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
        format: ReportFormat,
    },
    /// Write the collectors in force as YAML that loads back to the same
    Dump,
    /// Write the crate of a distribution of your own
    New {
        /// Directory to create; its name becomes the package's
        directory: PathBuf,
        /// Source tree of this exporter that the crate depends on
        #[arg(long, value_name = "PATH", conflicts_with = "git")]
        library: Option<PathBuf>,
        /// Git repository of this exporter that the crate depends on
        #[arg(long, value_name = "URL")]
        git: Option<String>,
        /// Commit or tag of the repository
        #[arg(long, value_name = "REV", requires = "git")]
        rev: Option<String>,
    },
    /// Write one metrics page to standard output; exit code 2 if the target is down
    Scrape,
    /// Ask a running exporter: exit code 0 if it answers 2xx, else 1. For health checks where there is no curl
    Probe {
        /// What to ask for, by plain HTTP
        #[arg(value_name = "URL", default_value = "http://localhost:9630/liveness")]
        address: String,
        /// Longest wait for the answer, such as 500ms, 2s
        #[arg(long, value_name = "TIME", default_value = "3s")]
        timeout: String,
    },
    /// Write the completions of a shell to standard output
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Write the manual page to standard output, or those of all subcommands into a directory
    Man {
        /// Directory that is there
        directory: Option<PathBuf>,
    },
}

/// How a report is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// For people; of `check` one finding per line: `file:line:column: message`.
    Text,
    /// A list of objects.
    Json,
}

/// Names of the on/off flags, for which `--no-NAME` stands for `--NAME=false`.
const SWITCHES: [&str; 10] = [
    "builtin",
    "disable-cache",
    "disable-intro",
    "auto-discovery",
    "fail-fast",
    "health-write",
    "web.systemd-socket",
    "web.disable-reload",
    "dry-run",
    "explain",
];

impl Cli {
    /// Flags and subcommands as they are read, for completions and manual pages too.
    pub(crate) fn definition() -> clap::Command {
        Self::command().mut_args(finish)
    }

    /// Reads the arguments, the program's name first.
    ///
    /// # Errors
    /// A [`Refusal`] with what to print and the exit code: also for `--help` and `--version`, with code 0.
    pub fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, Refusal> {
        let mut command = Self::definition();
        let matches = command.try_get_matches_from_mut(arguments.into_iter().map(spell_out_negation));
        matches
            .and_then(|mut matches| Self::from_arg_matches_mut(&mut matches))
            .map_err(|error| Refusal::from(&error))
    }
}

/// The part of a subcommand's help behind its own flags.
const OF_ALL: &str = "Options of the exporter";

/// What all flags have in common: they may stand before and behind a subcommand, and a switch needs no value.
fn finish(flag: Arg) -> Arg {
    let flag = flag.global(true).help_heading(OF_ALL);
    if !flag.get_long().is_some_and(|name| SWITCHES.contains(&name)) {
        return flag;
    }
    flag.num_args(0..=1)
        .require_equals(true)
        .default_missing_value("true")
        .value_parser(crate::values::boolean)
}

fn spell_out_negation(argument: OsString) -> OsString {
    let name = argument.to_str().and_then(|text| text.strip_prefix("--no-"));
    match name.filter(|name| SWITCHES.contains(name)) {
        Some(name) => format!("--{name}=false").into(),
        None => argument,
    }
}

#[cfg(test)]
mod tests;
