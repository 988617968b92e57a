//! One client without a password that sends a server behind TLS as much as it can, over as many connections as wanted.

mod kinds;
mod site;

use std::future::Future;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::{LocalSet, spawn_local};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::error::{Context as _, OrFail as _};

pub use kinds::{KINDS, Kind};
pub use site::Site;

/// A client of a [`Site`].
#[derive(Clone)]
pub struct Client {
    /// Where it connects from.
    address: Ipv4Addr,
    port: u16,
    connector: TlsConnector,
    /// Bytes that it lets the system take for it before it reads them; as many as the system likes, where there is none.
    room: Option<u32>,
}

impl Client {
    /// The same, for which the system takes little before it reads it: what else there is for it stays with the server.
    #[must_use]
    pub fn with_little_room(mut self) -> Self {
        self.room = Some(4096);
        self
    }

    async fn reach(&self) -> std::io::Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        if let Some(room) = self.room {
            socket.set_recv_buffer_size(room)?;
        }
        socket.bind((self.address, 0).into())?;
        socket.connect((Ipv4Addr::LOCALHOST, self.port).into()).await
    }

    /// A connection, after its handshake.
    ///
    /// # Errors
    /// When the server does not take it.
    pub async fn connect(&self) -> std::io::Result<TlsStream<TcpStream>> {
        let stream = self.reach().await?;
        stream.set_nodelay(true)?;
        let name = "localhost".try_into().map_err(std::io::Error::other)?;
        self.connector.connect(name, stream).await
    }

    /// As many connections as wanted, each begun anew when it ends, until `end`; `sent` counts their bytes.
    pub fn flood(&self, kind: Kind, connections: usize, end: impl Future, sent: &Arc<AtomicU64>) {
        LocalSet::new().block_on(&runtime(), async {
            for _ in 0..connections {
                let (client, sent) = (self.clone(), Arc::clone(sent));
                spawn_local(async move {
                    loop {
                        // Whoever is cut off comes again.
                        let _ = client.attack(kind, &sent).await;
                        tokio::task::yield_now().await;
                    }
                });
            }
            end.await;
        });
    }

    /// One connection of a flood, to its end.
    async fn attack(&self, kind: Kind, sent: &AtomicU64) -> std::io::Result<()> {
        if kind == Kind::HalfHandshakes {
            let mut stream = self.reach().await?;
            stream.write_all(&[0x16, 3, 1, 2, 0, 1, 0]).await?;
            stream.write_all(&[0; 200]).await?;
            sent.fetch_add(207, Ordering::Relaxed);
            let _ = stream.read(&mut [0; 64]).await?;
            return Ok(());
        }
        if kind == Kind::Plain {
            let mut stream = self.reach().await?;
            stream.write_all(b"GET /primary HTTP/1.1\r\n").await?;
            loop {
                stream.write_all(&[b'x'; 16_384]).await?;
                sent.fetch_add(16_384, Ordering::Relaxed);
            }
        }
        let mut stream = self.connect().await?;
        if kind == Kind::Handshakes {
            sent.fetch_add(1000, Ordering::Relaxed);
            return Ok(());
        }
        if kind == Kind::Visits {
            sent.fetch_add(1000, Ordering::Relaxed);
            return ask(&mut stream).await.map(drop);
        }
        if kind == Kind::LongHeads {
            let head = [&b"GET /primary HTTP/1.1\r\nX: "[..], &[b'x'; 65_000]].concat();
            stream.write_all(&head).await?;
            stream.flush().await?;
            sent.fetch_add(head.len() as u64, Ordering::Relaxed);
            let _ = stream.read(&mut [0; 64]).await?;
            return Ok(());
        }
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await?;
        stream.write_all(&kind.settings()).await?;
        let (mut read, mut write) = tokio::io::split(stream);
        let write = async {
            let mut number = 1;
            loop {
                let (bytes, streams) = kind.piece(number);
                number += 2 * streams;
                write.write_all(&bytes).await?;
                sent.fetch_add(bytes.len() as u64, Ordering::Relaxed);
                tokio::task::yield_now().await;
            }
        };
        let read = async {
            let mut sink = vec![0; 16_384];
            while kind.reads() {
                if read.read(&mut sink).await? == 0 {
                    return Ok(());
                }
            }
            std::future::pending().await
        };
        tokio::select! {
            end = read => end,
            end = write => end,
        }
    }
}

/// Asks once whether this is a primary, for an answer that ends with the connection.
///
/// # Errors
/// When the connection fails.
pub async fn ask(stream: &mut TlsStream<TcpStream>) -> std::io::Result<Vec<u8>> {
    stream.write_all(b"GET /primary HTTP/1.0\r\n\r\n").await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(answer)
}

/// One of the calling thread's own.
///
/// # Panics
/// When the system gives none.
#[must_use]
#[track_caller]
pub fn runtime() -> tokio::runtime::Runtime {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.context(|| "a runtime".into()).or_fail()
}
