//! An exporter under measurement.

use std::path::Path;
use std::time::{Duration, Instant};

use pg_exporter_lab::http::{self, Response};
use pg_exporter_lab::{Exporter, process};

use crate::server::Server;
use crate::{Result, cpu};

/// Whether the exporter may serve results of an earlier scrape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// With `--disable-cache`: every collector runs at every scrape.
    Uncached,
    /// As by default.
    Cached,
}

impl Mode {
    /// The mode's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Uncached => "uncached",
            Self::Cached => "cached",
        }
    }
}

/// What scrapes accept by default, as Prometheus asked for the text format.
pub const TEXT: &str = "text/plain;version=0.0.4;q=1,*/*;q=0.1";

/// An exporter, started by this run or running already.
#[derive(Debug)]
pub struct Contender {
    /// What to call it.
    pub name: &'static str,
    /// Its process.
    pub pid: u32,
    /// Its port on 127.0.0.1.
    pub port: u16,
    /// The path of its metrics page.
    pub path: String,
    /// What its scrapes accept.
    accept: String,
    /// Ours to end, if this run started it.
    exporter: Option<Exporter>,
}

impl Contender {
    /// Starts an exporter on a server.
    pub fn start(name: &'static str, program: &Path, server: &Server, mode: Mode) -> Self {
        let arguments: &[&str] = if mode == Mode::Uncached {
            &["--disable-cache"]
        } else {
            &[]
        };
        Self::start_with(name, program, server, arguments)
    }

    /// Starts an exporter on a server, with arguments.
    pub fn start_with(name: &'static str, program: &Path, server: &Server, arguments: &[&str]) -> Self {
        let exporter = Exporter::builder(program)
            .url(&server.url)
            .args(["--auto-discovery", "--log.level=error"])
            .args(arguments)
            .start();
        let (pid, port) = (exporter.pid(), exporter.port());
        Self {
            name,
            pid,
            port,
            path: "/metrics".into(),
            accept: TEXT.into(),
            exporter: Some(exporter),
        }
    }

    /// An exporter that runs already.
    ///
    /// # Errors
    /// When the URL is not that of a page on this machine.
    pub fn running(name: &'static str, url: &str, pid: u32) -> Result<Self> {
        let parts = url.strip_prefix("http://").and_then(|rest| {
            let (host, path) = rest.split_at_checked(rest.find('/')?)?;
            Some((host.rsplit_once(':')?.1.parse().ok()?, path))
        });
        let (port, path) = parts.ok_or_else(|| format!("{url}: should be http://127.0.0.1:PORT/PATH"))?;
        Ok(Self {
            name,
            pid,
            port,
            path: path.to_owned(),
            accept: TEXT.into(),
            exporter: None,
        })
    }

    /// The same, asked for other formats.
    pub fn accepting(mut self, accept: &str) -> Self {
        accept.clone_into(&mut self.accept);
        self
    }

    /// One scrape: the answer, and the time until its last byte. It asks as Prometheus does, and waits no longer than
    /// Prometheus does by default.
    ///
    /// # Errors
    /// When there is no proper answer, or its status is not 200.
    pub fn scrape(&self, encoding: &str) -> Result<(Response, Duration)> {
        let request = format!(
            "GET {} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nAccept-Encoding: {encoding}\r\n\
             Accept: {}\r\nX-Prometheus-Scrape-Timeout-Seconds: 10\r\n\r\n",
            self.path, self.accept
        );
        let begin = Instant::now();
        let answer = http::raw(self.port, request.as_bytes())?;
        let wall = begin.elapsed();
        let response = http::parse(&answer, false)?;
        if response.status != 200 {
            return Err(format!("{}: {} answers {}", self.name, self.path, response.status).into());
        }
        Ok((response, wall))
    }

    /// CPU time so far.
    pub fn cpu(&self) -> Duration {
        cpu::of_process(self.pid)
    }

    /// Wakeups so far.
    pub fn wakeups(&self) -> u64 {
        cpu::wakeups(self.pid)
    }

    /// The most that resident memory ever was, in MiB.
    pub fn peak_rss(&self) -> f64 {
        process::peak_rss(self.pid).unwrap_or_default() as f64 / f64::from(1 << 20)
    }

    /// What it has written to standard error, if this run started it.
    pub fn complaints(&self) -> String {
        self.exporter.as_ref().map(Exporter::stderr).unwrap_or_default()
    }
}
