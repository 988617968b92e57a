//! `make bench`: what the exporter costs, as a release build, on a large and on an empty server.
//!
//! | part | what it measures |
//! |--|--|
//! | scrapes | wall time, CPU of the exporter and of the server, series, bytes, memory: uncached and cached, plain and gzip |
//! | probes | requests per second of `/primary` on 50 connections: idle, during scrapes, beside 5 connections of scrapes, and at a pace |
//! | protection | the same, under TLS and with passwords |
//! | costs | CPU per collector on either server, with `--costs`, for the documentation |
//!
//! A second exporter is measured in the same run, scrape by scrape in turn, so that other load of the machine is
//! shared fairly; the table then ends with ratios. See `--help`.
#![allow(clippy::print_stdout, reason = "the report is the program's output")]
#![allow(clippy::print_stderr, reason = "progress is told apart from the report")]

mod contender;
mod costs;
mod cpu;
mod figures;
mod options;
mod paced;
mod probes;
mod protection;
mod scrapes;
mod server;
mod table;

use std::error::Error;

use clap::Parser as _;

use crate::contender::{Contender, Mode};
use crate::options::Options;
use crate::server::Server;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let options = Options::parse();
    let large = match &options.large {
        Some(given) => Server::given(given)?,
        None => Server::large(options.major),
    };
    let empty = match &options.empty {
        Some(given) => Server::given(given)?,
        None => Server::empty(options.major),
    };
    if options.hold {
        return server::hold(&large, &empty);
    }
    println!(
        "server: PostgreSQL {}; load of the machine: {}",
        large.version()?,
        load()
    );
    if options.costs {
        return costs::run(&options, &large, &empty);
    }
    if options.wants("scrapes") {
        scrapes::run(&options, "3 databases x 333 tables", &large, Mode::Uncached)?;
        scrapes::run(&options, "3 databases x 333 tables", &large, Mode::Cached)?;
        scrapes::run(&options, "empty server", &empty, Mode::Uncached)?;
    }
    if options.wants("probes") {
        probes::run(&options, &large)?;
        paced::run(&options, "3 databases x 333 tables", &large)?;
        paced::run(&options, "empty server", &empty)?;
    }
    if options.wants("protection") {
        protection::run(&options, &empty)?;
    }
    println!("load of the machine at the end: {}", load());
    Ok(())
}

/// The average number of runnable processes in the last 1, 5 and 15 minutes: above the number of processors the
/// wall times below say little.
fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().take(3).collect::<Vec<_>>().join(" ")
}

/// The exporters to measure in a mode: ours first.
fn contenders(options: &Options, server: &Server, mode: Mode) -> Result<Vec<Contender>> {
    let mut contenders = vec![Contender::start("pg_exporter", &options.program, server, mode)];
    if let Some(program) = &options.against {
        contenders.push(Contender::start("the other", program, server, mode));
    }
    let is_large = options
        .large
        .as_deref()
        .is_some_and(|large| large.ends_with(&server.url));
    // It scrapes the large server; what it does there says nothing about the empty one.
    if let (true, Some(url), Some(pid)) = (is_large, &options.other_url, options.other_pid) {
        contenders.push(Contender::running("the other", url, pid)?);
    }
    Ok(contenders
        .into_iter()
        .map(|contender| contender.accepting(&options.accept))
        .collect())
}
