//! The program under test.

use std::ffi::OsString;
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::account::clear_environment;
use crate::cache::tool;
use crate::error::{Context, Error, OrFail, Result};
use crate::http::{self, Response};
use crate::page::Page;
use crate::port::{Port, lease};
use crate::process::{self, Process, Signal, signal};
use crate::sandbox::Sandbox;
use crate::wait::{PATIENCE, poll, wait_until};

/// How to run the exporter.
#[derive(Clone, Debug)]
pub struct Builder {
    program: PathBuf,
    arguments: Vec<OsString>,
    variables: Vec<(OsString, OsString)>,
    activation: Option<Vec<OsString>>,
}

/// A running exporter; killed when dropped.
#[derive(Debug)]
pub struct Exporter {
    _lease: Port,
    /// Where it is asked.
    door: u16,
    // Dropped in this order, as in `Cluster`.
    sandbox: Sandbox,
    process: Mutex<Process>,
    pid: u32,
}

/// How a run ended, and what it wrote.
#[derive(Clone, Debug)]
pub struct Ended {
    /// Exit status.
    pub status: ExitStatus,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Builder {
    /// Where the target is: the variable `PG_EXPORTER_URL`.
    #[must_use]
    pub fn url(self, url: &str) -> Self {
        self.env("PG_EXPORTER_URL", url)
    }

    /// An argument.
    #[must_use]
    pub fn arg(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Several arguments.
    #[must_use]
    pub fn args<A: Into<OsString>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// An environment variable; none of the test's own is passed on but `PATH`.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    /// Has `systemd-socket-activate` open the port that the exporter is started on, and what more its options say, such
    /// as `-l /a/unix/socket`.
    #[must_use]
    pub fn activated(mut self, options: &[&str]) -> Self {
        self.activation = Some(options.iter().map(Into::into).collect());
        self
    }

    /// Starts the exporter on a free port of 127.0.0.1, and waits until it answers `/liveness`.
    ///
    /// # Panics
    /// When it ends, or gives no answer; with what it wrote to standard error.
    #[must_use]
    #[track_caller]
    pub fn start(&self) -> Exporter {
        self.try_start().or_fail()
    }

    /// As [`start`](Self::start).
    ///
    /// # Errors
    /// When it ends, or gives no answer; with what it wrote to standard error.
    pub fn try_start(&self) -> Result<Exporter> {
        let (port, sandbox) = (lease()?, Sandbox::new()?);
        let mut process = self.spawn(&sandbox, Some(port.number))?;
        let started = poll(PATIENCE, || match process.wait(Duration::ZERO) {
            Some(status) => Some(Err(format!("ended with {status}"))),
            None => http::request(port.number, "GET", "/liveness", &[])
                .ok()
                .map(|_| Ok(())),
        });
        let started = started.unwrap_or_else(|| Err(format!("gave no answer within {PATIENCE:?}")));
        if let Err(how) = started {
            let said = read(&sandbox, "stderr");
            return Err(Error::new(format!(
                "{} {how}; it wrote:\n{said}",
                self.program.display()
            )));
        }
        Ok(Exporter {
            door: port.number,
            _lease: port,
            sandbox,
            pid: process.id(),
            process: Mutex::new(process),
        })
    }

    /// Runs the program to its end, for subcommands and for starts that must fail; no listen address is added.
    ///
    /// # Panics
    /// When it has not ended within a minute.
    #[must_use]
    #[track_caller]
    pub fn run(&self) -> Ended {
        let sandbox = Sandbox::new().or_fail();
        let mut process = self.spawn(&sandbox, None).or_fail();
        let Some(status) = process.wait(PATIENCE) else {
            panic!(
                "{} did not end; it wrote:\n{}",
                self.program.display(),
                read(&sandbox, "stderr")
            );
        };
        Ended {
            status,
            stdout: read(&sandbox, "stdout"),
            stderr: read(&sandbox, "stderr"),
        }
    }

    fn spawn(&self, sandbox: &Sandbox, port: Option<u16>) -> Result<Process> {
        let program = fs::canonicalize(&self.program).context(|| self.program.display().to_string())?;
        let file = |name: &str| {
            let path = sandbox.path().join(name);
            File::create(&path).context(|| format!("creating {}", path.display()))
        };
        let mut command = match (&self.activation, port) {
            (Some(options), Some(port)) => self.activator(options, port, &program),
            _ => Command::new(program),
        };
        clear_environment(&mut command);
        // That is for the servers' own programs: how long the exporter waits is under test.
        command.env_remove("PGCONNECT_TIMEOUT");
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.args(&self.arguments);
        if let (None, Some(port)) = (&self.activation, port) {
            command.arg(format!("--web.listen-address=127.0.0.1:{port}"));
        }
        command.process_group(0).current_dir(sandbox.path());
        command
            .stdin(Stdio::null())
            .stdout(file("stdout")?)
            .stderr(file("stderr")?);
        Process::spawn(&mut command)
    }

    /// It waits for a first connection, and then becomes the program. Of its environment it hands on what is named.
    fn activator(&self, options: &[OsString], port: u16, program: &Path) -> Command {
        let mut command = Command::new(tool("systemd-socket-activate"));
        command.arg("-l").arg(format!("127.0.0.1:{port}")).args(options);
        for (name, _) in &self.variables {
            command.arg("-E").arg(name);
        }
        command.arg(program);
        command
    }
}

impl Exporter {
    /// How to run a program, such as `env!("CARGO_BIN_EXE_pg_exporter")`. In place of that, another build of it when the
    /// variable `PG_EXPORTER_TESTED` names one: for figures of a release build.
    #[must_use]
    pub fn builder(program: impl AsRef<Path>) -> Builder {
        let program = program.as_ref();
        let tested = std::env::var_os("PG_EXPORTER_TESTED").map(PathBuf::from);
        let is_own = program.file_name().is_some_and(|name| name == "pg_exporter");
        Builder {
            program: tested.filter(|_| is_own).unwrap_or_else(|| program.into()),
            arguments: Vec::new(),
            variables: Vec::new(),
            activation: None,
        }
    }

    /// The port on 127.0.0.1 where it is asked: its own, or that of a [`behind`](Self::behind).
    #[must_use]
    pub fn port(&self) -> u16 {
        self.door
    }

    /// From now on it is asked over another port, of something that passes on what is said.
    #[must_use]
    pub fn behind(mut self, door: u16) -> Self {
        self.door = door;
        self
    }

    /// The process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// `GET` of a path.
    ///
    /// # Panics
    /// When there is no answer, or no proper one.
    #[track_caller]
    pub fn get(&self, path: &str) -> Response {
        self.request("GET", path, &[])
    }

    /// A request with headers.
    ///
    /// # Panics
    /// When there is no answer, or no proper one.
    #[track_caller]
    pub fn request(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Response {
        let answer = http::request(self.port(), method, path, headers);
        answer
            .context(|| format!("{method} {path}; the exporter wrote:\n{}", self.stderr()))
            .or_fail()
    }

    /// Bytes as they are; all that comes until the exporter closes the connection.
    ///
    /// # Panics
    /// When the connection fails.
    #[track_caller]
    pub fn raw(&self, bytes: &[u8]) -> Vec<u8> {
        http::raw(self.port(), bytes)
            .context(|| "raw request".into())
            .or_fail()
    }

    /// One scrape of `/metrics`.
    ///
    /// # Panics
    /// When the status is not 200.
    #[must_use]
    #[track_caller]
    pub fn scrape(&self) -> Page {
        let response = self.get("/metrics");
        assert_eq!(response.status, 200, "/metrics: {}", response.text());
        Page::parse(&response.text())
    }

    /// Waits until a path answers with a status.
    ///
    /// # Panics
    /// When it does not within `limit`.
    #[track_caller]
    pub fn wait_for_status(&self, path: &str, status: u16, limit: Duration) {
        wait_until(&format!("{path} answers {status}"), limit, || {
            self.get(path).status == status
        });
    }

    /// What it has written to standard error so far. Lines are written behind what they tell of: what a test asks of the log
    /// it asks by [`logs`](Self::logs), [`line_of_log`](Self::line_of_log) or [`final_log`](Self::final_log).
    #[must_use]
    pub fn stderr(&self) -> String {
        read(&self.sandbox, "stderr")
    }

    /// Whether its log holds that, now or soon: lines are written behind what they tell of.
    #[must_use]
    pub fn logs(&self, part: &str) -> bool {
        poll(PATIENCE, || self.stderr().contains(part).then_some(())).is_some()
    }

    /// The first line of its log that holds that, which is there now or soon.
    ///
    /// # Panics
    /// When there is none within a minute; with the whole log.
    #[must_use]
    #[track_caller]
    pub fn line_of_log(&self, part: &str) -> String {
        let line = poll(PATIENCE, || {
            let log = self.stderr();
            // Only whole lines: the last one may still be on its way.
            let mut lines = log.split_inclusive('\n').filter(|line| line.ends_with('\n'));
            lines
                .find(|line| line.contains(part))
                .map(|line| line.trim_end().to_owned())
        });
        line.unwrap_or_else(|| panic!("no line of the log holds {part:?}:\n{}", self.stderr()))
    }

    /// All that it ever logs: ends it, which writes what is still on its way. For what must be there so many times, or never.
    ///
    /// # Panics
    /// When it has not ended well within a minute.
    #[must_use]
    #[track_caller]
    pub fn final_log(&self) -> String {
        let status = self.terminate();
        let log = self.stderr();
        assert!(status.success(), "it ended with {status}; it wrote:\n{log}");
        log
    }

    /// What it has written to standard output.
    #[must_use]
    pub fn stdout(&self) -> String {
        read(&self.sandbox, "stdout")
    }

    /// CPU time so far, user and system, exact to 10 ms.
    #[must_use]
    pub fn cpu(&self) -> Duration {
        process::cpu(self.pid).unwrap_or_default()
    }

    /// Resident memory in bytes.
    #[must_use]
    pub fn rss(&self) -> u64 {
        process::rss(self.pid).unwrap_or_default()
    }

    /// The most that resident memory ever was, in bytes.
    #[must_use]
    pub fn peak_rss(&self) -> u64 {
        process::peak_rss(self.pid).unwrap_or_default()
    }

    /// Sends a signal.
    ///
    /// # Panics
    /// When it may not be sent.
    #[track_caller]
    pub fn signal(&self, which: Signal) {
        signal(self.pid, which).or_fail();
    }

    /// The exit status, if it ends within the time.
    pub fn wait(&self, limit: Duration) -> Option<ExitStatus> {
        self.process
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .wait(limit)
    }

    /// Ends it as a service manager does, with SIGTERM.
    ///
    /// # Panics
    /// When it has not ended within a minute.
    #[track_caller]
    pub fn terminate(&self) -> ExitStatus {
        self.signal(Signal::TERM);
        let Some(status) = self.wait(PATIENCE) else {
            panic!("the exporter goes on after SIGTERM; it wrote:\n{}", self.stderr());
        };
        status
    }
}

fn read(sandbox: &Sandbox, name: &str) -> String {
    let bytes = fs::read(sandbox.path().join(name)).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}
