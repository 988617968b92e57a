//! A server that says whatever a test wants: for answers that no real server gives.

use std::io::{Read, Write, copy};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;
use std::time::Duration;

use pg_exporter_lab::Cluster;

/// Listens until the test process ends.
pub(crate) struct Fake {
    port: u16,
    /// The real server's port that new connections get to; 0 for none.
    real: Arc<AtomicU16>,
}

/// What the server does after it has said its piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    Close,
    /// Reads on and says nothing more.
    Silence,
}

impl Fake {
    /// Answers the start-up packet with some bytes.
    pub(crate) fn saying(bytes: &[u8], then: Then) -> Self {
        let bytes = bytes.to_vec();
        Self::start(move |mut client| {
            let mut packet = [0; 4096];
            let _ = client.read(&mut packet).and_then(|_| client.write_all(&bytes));
            if then == Then::Silence {
                drain(&client);
            }
        })
    }

    /// Lets everyone in as PostgreSQL 18 does, and answers each further packet with some bytes.
    pub(crate) fn answering(bytes: &[u8]) -> Self {
        let bytes = bytes.to_vec();
        Self::start(move |mut client| {
            let mut packet = [0; 65_536];
            let mut answer = welcome();
            answer.extend(ready());
            while let Ok(1..) = client.read(&mut packet) {
                if client.write_all(&answer).is_err() {
                    return;
                }
                answer.clone_from(&bytes);
            }
        })
    }

    /// Asks for the password in the clear, and says it in its refusal.
    pub(crate) fn talkative() -> Self {
        Self::start(|mut client| {
            let mut packet = [0; 4096];
            let _ = client.read(&mut packet);
            let _ = client.write_all(&message(b'R', &[0, 0, 0, 3]));
            let length = client.read(&mut packet).unwrap_or_default();
            let password = packet.get(5..length.saturating_sub(1)).unwrap_or_default();
            let refusal = [b"SFATAL\0C28P01\0Mnot ", password, b"\0\0"].concat();
            let _ = client.write_all(&message(b'E', &refusal));
        })
    }

    /// Says something over and over, for as long as someone listens.
    pub(crate) fn flooding(bytes: &[u8]) -> Self {
        let bytes = bytes.repeat(1000);
        Self::start(move |mut client| while client.write_all(&bytes).is_ok() {})
    }

    fn start(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let serve = Arc::new(serve);
        let real = Arc::new(AtomicU16::new(0));
        let behind = Arc::clone(&real);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let serve = Arc::clone(&serve);
                match behind.load(Ordering::SeqCst) {
                    0 => thread::spawn(move || serve(client)),
                    port => thread::spawn(move || relay(&client, port)),
                };
            }
        });
        Self { port, real }
    }

    /// From now on, a real server is behind the port.
    pub(crate) fn give_way_to(&self, server: &Cluster) {
        self.real.store(server.port(), Ordering::SeqCst);
    }

    /// Without a question whether the server talks TLS.
    pub(crate) fn plain_url(&self) -> String {
        self.url() + "?sslmode=disable"
    }

    pub(crate) fn url(&self) -> String {
        format!("postgresql://postgres@127.0.0.1:{}/postgres", self.port)
    }
}

/// Carries all that both sides say, until one of them ends.
fn relay(client: &TcpStream, port: u16) {
    let server = TcpStream::connect(("127.0.0.1", port)).unwrap();
    thread::scope(|scope| {
        for (mut from, mut to) in [(client, &server), (&server, client)] {
            to.set_nodelay(true).unwrap();
            scope.spawn(move || {
                let _ = copy(&mut from, &mut to);
                // The other end may be gone already.
                let _ = to.shutdown(Shutdown::Both);
            });
        }
    });
}

fn drain(mut client: &TcpStream) {
    let _ = client.set_read_timeout(Some(Duration::from_secs(60)));
    let mut packet = [0; 4096];
    while let Ok(1..) = client.read(&mut packet) {}
}

/// A message of the protocol: its type, its length, its content.
pub(crate) fn message(kind: u8, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len() + 4).unwrap();
    let mut bytes = vec![kind];
    bytes.extend(length.to_be_bytes());
    bytes.extend(content);
    bytes
}

/// What PostgreSQL 18 says to who is let in.
fn welcome() -> Vec<u8> {
    let mut welcome = message(b'R', &[0, 0, 0, 0]);
    welcome.extend(message(b'S', b"server_version\x0018.0\0"));
    welcome.extend(message(b'K', &[0, 0, 0, 1, 0, 0, 0, 1]));
    welcome
}

/// Ready for the next statement.
pub(crate) fn ready() -> Vec<u8> {
    message(b'Z', b"I")
}
