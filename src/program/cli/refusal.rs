//! What is said when the command line ends the program: help, version, or one line on a mistake.

use std::io::{self, Write as _};

use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::{Cli, write_stdout};
use crate::values::text::on_one_line;

/// Text to print and the exit code to end with.
#[derive(Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Asked for: standard output, code 0.
    Answer(String),
    /// A mistake: one line on standard error, code 1.
    Mistake(String),
}

impl Refusal {
    /// Prints the text and returns the exit code.
    pub fn report(&self) -> u8 {
        match self {
            Self::Answer(text) => u8::from(write_stdout(text.as_bytes()).is_err()),
            Self::Mistake(line) => {
                // There is nowhere left to report a failure of standard error to.
                let _ = writeln!(io::stderr(), "pg_exporter: {line}");
                1
            }
        }
    }
}

impl From<&clap::Error> for Refusal {
    fn from(error: &clap::Error) -> Self {
        match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Self::Answer(error.render().to_string()),
            kind => {
                let subcommand = subcommand(error);
                let sentence = on_one_line(&sentence(kind, error, subcommand.as_deref())).into_owned();
                let of = subcommand.map(|name| format!(" {name}")).unwrap_or_default();
                Self::Mistake(format!("{sentence}; see pg_exporter{of} --help"))
            }
        }
    }
}

/// One line on the mistake. Values are never quoted: a connection string may stand at the wrong place.
fn sentence(kind: ErrorKind, error: &clap::Error, subcommand: Option<&str>) -> String {
    let argument = context(error, ContextKind::InvalidArg)
        .map(flag_only)
        .unwrap_or_default();
    let hint = match context(error, ContextKind::SuggestedArg) {
        Some(similar) => format!(", did you mean {}?", flag_only(similar)),
        None => String::new(),
    };
    match kind {
        ErrorKind::UnknownArgument if argument.starts_with('-') => format!("unknown flag {argument}{hint}"),
        ErrorKind::UnknownArgument | ErrorKind::InvalidSubcommand => match subcommand {
            Some(name) => format!("{name} has an argument too many"),
            None => format!("an argument that is neither a flag nor one of {}", subcommands()),
        },
        ErrorKind::MissingRequiredArgument => {
            let missing = all(error, ContextKind::InvalidArg).join(", ");
            format!("{} needs {missing}", subcommand.unwrap_or("pg_exporter"))
        }
        ErrorKind::ArgumentConflict => {
            let other = context(error, ContextKind::PriorArg)
                .map(flag_only)
                .unwrap_or_default();
            format!("flags {argument} and {other} exclude each other")
        }
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            let what = if argument.starts_with('-') { "flag " } else { "" };
            let allowed = match error.get(ContextKind::ValidValue) {
                Some(ContextValue::Strings(values)) if !values.is_empty() => {
                    format!(": write {}", values.join(" or "))
                }
                _ if context(error, ContextKind::InvalidValue) == Some("") => {
                    return format!("{what}{argument} needs a value");
                }
                _ => std::error::Error::source(error)
                    .map(|source| format!(": {source}"))
                    .unwrap_or_default(),
            };
            format!("{what}{argument} has no valid value{allowed}")
        }
        ErrorKind::NoEquals | ErrorKind::TooFewValues | ErrorKind::WrongNumberOfValues => {
            format!("flag {argument} needs a value")
        }
        ErrorKind::TooManyValues => format!("flag {argument} takes no such value"),
        ErrorKind::InvalidUtf8 => "an argument is not UTF-8".to_owned(),
        other => format!("wrong command line: {other}"),
    }
}

/// The names of all subcommands, and `help`, which clap adds.
fn subcommands() -> String {
    let command = Cli::definition();
    let names = command.get_subcommands().map(clap::Command::get_name);
    names.chain(["help"]).collect::<Vec<_>>().join(", ")
}

/// The subcommand in which the mistake was made, where clap says it: as the second word of the usage that it would show.
fn subcommand(error: &clap::Error) -> Option<String> {
    let Some(ContextValue::StyledStr(usage)) = error.get(ContextKind::Usage) else {
        return None;
    };
    let usage = usage.to_string();
    let word = usage
        .split_whitespace()
        .skip_while(|word| *word != "pg_exporter")
        .nth(1)?;
    let command = Cli::definition();
    let known = command.get_subcommands().any(|one| one.get_name() == word);
    known.then(|| word.to_owned())
}

fn context(error: &clap::Error, kind: ContextKind) -> Option<&str> {
    all(error, kind).first().copied()
}

fn all(error: &clap::Error, kind: ContextKind) -> Vec<&str> {
    match error.get(kind) {
        Some(ContextValue::String(text)) => vec![text],
        Some(ContextValue::Strings(texts)) => texts.iter().map(String::as_str).collect(),
        _ => Vec::new(),
    }
}

/// The flag itself, without the value that clap shows after it.
fn flag_only(text: &str) -> &str {
    text.split(['=', ' ', '[']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
    use super::*;

    fn refusal(line: &str) -> Refusal {
        let words = std::iter::once("pg_exporter").chain(line.split_whitespace());
        match Cli::read(words.map(Into::into)) {
            Err(refusal) => refusal,
            Ok(cli) => panic!("{line:?} was taken: {cli:?}"),
        }
    }

    #[test]
    fn mistakes_are_one_clear_line() {
        let table = [
            (
                "--web.listen-adress=:1",
                "unknown flag --web.listen-adress, did you mean --web.listen-address?",
            ),
            ("--bogus", "unknown flag --bogus"),
            ("-z", "unknown flag -z"),
            (
                "--disable-cache=maybe",
                "flag --disable-cache has no valid value: write true or false",
            ),
            ("--url", "flag --url needs a value"),
            (
                "check --format xml",
                "flag --format has no valid value: write text or json",
            ),
            (
                "serve",
                "an argument that is neither a flag nor one of check, convert, schema, explain, stat, doctor, dump, new, \
                 scrape, probe, completions, man, help",
            ),
            (
                "completions csh",
                "<SHELL> has no valid value: write bash or elvish or fish or powershell or zsh",
            ),
        ];
        for (line, expected) in table {
            assert_eq!(
                refusal(line),
                Refusal::Mistake(format!("{expected}; see pg_exporter --help")),
                "{line:?}"
            );
        }
    }

    #[test]
    fn mistakes_behind_a_subcommand_lead_to_its_help() {
        let table = [
            ("check", "--bogus", "unknown flag --bogus"),
            (
                "check",
                "--strikt",
                "unknown flag --strikt, did you mean --strict?",
            ),
            ("explain", "a", "explain has an argument too many"),
            ("probe", "http://a/ http://b/", "probe has an argument too many"),
            ("convert", "", "convert needs <FILES>..."),
            ("completions", "", "completions needs <SHELL>"),
            ("new", "", "new needs <DIRECTORY>"),
            ("new", "a --rev=1", "new needs --git <URL>"),
            (
                "new",
                "a --library=b --git=c",
                "flags --library and --git exclude each other",
            ),
        ];
        for (command, rest, expected) in table {
            assert_eq!(
                refusal(&format!("{command} {rest}")),
                Refusal::Mistake(format!("{expected}; see pg_exporter {command} --help")),
                "{command} {rest}"
            );
        }
    }

    #[test]
    fn no_mistake_shows_a_connection_string() {
        let url = "postgres://u:s3cret@h/db";
        for before in [
            "",
            "--bogus=",
            "--bogus ",
            "-z",
            "-z ",
            "-C=",
            "--disable-cache=",
            "check --format ",
            "scrape ",
            "--ulr=",
        ] {
            let Refusal::Mistake(line) = refusal(&format!("{before}{url}")) else {
                panic!("{before}")
            };
            assert!(
                !line.contains("s3cret") && !line.contains('\n'),
                "{before:?}: {line}"
            );
        }
    }

    #[test]
    fn help_names_every_variable_and_shows_no_value() {
        let Refusal::Answer(help) = refusal("--help") else {
            panic!()
        };
        for variable in crate::program::settings::VARIABLES {
            assert!(help.contains(variable), "{variable}");
        }
        assert!(matches!(refusal("--version"), Refusal::Answer(text) if text.contains("revision: ")));
    }
}
