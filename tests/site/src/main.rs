//! The site's exporter: the same flags, variables and pages as pg_exporter, other collectors.

use std::process::ExitCode;

fn main() -> ExitCode {
    pg_exporter::run_with_defaults(shop_exporter::collectors(), shop_exporter::DEFAULTS)
}
