//! Judgements of a page by Prometheus' own tool and by OpenMetrics' reference parser, and a Prometheus that scrapes.

use std::fmt::Write as _;
use std::io::Write;
use std::process::{Command, Stdio};
use std::thread;

use crate::account::account;
use crate::cache::tool;
use crate::error::{Context, OrFail, Result};
use crate::http;
use crate::port::{Port, lease};
use crate::process::Process;
use crate::sandbox::Sandbox;
use crate::wait::{PATIENCE, wait_until};

/// What a tool says about a page.
#[derive(Clone, Debug)]
pub struct Findings {
    /// Whether the page is in the tool's format.
    pub parses: bool,
    /// What it found, or why the page does not parse, line by line.
    pub lines: Vec<String>,
}

/// Has `promtool check metrics` read a page in the text format; it finds breaches of the naming rules.
///
/// # Panics
/// When promtool is not there or does not run.
#[must_use]
#[track_caller]
pub fn promtool_check(page: &str) -> Findings {
    // 0: clean, 3: naming rules broken, 1: does not parse.
    check("promtool", &["check", "metrics"], &[0, 3], page).or_fail()
}

/// Has the reference parser read a page in OpenMetrics; it finds families: name, type, unit or `-`, number of samples.
///
/// # Panics
/// When the parser is not there or does not run.
#[must_use]
#[track_caller]
pub fn open_metrics_check(page: &str) -> Findings {
    check("openmetrics-check", &[], &[0], page).or_fail()
}

fn check(program: &str, arguments: &[&str], parsed: &[i32], page: &str) -> Result<Findings> {
    let mut command = Command::new(tool(program));
    command
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().context(|| format!("starting {program}"))?;
    if let Some(mut input) = child.stdin.take() {
        let page = page.to_owned();
        // The tool stops reading at the first error of the page, which it reports.
        thread::spawn(move || input.write_all(page.as_bytes()));
    }
    let output = child
        .wait_with_output()
        .context(|| format!("waiting for {program}"))?;
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    let lines = said.lines().map(str::to_owned).collect();
    Ok(Findings {
        parses: output.status.code().is_some_and(|code| parsed.contains(&code)),
        lines,
    })
}

/// A running Prometheus that scrapes every second; stopped when dropped.
#[derive(Debug)]
pub struct Prometheus {
    port: Port,
    // Dropped in this order, as in `Cluster`.
    _sandbox: Sandbox,
    _process: Process,
}

impl Prometheus {
    /// Starts it with the ports of exporters on 127.0.0.1. The first scrape comes some 6 s after the start.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    #[track_caller]
    pub fn start(targets: &[u16]) -> Self {
        Self::start_with(targets, &[])
    }

    /// As [`start`](Self::start), with more arguments, such as `--enable-feature=native-histograms`, which makes it ask
    /// for protobuf.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    #[track_caller]
    pub fn start_with(targets: &[u16], arguments: &[&str]) -> Self {
        let targets: Vec<String> = targets.iter().map(|port| format!("'127.0.0.1:{port}'")).collect();
        let scrape = format!(
            "{{job_name: lab, static_configs: [{{targets: [{}]}}]}}",
            targets.join(", ")
        );
        Self::ready(&scrape, arguments)
    }

    /// As [`start`](Self::start), with a scrape configuration of its own as inline YAML.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    #[track_caller]
    pub fn start_scraping(scrape: &str) -> Self {
        Self::ready(scrape, &[])
    }

    /// As [`start_scraping`](Self::start_scraping), with the text of a rule file, which it evaluates every second.
    ///
    /// # Panics
    /// When it does not start, or does not take the rules.
    #[must_use]
    #[track_caller]
    pub fn start_judging(scrape: &str, rules: &str) -> Self {
        Self::ready_with(scrape, Some(rules), &[])
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port.number
    }

    #[track_caller]
    fn ready(scrape: &str, arguments: &[&str]) -> Self {
        Self::ready_with(scrape, None, arguments)
    }

    #[track_caller]
    fn ready_with(scrape: &str, rules: Option<&str>, arguments: &[&str]) -> Self {
        let prometheus = Self::launch(scrape, rules, arguments).or_fail();
        wait_until("Prometheus is ready", PATIENCE, || {
            http::request(prometheus.port.number, "GET", "/-/ready", &[])
                .is_ok_and(|answer| answer.status == 200)
        });
        prometheus
    }

    fn launch(scrape: &str, rules: Option<&str>, arguments: &[&str]) -> Result<Self> {
        let (port, sandbox) = (lease()?, Sandbox::new()?);
        let mut config = format!(
            "global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}\n\
             scrape_configs: [{scrape}]\n"
        );
        if let Some(rules) = rules {
            let rules = sandbox.write("rules.yml", rules)?;
            let _ = writeln!(config, "rule_files: ['{}']", rules.display());
        }
        let config = sandbox.write("prometheus.yml", &config)?;
        let mut command = account()?.command(tool("prometheus"));
        command.arg(format!("--config.file={}", config.display()));
        command.arg(format!(
            "--storage.tsdb.path={}",
            sandbox.path().join("tsdb").display()
        ));
        command
            .arg(format!("--web.listen-address=127.0.0.1:{}", port.number))
            .arg("--log.level=error")
            .args(arguments);
        let process = sandbox.spawn(&mut command)?;
        Ok(Self {
            port,
            _sandbox: sandbox,
            _process: process,
        })
    }

    /// The answer to an instant query, as JSON.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    #[track_caller]
    pub fn query(&self, expression: &str) -> String {
        let encoded: String = expression.bytes().map(|byte| format!("%{byte:02X}")).collect();
        self.ask(&format!("/api/v1/query?query={encoded}"))
    }

    /// The answer to a request of its API, such as `/api/v1/metadata`.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    #[track_caller]
    pub fn ask(&self, path: &str) -> String {
        let answer = http::request(self.port.number, "GET", path, &[]);
        answer
            .context(|| format!("asking Prometheus for {path}"))
            .or_fail()
            .text()
    }
}
