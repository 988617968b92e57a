//! `make bench`: what the exporter costs, as a release build, on a large and on an empty server.
//!
//! | part | what it measures |
//! |--|--|
//! | databases | the same with many databases, and with many tables in one |
//! | scrapes | wall time, CPU of the exporter and of the server, series, bytes, memory: uncached and cached, plain and gzip |
//! | idle | CPU and wakeups per second of an exporter that nobody scrapes |
//! | probes | requests per second of `/primary` on 50 connections: idle, during scrapes, beside 5 connections of scrapes, and at a pace |
//! | protection | the same, under TLS and with passwords |
//! | costs | CPU per collector on either server, with `--costs`, for the documentation |
//! | plans | time and blocks of each collector's statement on three servers, with `--plans`, for the documentation |
//! | growth | up to 1,000 databases and 1,000,000 series, with `--growth`, for the documentation |
//!
//! A second exporter is measured in the same run, scrape by scrape in turn, so that other load of the machine is
//! shared fairly; the table then ends with ratios. See `--help`.
#![allow(clippy::print_stdout, reason = "the report is the program's output")]
#![allow(clippy::print_stderr, reason = "progress is told apart from the report")]

mod contender;
mod costs;
mod cpu;
mod document;
mod figures;
mod growth;
mod idle;
mod layer;
mod options;
mod paced;
mod plans;
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
    if options.growth {
        println!("load of the machine: {}", load());
        return growth::run(&options);
    }
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
    if options.plans {
        return plans::run(&options, &large, &empty);
    }
    if options.wants("scrapes") {
        let mut table = scrapes::document_table();
        for (title, server, mode) in [
            ("3 databases x 333 tables", &large, Mode::Uncached),
            ("3 databases x 333 tables", &large, Mode::Cached),
            ("empty server", &empty, Mode::Uncached),
        ] {
            scrapes::run(&options, title, server, mode, &mut table)?;
        }
        write(&options, "scrapes", &table)?;
    }
    if options.wants("databases") {
        let mut table = scrapes::document_table();
        for (databases, tables) in [(10, 100), (30, 100), (1, 10_000)] {
            let server = Server::many(options.major, databases, tables);
            let title = format!("{databases} databases x {tables} tables");
            scrapes::run(&options, &title, &server, Mode::Uncached, &mut table)?;
        }
        write(&options, "databases", &table)?;
    }
    if options.wants("idle") {
        let mut table = idle::document_table();
        idle::run(&options, &empty, &mut table)?;
        write(&options, "idle", &table)?;
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

/// Writes a table into the document, if one is given. What is measured only in part is not written.
fn write(options: &Options, name: &str, table: &table::Table) -> Result<()> {
    match &options.write {
        Some(path) if options.mode.is_none() => document::write(path, name, table),
        _ => Ok(()),
    }
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
    if let (true, Some((url, pid))) = (is_large, &options.contender) {
        contenders.push(Contender::running("the other", url, *pid)?);
    }
    Ok(contenders
        .into_iter()
        .map(|contender| contender.accepting(&options.accept))
        .collect())
}
