//! Prometheus' own judgement of a page, and a Prometheus that scrapes.

use std::io::Write;
use std::os::unix::process::CommandExt;
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

/// What `promtool check metrics` says about a page.
#[derive(Clone, Debug)]
pub struct Findings {
    /// Whether the page is in the text format.
    pub parses: bool,
    /// Breaches of the naming rules, or why it does not parse, line by line.
    pub lines: Vec<String>,
}

/// Has promtool read a page.
///
/// # Panics
/// When promtool is not there or does not run.
#[must_use]
#[track_caller]
pub fn promtool_check(page: &str) -> Findings {
    check(page).or_fail()
}

fn check(page: &str) -> Result<Findings> {
    let mut command = Command::new(tool("promtool"));
    command
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().context(|| "starting promtool".into())?;
    if let Some(mut input) = child.stdin.take() {
        let page = page.to_owned();
        // promtool stops reading at the first error of the page, which it reports.
        thread::spawn(move || input.write_all(page.as_bytes()));
    }
    let output = child
        .wait_with_output()
        .context(|| "waiting for promtool".into())?;
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    let lines = said.lines().map(str::to_owned).collect();
    // 0: clean, 3: naming rules broken, 1: does not parse.
    Ok(Findings {
        parses: matches!(output.status.code(), Some(0 | 3)),
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
        let targets: Vec<String> = targets.iter().map(|port| format!("'127.0.0.1:{port}'")).collect();
        Self::start_scraping(&format!(
            "{{job_name: lab, static_configs: [{{targets: [{}]}}]}}",
            targets.join(", ")
        ))
    }

    /// As [`start`](Self::start), with a scrape configuration of its own as inline YAML.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    #[track_caller]
    pub fn start_scraping(scrape: &str) -> Self {
        let prometheus = Self::launch(scrape).or_fail();
        wait_until("Prometheus is ready", PATIENCE, || {
            http::request(prometheus.port.number, "GET", "/-/ready", &[])
                .is_ok_and(|answer| answer.status == 200)
        });
        prometheus
    }

    fn launch(scrape: &str) -> Result<Self> {
        let (port, sandbox) = (lease()?, Sandbox::new()?);
        let config =
            format!("global: {{scrape_interval: 1s, scrape_timeout: 1s}}\nscrape_configs: [{scrape}]\n");
        let config = sandbox.write("prometheus.yml", &config)?;
        let mut command = account()?.command(tool("prometheus"));
        command.arg(format!("--config.file={}", config.display()));
        command.arg(format!(
            "--storage.tsdb.path={}",
            sandbox.path().join("tsdb").display()
        ));
        command
            .arg(format!("--web.listen-address=127.0.0.1:{}", port.number))
            .arg("--log.level=error");
        command
            .stdin(Stdio::null())
            .process_group(0)
            .current_dir(sandbox.path());
        let process = Process::spawn(&mut command)?;
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
        let path = format!("/api/v1/query?query={encoded}");
        let answer = http::request(self.port.number, "GET", &path, &[]);
        answer
            .context(|| format!("asking Prometheus for {expression}"))
            .or_fail()
            .text()
    }
}
