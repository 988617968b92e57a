//! The shipped distribution of the exporter.

use std::process::ExitCode;

fn main() -> ExitCode {
    pg_exporter::run(pg_exporter::catalog::compiled::COLLECTORS)
}
