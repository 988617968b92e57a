//! From arguments to a command.

use std::process::ExitCode;

use super::cli::{Cli, Command, ReportFormat, write_stderr};
use super::commands::{self, check, convert, doctor, manual, new, probe};
use super::exporter::Exporter;
use super::logging;
use super::serve::serve;
use super::settings::{self, Settings};
use super::setup::Setup;
use super::stop::Stop;

impl Exporter {
    /// Runs it until a signal ends it, or does what a subcommand asks for.
    #[must_use]
    pub fn run(self) -> ExitCode {
        let cli = match Cli::read(std::env::args_os()) {
            Ok(cli) => cli,
            Err(refusal) => return refusal.report().into(),
        };
        // These ask for no server, no settings and no log: a mistake there must not end them.
        match &cli.command {
            Some(Command::Probe { address, timeout }) => return probe::run(address, timeout),
            Some(Command::Completions { shell }) => return manual::completions(*shell),
            Some(Command::Man { directory }) => return manual::pages(directory.as_deref()),
            _ => {}
        }
        let asks = |flag: Option<bool>| flag == Some(true);
        let serves = cli.command.is_none() && !asks(cli.flags.dry_run) && !asks(cli.flags.explain);
        let code = execute(cli, self).unwrap_or_else(|stop| {
            // What the log holds came before.
            logging::flush();
            for line in stop.message.lines() {
                // A record for each mistake of a configuration; a person who asked for something reads plain lines.
                if serves {
                    tracing::error!("{line}");
                } else {
                    // There is nowhere left to report a failure of standard error to.
                    let _ = write_stderr(format!("pg_exporter: {line}\n").as_bytes());
                }
            }
            stop.code.into()
        });
        logging::flush();
        code
    }
}

fn execute(cli: Cli, exporter: Exporter) -> Result<ExitCode, Stop> {
    let of_site = |name: &str| {
        let mut defaults = exporter.defaults.iter();
        defaults
            .find(|(known, _)| *known == name)
            .map(|(_, value)| (*value).to_owned())
    };
    let variable = |name: &str| settings::environment(name).or_else(|| of_site(name));
    let settings = Settings::resolve(cli.flags, &variable);
    let (level, format) = settings
        .as_ref()
        .map_or_else(|_| Default::default(), |s| (s.log_level, s.log_format));
    logging::start(level, format).map_err(Stop::usage)?;
    let settings = settings.map_err(Stop::usage)?;
    for note in &settings.notes {
        tracing::warn!("{note}");
    }
    let setup = Setup {
        settings,
        compiled: exporter.collectors,
    };
    match cli.command {
        Some(Command::Check {
            paths,
            strict,
            connect,
            record,
            format,
        }) => match setup.fleet() {
            Some(sources) => check::targets(&setup, &sources, connect, format),
            None => {
                let manner = check::Manner {
                    strict,
                    record,
                    format,
                };
                check::run(&setup, &paths, &manner)
            }
        },
        Some(Command::Convert { files }) => convert::run(&files),
        Some(Command::Schema) => commands::schema(!setup.settings.targets.is_empty()),
        Some(Command::Scrape) => commands::scrape(&setup),
        Some(Command::Explain { format }) => commands::explain(&setup, format),
        Some(Command::Stat { format }) => commands::stat(&setup, format),
        Some(Command::Doctor { format }) => doctor::run(&setup, format),
        Some(Command::New {
            directory,
            library,
            git,
            rev,
        }) => new::run(&directory, &new::Library::of(library, git, rev)?),
        Some(Command::Dump) => commands::dry_run(&setup),
        Some(Command::Probe { .. } | Command::Completions { .. } | Command::Man { .. }) => {
            Ok(ExitCode::SUCCESS)
        }
        None if setup.settings.dry_run => commands::dry_run(&setup),
        None if setup.settings.explain => commands::explain(&setup, ReportFormat::Text),
        None => serve(&setup, exporter.readers),
    }
}
