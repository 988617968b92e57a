//! The shipped distribution of the exporter.

use std::process::ExitCode;

use pg_exporter::Exporter;
use pg_exporter::catalog::compiled::COLLECTORS;

fn main() -> ExitCode {
    Exporter::new(COLLECTORS).run()
}
