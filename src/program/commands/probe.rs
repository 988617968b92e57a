//! `probe`: one request to a running exporter, for health checks of containers in which there is no other program.
//!
//! It speaks HTTP/1.0 by hand: a request of two lines and a status are all that it needs, and a client library would be a part of
//! the server's program that nothing else uses.

use std::io::{self, Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::process::ExitCode;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::program::cli::{Refusal, write_stdout};
use crate::values::duration;

/// No more of an answer is read, or shown.
const LONGEST_ANSWER: u64 = 64 * 1024;

/// Asks `url`, and shows the answer's body. What is wrong is one line on standard error, and exit code 1.
pub(crate) fn run(url: &str, timeout: &str) -> ExitCode {
    match ask(url, timeout) {
        Ok(body) => write_stdout(&body).map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS),
        Err(reason) => Refusal::Mistake(reason).report().into(),
    }
}

/// The body of an answer with a status from 200 to 299.
fn ask(url: &str, timeout: &str) -> Result<Vec<u8>, String> {
    let target = Target::parse(url)?;
    let limit = duration::positive(timeout, 1.0).ok_or("flag --timeout takes a time such as 500ms or 2s")?;
    let shown = target.authority.clone();
    // Looking up a name knows no limit, so all of it runs on a thread that is not waited for longer.
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || sender.send(target.exchange(limit)));
    let answer = match receiver.recv_timeout(limit) {
        Ok(Ok(answer)) => answer,
        // The socket's own limit may be over a moment before that of all.
        Ok(Err(error)) if !matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
            return Err(format!("{shown} cannot be asked: {error}"));
        }
        Ok(Err(_)) | Err(_) => return Err(format!("{shown} did not answer within {timeout}")),
    };
    let (head, body) = split(&answer).ok_or_else(|| format!("{shown} does not speak HTTP"))?;
    if head.starts_with('2') {
        return Ok(body.to_vec());
    }
    let body = String::from_utf8_lossy(body);
    let first = body.lines().next().unwrap_or_default();
    Err(format!("{shown} answers {head}: {first}"))
}

/// Status code with its reason, and body.
fn split(answer: &[u8]) -> Option<(&str, &[u8])> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    let (head, body) = (answer.get(..end)?, answer.get(end + 4..)?);
    let line = std::str::from_utf8(head).ok()?.lines().next()?;
    let status = line.strip_prefix("HTTP/1.")?.get(2..)?;
    let code = status.get(..3)?;
    code.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then_some((status, body))
}

/// Where to ask, and for what.
#[derive(Debug, PartialEq, Eq)]
struct Target {
    /// Host and port, as in the URL.
    authority: String,
    host: String,
    port: u16,
    path: String,
}

impl Target {
    fn parse(url: &str) -> Result<Self, String> {
        let Some(rest) = url.strip_prefix("http://") else {
            return Err("probe asks by plain HTTP: write http://HOST:PORT/PATH".to_owned());
        };
        let at = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(at).unwrap_or((rest, ""));
        let wrong =
            || "the URL has no host, or no port from 1 to 65535: write http://HOST:PORT/PATH".to_owned();
        // Nobody is asked for a name and password here; what stands there may be a secret, and is not shown.
        if authority.contains('@') || path.contains(|c: char| c.is_ascii_control() || c == ' ') {
            return Err("the URL is of the form http://HOST:PORT/PATH".to_owned());
        }
        let (host, port) = match authority.rsplit_once(':') {
            // Within brackets a colon is part of an address.
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().map_err(|_| wrong())?),
            _ => (authority, 80),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() || port == 0 {
            return Err(wrong());
        }
        Ok(Self {
            authority: authority.to_owned(),
            host: host.to_owned(),
            port,
            path: if path.starts_with('/') {
                path.to_owned()
            } else {
                format!("/{path}")
            },
        })
    }

    /// The whole answer, from the first address that takes a connection.
    fn exchange(&self, limit: Duration) -> io::Result<Vec<u8>> {
        let mut failure = io::Error::other("its name has no address");
        for address in (self.host.as_str(), self.port).to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, limit) {
                Ok(stream) => return self.request(stream, limit),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    fn request(&self, mut stream: TcpStream, limit: Duration) -> io::Result<Vec<u8>> {
        stream.set_read_timeout(Some(limit))?;
        stream.set_write_timeout(Some(limit))?;
        let (path, host) = (&self.path, &self.authority);
        let agent = concat!("pg_exporter/", env!("CARGO_PKG_VERSION"));
        // In one piece: a peer that answers before it has read all may have hung up by the second.
        let request = format!("GET {path} HTTP/1.0\r\nHost: {host}\r\nUser-Agent: {agent}\r\n\r\n");
        stream.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        match stream.take(LONGEST_ANSWER).read_to_end(&mut answer) {
            // A peer that resets the connection behind its answer has answered.
            Err(error) if answer.is_empty() => Err(error),
            _ => Ok(answer),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn urls() {
        let table = [
            (
                "http://localhost:9630/liveness",
                Some(("localhost", 9630, "/liveness")),
            ),
            ("http://db/", Some(("db", 80, "/"))),
            ("http://db", Some(("db", 80, "/"))),
            ("http://db:1?lag=1MB", Some(("db", 1, "/?lag=1MB"))),
            (
                "http://[::1]:9630/replica?lag=10s",
                Some(("::1", 9630, "/replica?lag=10s")),
            ),
            ("http://[::1]/up", Some(("::1", 80, "/up"))),
            ("https://db/", None),
            ("localhost:9630", None),
            ("http://", None),
            ("http://:9630/", None),
            ("http://db:0/", None),
            ("http://db:65536/", None),
            ("http://db:port/", None),
            ("http://user:secret@db/", None),
            ("http://db/a b", None),
            ("http://db/a\r\nX: y", None),
        ];
        for (url, expected) in table {
            let target = Target::parse(url);
            let parts = target
                .as_ref()
                .ok()
                .map(|t| (t.host.as_str(), t.port, t.path.as_str()));
            assert_eq!(parts, expected, "{url}");
            assert!(target.is_ok() || !target.unwrap_err().contains("secret"));
        }
    }

    #[test]
    fn answers() {
        type Parts<'a> = Option<(&'a str, &'a [u8])>;
        let table: [(&[u8], Parts<'_>); 6] = [
            (b"HTTP/1.1 200 OK\r\nA: b\r\n\r\nup\n", Some(("200 OK", b"up\n"))),
            (
                b"HTTP/1.0 503 Service Unavailable\r\n\r\n",
                Some(("503 Service Unavailable", b"")),
            ),
            (b"HTTP/1.1 200\r\n\r\n", Some(("200", b""))),
            (b"SSH-2.0-OpenSSH\r\n\r\n", None),
            (b"HTTP/1.1 2x0 OK\r\n\r\n", None),
            (b"HTTP/1.1 200 OK\r\n", None),
        ];
        for (answer, expected) in table {
            assert_eq!(split(answer), expected, "{}", String::from_utf8_lossy(answer));
        }
    }
}
