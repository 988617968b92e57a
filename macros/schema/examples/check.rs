//! Checks definition files: `check PATH…` prints every mistake and fails if there is one.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use pg_exporter_schema::{Strictness, compile, read_path};

fn main() -> io::Result<ExitCode> {
    let mut sources = Vec::new();
    for (rank, path) in std::env::args().skip(1).enumerate() {
        for mut source in read_path(Path::new(&path))? {
            // Files named one by one are one directory's; directories are one each.
            source.directory = if Path::new(&path).is_dir() { rank } else { 0 };
            sources.push(source);
        }
    }
    let outcome = compile(&sources, Strictness::Strict);
    let mut out = io::stdout().lock();
    for diagnostic in &outcome.diagnostics {
        writeln!(out, "{diagnostic}")?;
    }
    let (collectors, files) = (outcome.collectors.len(), sources.len());
    writeln!(
        out,
        "{collectors} branches in {files} files, {} findings",
        outcome.diagnostics.len()
    )?;
    Ok(ExitCode::from(u8::from(outcome.has_errors())))
}
