//! The way to a server as a test wants it: byte by byte, silent for connections that are open, or with no end.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;

use socket2::{Domain, Socket, Type};

/// A TCP path to a port of this machine. Its threads end with its connections.
pub(crate) struct Path {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// Chunks are written byte by byte.
    by_byte: AtomicBool,
    /// Connections of this number or a lower one get nothing through any more, and learn nothing of it.
    silent_up_to: AtomicU32,
    opened: AtomicU32,
}

impl Path {
    pub(crate) fn to(target: u16) -> Self {
        Self::at(0, target)
    }

    /// At a port of its own; the kernel's choice for 0.
    pub(crate) fn at(port: u16, target: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::<Shared>::default();
        let acceptor = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(("127.0.0.1", target)) else {
                    continue;
                };
                let number = acceptor.opened.fetch_add(1, Ordering::SeqCst) + 1;
                for (from, to) in [(&client, &server), (&server, &client)] {
                    let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    let shared = Arc::clone(&acceptor);
                    thread::spawn(move || shared.copy(number, from, to));
                }
            }
        });
        Self { port, shared }
    }

    pub(crate) fn url(&self, database: &str) -> String {
        format!("postgresql://postgres@127.0.0.1:{}/{database}", self.port)
    }

    pub(crate) fn byte_by_byte(&self, on: bool) {
        self.shared.by_byte.store(on, Ordering::SeqCst);
    }

    /// Every connection that is open goes silent, as when a firewall has forgotten it; new ones work.
    pub(crate) fn forget_connections(&self) {
        let opened = self.shared.opened.load(Ordering::SeqCst);
        self.shared.silent_up_to.store(opened, Ordering::SeqCst);
    }

    /// Connections opened so far.
    pub(crate) fn opened(&self) -> u32 {
        self.shared.opened.load(Ordering::SeqCst)
    }
}

impl Shared {
    fn copy(&self, number: u32, mut from: TcpStream, mut to: TcpStream) {
        let mut buffer = vec![0; 65_536];
        to.set_nodelay(true).unwrap();
        while let Ok(size @ 1..) = from.read(&mut buffer) {
            if number <= self.silent_up_to.load(Ordering::SeqCst) {
                continue;
            }
            let step = if self.by_byte.load(Ordering::SeqCst) {
                1
            } else {
                size
            };
            if buffer[..size]
                .chunks(step)
                .any(|part| to.write_all(part).is_err())
            {
                break;
            }
        }
        if number > self.silent_up_to.load(Ordering::SeqCst) {
            // The other end may be gone already.
            let _ = to.shutdown(Shutdown::Both);
        }
    }
}

/// A port whose connections never come to be: the listener's queue is full, so that the kernel drops what comes.
pub(crate) struct BlackHole {
    port: u16,
    _held: Vec<Socket>,
}

impl BlackHole {
    pub(crate) fn open() -> Self {
        Self::at(SocketAddr::from(([127, 0, 0, 1], 0)))
    }

    /// At an address of its own; the kernel's choice of port for 0.
    pub(crate) fn at(address: SocketAddr) -> Self {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        listener.bind(&address.into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap();
        let mut held = vec![listener];
        for _ in 0..8 {
            let filler = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            filler.set_nonblocking(true).unwrap();
            // It connects while there is room, and waits for ever afterwards.
            let _ = filler.connect(&address);
            held.push(filler);
        }
        Self {
            port: address.as_socket().unwrap().port(),
            _held: held,
        }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn url(&self) -> String {
        format!("postgresql://postgres@127.0.0.1:{}/postgres", self.port)
    }
}
