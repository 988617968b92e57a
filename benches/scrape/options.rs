//! The benchmark's arguments.

use std::path::PathBuf;

use clap::Parser;

/// Measures the exporter; `make bench ARGS='...'` passes arguments on.
#[derive(Debug, Parser)]
#[command(name = "bench")]
pub struct Options {
    /// Exporter to measure
    #[arg(long, value_name = "PATH", default_value = env!("CARGO_BIN_EXE_pg_exporter"))]
    pub program: PathBuf,

    /// Second exporter to start and measure in turn with the first, in every mode; it takes the same flags
    #[arg(long, value_name = "PATH", conflicts_with = "contender")]
    pub against: Option<PathBuf>,

    /// Metrics page and process of a second exporter that runs already, on this machine and on the server given by --large; it
    /// is measured as it is, so choose the mode that it runs in with --mode
    #[arg(long, value_name = "URL,PID", requires = "large", value_parser = running)]
    pub contender: Option<(String, u32)>,

    /// Write the tables of scrapes and costs into this document, such as docs/costs.md
    #[arg(long, value_name = "PATH")]
    pub write: Option<PathBuf>,

    /// Prepare both servers, print how to use them in another run, and keep them until the end of standard input
    #[arg(long)]
    pub hold: bool,

    /// Large server that another run holds, as POSTMASTER_PID@URL
    #[arg(long, value_name = "PID@URL")]
    pub large: Option<String>,

    /// Empty server that another run holds, as POSTMASTER_PID@URL
    #[arg(long, value_name = "PID@URL")]
    pub empty: Option<String>,

    /// Major version of PostgreSQL
    #[arg(long, value_name = "N", default_value_t = 15)]
    pub major: u32,

    /// Scrapes per line of the table
    #[arg(short = 'n', long, value_name = "N", default_value_t = 30)]
    pub scrapes: usize,

    /// Seconds of each measurement of probes
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub seconds: u32,

    /// Seconds of each measurement of an exporter that nobody scrapes
    #[arg(long, value_name = "N", default_value_t = 60)]
    pub idle: u32,

    /// Measure only this part: scrapes, databases, idle, probes or protection
    #[arg(long, value_name = "PART", value_parser = ["scrapes", "databases", "idle", "probes", "protection"])]
    pub only: Option<String>,

    /// Measure scrapes only in this mode: uncached or cached
    #[arg(long, value_name = "MODE", value_parser = ["uncached", "cached"])]
    pub mode: Option<String>,

    /// What scrapes accept, such as application/openmetrics-text; series are counted in the text formats only
    #[arg(long, value_name = "TYPES", default_value = crate::contender::TEXT)]
    pub accept: String,

    /// Compressions that scrapes are measured with, in turn: gzip, zstd, identity
    #[arg(
        long,
        value_name = "NAMES",
        value_delimiter = ',',
        default_value = "gzip,identity"
    )]
    pub encodings: Vec<String>,

    /// Print the cost of each collector instead
    #[arg(long)]
    pub costs: bool,

    /// Print what each collector's statement takes on an empty server, on a large one and on one of 10,000 tables instead
    #[arg(long)]
    pub plans: bool,

    /// Print how cost grows with databases and with series instead; with --against, how both compare with more databases
    #[arg(long)]
    pub growth: bool,

    /// Numbers of databases that growth is measured with, in ascending order; each database takes 8 MB of disk
    #[arg(
        long,
        value_name = "NUMBERS",
        value_delimiter = ',',
        default_value = "10,100,200,500,1000"
    )]
    pub databases: Vec<usize>,

    /// max_connections of the server whose growth with databases is measured
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub max_connections: u32,

    /// Directory of the definitions whose costs are printed
    #[arg(long, value_name = "PATH", default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/collectors"))]
    pub collectors: PathBuf,

    /// Given by `cargo bench`; means nothing here
    #[arg(long, hide = true)]
    bench: bool,
}

/// `URL,PID`.
fn running(text: &str) -> Result<(String, u32), String> {
    let parts = text
        .rsplit_once(',')
        .and_then(|(url, pid)| Some((url.to_owned(), pid.parse().ok()?)));
    parts.ok_or_else(|| "should be URL,PID".to_owned())
}

impl Options {
    /// Whether a part is to be measured.
    pub fn wants(&self, part: &str) -> bool {
        self.only.as_deref().is_none_or(|only| only == part)
    }
}
