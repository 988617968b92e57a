//! How long answers take, in turns with a control: what the machine adds is in both.

use std::fmt;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use pg_exporter_lab::Cluster;
use pg_exporter_lab::load::{Clients, Times, run};

use crate::support::Fleet;

/// A thousand probes a second.
const PROBES: Clients = Clients {
    count: 12,
    path: "/primary?target=t-7",
    pause: Duration::from_millis(11),
};

/// Pages of a target whose server is well.
const PAGES: Clients = Clients {
    count: 4,
    path: "/metrics?target=t-1",
    pause: Duration::from_millis(20),
};

fn times(port: u16, clients: Clients, time: Duration) -> Times {
    run(port, &[clients], time).unwrap().remove(0)
}

/// How long probes take, and how long with a server that does nothing: for so many seconds each.
pub(crate) fn health(port: u16, seconds: usize) -> (Times, Times) {
    let least = least_server();
    let (mut health, mut control) = (Times::default(), Times::default());
    for _ in 0..seconds {
        control = control.and(times(least, PROBES, Duration::from_secs(1)));
        health = health.and(times(port, PROBES, Duration::from_secs(1)));
    }
    (health, control)
}

/// An HTTP server that does nothing: what the same clients wait for it, the machine takes and not the exporter.
fn least_server() -> u16 {
    fn answer(mut stream: TcpStream) -> std::io::Result<()> {
        stream.set_nodelay(true)?;
        let mut question = [0; 1024];
        while stream.read(&mut question)? > 0 {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")?;
        }
        Ok(())
    }
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || answer(stream));
        }
    });
    port
}

/// How long pages of others take while a server is frozen, and before, twice: the two differ by what the machine does.
pub(crate) struct Freeze {
    well: [Times; 2],
    frozen: Times,
}

impl Freeze {
    /// Freezes the server of target `t-0`, and thaws it, so often.
    pub(crate) fn measure(fleet: &Fleet, server: &Cluster, rounds: usize) -> Self {
        let pages = || times(fleet.exporter.port(), PAGES, Duration::from_secs(5));
        let ([mut one, mut other], mut frozen) = (<[Times; 2]>::default(), Times::default());
        for _ in 0..rounds {
            one = one.and(pages());
            other = other.and(pages());
            server.pause();
            fleet.wait_for("/primary?target=t-0", 503);
            frozen = frozen.and(pages());
            server.resume();
            fleet.wait_for("/primary?target=t-0", 200);
        }
        Self {
            well: [one, other],
            frozen,
        }
    }

    fn before(&self) -> Duration {
        let [one, other] = self.well.clone();
        one.and(other).quantile(0.99)
    }

    fn ratio(&self) -> f64 {
        self.frozen.quantile(0.99).as_secs_f64() / self.before().as_secs_f64()
    }

    /// The others do not wait for it. On a machine with nothing else to do they are as fast as promised.
    pub(crate) fn assert_alone(&self, is_measured: bool) {
        // Who waits for a frozen server waits for seconds.
        let most = self.before() * 2 + Duration::from_millis(100);
        assert!(self.frozen.quantile(0.99) <= most, "{self}");
        if is_measured {
            assert!(self.ratio() <= 2.0, "{self}");
        }
    }
}

impl fmt::Display for Freeze {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [one, other] = &self.well;
        write!(
            f,
            "pages of others: {} answers, p99 {:?}, and once more {:?}; while a server is frozen {:?}, {:.2} times that",
            one.count(),
            one.quantile(0.99),
            other.quantile(0.99),
            self.frozen.quantile(0.99),
            self.ratio()
        )
    }
}
