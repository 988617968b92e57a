//! curl, and what it got.

use std::process::Command;

use pg_exporter_lab::tool;

/// What curl got.
#[derive(Debug)]
pub(super) struct Answer {
    /// Its exit code: 0 for any answer.
    pub(super) exit: i32,
    /// Status, 0 without an answer.
    pub(super) status: u16,
    /// `1.1` or `2`.
    pub(super) version: String,
    /// Headers and body.
    pub(super) text: String,
    /// What curl says, with `--verbose` about the handshake too.
    pub(super) said: String,
}

/// One request.
pub(super) fn curl(url: &str, arguments: &[&str]) -> Answer {
    let mut command = Command::new(tool("curl"));
    command.args(["--silent", "--show-error", "--max-time", "60", "--include"]);
    command.args(["--write-out", "\n%{http_code} %{http_version}"]);
    let output = command.args(arguments).arg(url).output().unwrap();
    let written = String::from_utf8(output.stdout).unwrap();
    let (text, last) = written.rsplit_once('\n').unwrap();
    let (status, version) = last.split_once(' ').unwrap();
    Answer {
        exit: output.status.code().unwrap(),
        status: status.parse().unwrap(),
        version: version.to_owned(),
        text: text.to_owned(),
        said: String::from_utf8(output.stderr).unwrap(),
    }
}

impl Answer {
    /// A header's value; `name` in lower case.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.text.lines().take_while(|line| !line.is_empty());
        lines
            .filter_map(|line| line.split_once(": "))
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
    }
}
