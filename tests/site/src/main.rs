//! The site's exporter: the same flags, variables and pages as pg_exporter, other collectors.

use std::process::ExitCode;

fn main() -> ExitCode {
    shop_exporter::exporter().run()
}
