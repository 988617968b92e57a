//! `completions` and `man`: the command line told to shells and to readers of manual pages. Packages install both.

use std::io;
use std::path::Path;
use std::process::ExitCode;

use clap_complete::{Shell, generate};

use crate::program::cli::{Cli, Refusal, write_stdout};

/// The program's name, whatever its file is called.
const NAME: &str = "pg_exporter";

/// The completions of a shell, to standard output.
pub(crate) fn completions(shell: Shell) -> ExitCode {
    let mut script = Vec::new();
    generate(shell, &mut Cli::definition(), NAME, &mut script);
    ended(write_stdout(&script))
}

/// The manual page, to standard output; with a directory one file there for the program and one for each subcommand.
pub(crate) fn pages(directory: Option<&Path>) -> ExitCode {
    // A page is not of one build, and has room for a number only.
    let command = Cli::definition().version(env!("CARGO_PKG_VERSION"));
    ended(match directory {
        Some(directory) => clap_mangen::generate_to(command, directory),
        None => page(command).and_then(|page| write_stdout(&page)),
    })
}

fn page(command: clap::Command) -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page)?;
    Ok(page)
}

fn ended(result: io::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => Refusal::Mistake(format!("cannot write: {error}")).report().into(),
    }
}
