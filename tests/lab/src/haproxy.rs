//! A load balancer that routes by the exporter's health paths.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use crate::account::account;
use crate::cache::tool;
use crate::error::{Context, OrFail, Result};
use crate::port::{Port, lease};
use crate::process::Process;
use crate::sandbox::Sandbox;
use crate::session::run_script;
use crate::wait::{PATIENCE, wait_until};

/// One server behind the balancer.
#[derive(Clone, Copy, Debug)]
pub struct Backend {
    /// PostgreSQL's port on 127.0.0.1.
    pub port: u16,
    /// The port of the exporter that is asked for its health.
    pub check_port: u16,
}

/// A running HAProxy; stopped when dropped.
#[derive(Debug)]
pub struct Haproxy {
    port: Port,
    // Dropped in this order, as in `Cluster`.
    sandbox: Sandbox,
    _process: Process,
}

/// What HAProxy knows of one server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// `UP`, `DOWN`, or a transition such as `UP 1/2`.
    pub status: String,
    /// The status code of the last check; empty before the first.
    pub check_code: String,
    /// How often a check failed while the server was up.
    pub failed_checks: u32,
    /// How often it went from up to down.
    pub downs: u32,
}

impl Haproxy {
    /// Time between two checks of a server.
    pub const INTER: Duration = Duration::from_millis(500);
    /// Failed checks in turn that take a server down.
    pub const FALL: u32 = 2;

    /// Starts HAProxy in TCP mode in front of servers `s0`, `s1`, …, with a check each [`INTER`](Self::INTER), as in
    /// `option httpchk GET /primary`: HTTP/1.0 without a `Host`.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    #[track_caller]
    pub fn start(check: &str, backends: &[Backend]) -> Self {
        let mut rules = format!(
            "mode tcp\n    option httpchk {check}\n    default-server inter {}ms fall {} rise 1\n",
            Self::INTER.as_millis(),
            Self::FALL
        );
        for (number, Backend { port, check_port }) in backends.iter().enumerate() {
            rules.push_str(&format!(
                "    server s{number} 127.0.0.1:{port} check port {check_port}\n"
            ));
        }
        Self::start_with(&rules)
    }

    /// Starts HAProxy in HTTP mode in front of a port, with a rule such as `http-request set-header Accept text/plain`.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    #[track_caller]
    pub fn start_http(rule: &str, port: u16) -> Self {
        Self::start_with(&format!(
            "mode http\n    {rule}\n    server s0 127.0.0.1:{port}\n"
        ))
    }

    #[track_caller]
    fn start_with(rules: &str) -> Self {
        let haproxy = Self::launch(rules).or_fail();
        wait_until("HAProxy answers", PATIENCE, || haproxy.ask("show info").is_ok());
        haproxy
    }

    fn launch(rules: &str) -> Result<Self> {
        let (port, sandbox) = (lease()?, Sandbox::new()?);
        let config = format!(
            "global\n    stats socket {}/admin mode 600 level admin\n\
             defaults\n    timeout connect 1s\n    timeout client 30s\n    timeout server 30s\n    timeout check 900ms\n\
             listen lab\n    bind 127.0.0.1:{}\n    {rules}",
            sandbox.path().display(),
            port.number
        );
        let config = sandbox.write("haproxy.cfg", &config)?;
        let mut command = account()?.command(tool("haproxy"));
        command.args(["-q", "-db", "-f"]).arg(config);
        let process = sandbox.spawn(&mut command)?;
        Ok(Self {
            port,
            sandbox,
            _process: process,
        })
    }

    /// The port on 127.0.0.1 that leads to the servers that are up.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port.number
    }

    /// The port of the server that a client gets to through it.
    #[must_use]
    pub fn reached(&self) -> Option<String> {
        let url = format!(
            "postgresql://postgres@127.0.0.1:{}/postgres?connect_timeout=3",
            self.port()
        );
        run_script(&url, "show port").ok()
    }

    /// The state of a server by its number.
    ///
    /// # Panics
    /// When HAProxy does not answer.
    #[must_use]
    #[track_caller]
    pub fn state(&self, number: usize) -> State {
        let table = self.ask("show stat").or_fail();
        let mut lines = table.trim_start_matches("# ").lines().map(|line| line.split(','));
        let names: Vec<&str> = lines.next().into_iter().flatten().collect();
        let name = format!("s{number}");
        let row = lines
            .map(|fields| names.iter().copied().zip(fields).collect::<BTreeMap<_, _>>())
            .find(|row| row.get("svname") == Some(&name.as_str()))
            .unwrap_or_default();
        let field = |name: &str| row.get(name).copied().unwrap_or_default().to_owned();
        State {
            status: field("status"),
            check_code: field("check_code"),
            failed_checks: field("chkfail").parse().unwrap_or_default(),
            downs: field("chkdown").parse().unwrap_or_default(),
        }
    }

    /// Waits until a server is in a state, `UP` or `DOWN`.
    ///
    /// # Panics
    /// When it is not within `limit`.
    #[track_caller]
    pub fn wait_for_state(&self, number: usize, status: &str, limit: Duration) {
        wait_until(&format!("HAProxy sees s{number} {status}"), limit, || {
            self.state(number).status == status
        });
    }

    fn ask(&self, command: &str) -> Result<String> {
        let mut answer = String::new();
        UnixStream::connect(self.sandbox.path().join("admin"))
            .and_then(|mut stream| {
                stream.write_all(format!("{command}\n").as_bytes())?;
                stream.read_to_string(&mut answer)
            })
            .context(|| "asking HAProxy".into())?;
        Ok(answer)
    }
}
