//! Connections through psql: one statement and out, or one that stays open.

use std::io::{BufRead, BufReader, Write};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Instant;

use crate::account::clear_environment;
use crate::cache::find_tool;
use crate::error::{Context, Error, OrFail, Result};
use crate::process::Process;
use crate::wait::PATIENCE;

/// Ends the answer to a statement; psql adds whether it failed, and why.
const END: &str = "\u{1}end-of-answer";

/// A connection that stays open: a transaction left idle, a lock held, a statement under way. Closed when
/// dropped, without commit.
#[derive(Debug)]
pub struct Session {
    lines: Receiver<String>,
    input: ChildStdin,
    _psql: Process,
}

impl Session {
    pub(crate) fn open(url: &str) -> Result<Self> {
        let mut command = psql(url)?;
        let mut process = Process::spawn(
            command
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::null()),
        )?;
        let (Some(input), Some(output)) = process.pipes() else {
            return Err(Error::new("psql has no pipes"));
        };
        let (sender, lines) = channel();
        // Ends with psql's output, or as soon as nobody listens.
        thread::spawn(move || {
            let all = BufReader::new(output).lines().map_while(std::result::Result::ok);
            all.map(|line| sender.send(line))
                .find(std::result::Result::is_err)
        });
        let mut session = Self {
            lines,
            input,
            _psql: process,
        };
        session
            .answer_to("select 1")
            .context(|| format!("connecting to {url}"))?;
        Ok(session)
    }

    /// Runs a statement and returns what it yields, as [`Cluster::psql_in`](crate::Cluster::psql_in) does.
    ///
    /// # Panics
    /// When it fails, or gives no answer within a minute.
    #[track_caller]
    pub fn exec(&mut self, sql: &str) -> String {
        self.answer_to(sql).or_fail()
    }

    /// Sends a statement and does not wait for its end: one that will have to wait for a lock, say. Follow
    /// with [`answer`](Self::answer).
    ///
    /// # Panics
    /// When the connection is gone.
    #[track_caller]
    pub fn send(&mut self, sql: &str) {
        self.write(sql).or_fail();
    }

    /// The answer to what was [sent](Self::send).
    ///
    /// # Errors
    /// With the server's message when the statement failed, or when there is no answer within a minute.
    pub fn answer(&mut self) -> Result<String> {
        let deadline = Instant::now() + PATIENCE;
        let mut answer = String::new();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self
                .lines
                .recv_timeout(left)
                .context(|| "waiting for psql's answer".into())?;
            let Some(end) = line.strip_prefix(END) else {
                answer.push_str(&line);
                answer.push('\n');
                continue;
            };
            return match end.trim().split_once(' ') {
                Some(("true", message)) => Err(Error::new(message)),
                _ => Ok(answer.trim_end_matches('\n').to_owned()),
            };
        }
    }

    /// The process id of this connection's backend.
    ///
    /// # Panics
    /// When the connection is gone.
    #[track_caller]
    pub fn backend_pid(&mut self) -> u32 {
        let answer = self.exec("select pg_backend_pid()");
        answer.parse().context(|| answer).or_fail()
    }

    /// Runs a statement that may fail.
    ///
    /// # Errors
    /// As [`answer`](Self::answer).
    pub fn answer_to(&mut self, sql: &str) -> Result<String> {
        self.write(sql)?;
        self.answer()
    }

    fn write(&mut self, sql: &str) -> Result<()> {
        let script = format!("{sql};\n\\echo {END} :ERROR :LAST_ERROR_MESSAGE\n");
        self.input
            .write_all(script.as_bytes())
            .context(|| "writing to psql".into())
    }
}

/// Runs a script in a connection of its own; an error ends it.
pub(crate) fn run_script(url: &str, sql: &str) -> Result<String> {
    let mut command = psql(url)?;
    command
        .args(["-v", "ON_ERROR_STOP=1"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().context(|| "starting psql".into())?;
    if let Some(mut input) = child.stdin.take() {
        let script = sql.to_owned();
        // psql that ended before it read everything tells why by itself.
        thread::spawn(move || input.write_all(script.as_bytes()));
    }
    let output = child.wait_with_output().context(|| "waiting for psql".into())?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(Error::new(format!("{}\n  in: {}", said.trim_end(), sql.trim())));
    }
    Ok(String::from_utf8_lossy(&output.stdout)
        .trim_end_matches('\n')
        .to_owned())
}

fn psql(url: &str) -> Result<Command> {
    let mut command = Command::new(find_tool("psql")?);
    clear_environment(&mut command);
    command.args(["-X", "-w", "-q", "-A", "-t", "-d", url]);
    Ok(command)
}
