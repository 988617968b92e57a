//! A throw-away PostgreSQL for `make run`: `pg-lab run [MAJOR]`.

use std::io::{self, Write};
use std::process::ExitCode;

use pg_exporter_lab::{Cluster, newest_installed};

const USAGE: &str = "usage: pg-lab run [MAJOR]
Starts a PostgreSQL (the newest in the cache), prints its URL, and keeps it until standard input ends.
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let ended = match *arguments.as_slice() {
        ["run"] => newest_installed().map_err(Into::into).and_then(run),
        ["run", major] if major.parse::<u32>().is_ok() => run(major.parse().unwrap_or_default()),
        ["help" | "-h" | "--help"] => write_all(&mut io::stdout(), USAGE),
        _ => {
            let _ = write_all(&mut io::stderr(), USAGE);
            return ExitCode::from(2);
        }
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = write_all(&mut io::stderr(), &format!("pg-lab: {error}\n"));
            ExitCode::FAILURE
        }
    }
}

fn run(major: u32) -> Result<(), Box<dyn std::error::Error>> {
    let cluster = Cluster::builder(major).try_start()?;
    for database in ["postgres", "template1"] {
        cluster.try_psql(database, "create extension if not exists pg_stat_statements")?;
    }
    write_all(&mut io::stdout(), &format!("{}\n", cluster.url("postgres")))?;
    // Whoever started this closes the pipe when done, or is gone, which closes it as well.
    io::copy(&mut io::stdin().lock(), &mut io::sink())?;
    Ok(())
}

fn write_all(to: &mut dyn Write, text: &str) -> Result<(), Box<dyn std::error::Error>> {
    to.write_all(text.as_bytes())?;
    Ok(to.flush()?)
}
