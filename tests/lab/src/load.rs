//! Many HTTP clients at once, at a pace: each keeps a connection, asks, reads the answer whole, and pauses.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

/// How long a client waits for any byte of an answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// Clients that do the same.
#[derive(Clone, Copy, Debug)]
pub struct Clients {
    /// What they ask for.
    pub path: &'static str,
    /// How many there are.
    pub count: usize,
    /// What each waits between an answer and its next question.
    pub pause: Duration,
}

/// Load balancers that ask for the role: 50, twenty times a second each.
pub const PROBES: Clients = Clients {
    path: "/primary",
    count: 50,
    pause: Duration::from_millis(50),
};

/// Servers of Prometheus in a hurry: 5, five times a second each.
pub const SCRAPES: Clients = Clients {
    path: "/metrics",
    count: 5,
    pause: Duration::from_millis(200),
};

/// How long answers took, from the question's first byte to the answer's last.
#[derive(Clone, Debug, Default)]
pub struct Times(Vec<Duration>);

impl Times {
    /// How many answers there were.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// These, and those of another run.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self.0.sort_unstable();
        self
    }

    /// The time within which that share of the answers came: 0.99 for the 99th percentile; zero without answers.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Duration {
        let at = (self.0.len().saturating_sub(1) as f64 * share) as usize;
        self.0.get(at).copied().unwrap_or_default()
    }
}

/// Lets all clients ask a server on 127.0.0.1 for that long. The times are in the order of `groups`.
///
/// # Errors
/// When an answer is missing, broken off, or its status is not 200.
pub fn run(port: u16, groups: &[Clients], time: Duration) -> io::Result<Vec<Times>> {
    let until = Instant::now() + time;
    let running: Vec<Vec<_>> = groups
        .iter()
        .map(|clients| {
            let clients = *clients;
            (0..clients.count)
                .map(|_| {
                    thread::spawn(move || {
                        Client::connect(port, clients.path)?.keep_asking(clients.pause, until)
                    })
                })
                .collect()
        })
        .collect();
    running.into_iter().map(times).collect()
}

fn times(threads: Vec<thread::JoinHandle<io::Result<Vec<Duration>>>>) -> io::Result<Times> {
    let mut all = Vec::new();
    for thread in threads {
        let answer = thread.join().map_err(|_| io::Error::other("a client panicked"))?;
        all.extend(answer?);
    }
    all.sort_unstable();
    Ok(Times(all))
}

/// A client that keeps its connection.
struct Client {
    stream: BufReader<TcpStream>,
    request: String,
}

impl Client {
    fn connect(port: u16, path: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream: BufReader::new(stream),
            request: format!("GET {path} HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n"),
        })
    }

    fn keep_asking(&mut self, pause: Duration, until: Instant) -> io::Result<Vec<Duration>> {
        let mut times = Vec::new();
        while Instant::now() < until {
            let begun = Instant::now();
            self.ask()?;
            times.push(begun.elapsed());
            thread::sleep(pause);
        }
        Ok(times)
    }

    fn ask(&mut self) -> io::Result<()> {
        self.stream.get_mut().write_all(self.request.as_bytes())?;
        let (mut head, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line)? == 0 {
                return Err(io::Error::other(format!("the server closed: {head}")));
            }
            if let Some(value) = line.strip_prefix("content-length: ") {
                length = value.trim().parse().map_err(io::Error::other)?;
            }
            if line == "\r\n" {
                break;
            }
            head.push_str(&line);
        }
        io::copy(&mut self.stream.by_ref().take(length), &mut io::sink())?;
        if head.starts_with("HTTP/1.1 200 ") {
            Ok(())
        } else {
            Err(io::Error::other(head))
        }
    }
}
