//! One connection through the proxy: two sockets, two directions.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use socket2::SockRef;

use super::Shared;

/// What was read, due for writing at a time; nothing at all is the end of the stream.
type Chunk = (Instant, io::Result<Vec<u8>>);

pub(super) struct Connection {
    client: TcpStream,
    target: TcpStream,
    /// Ended by the proxy: what the sockets report from now on is its own doing.
    ended: AtomicBool,
}

/// Connects a client with the target, and forwards in threads of its own.
pub(super) fn open(client: TcpStream, shared: &Arc<Shared>) {
    shared.stall();
    if !shared.may_forward(0, &AtomicBool::new(false)) {
        return;
    }
    let target = TcpStream::connect(("127.0.0.1", shared.target));
    let Ok(target) = target.and_then(|target| client.set_nonblocking(false).map(|()| target)) else {
        return reset(&client);
    };
    // The proxy must not add delays of its own.
    let _ = (client.set_nodelay(true), target.set_nodelay(true));
    let connection = Arc::new(Connection {
        client,
        target,
        ended: AtomicBool::new(false),
    });
    shared.remember(&connection);
    for downstream in [false, true] {
        let (connection, shared) = (Arc::clone(&connection), Arc::clone(shared));
        thread::spawn(move || connection.forward(downstream, &shared));
    }
}

/// Has the close of a socket send RST in place of FIN.
pub(super) fn reset(stream: &TcpStream) {
    let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
}

impl Connection {
    pub(super) fn end(&self, with_reset: bool) {
        self.ended.store(true, Ordering::SeqCst);
        for stream in [&self.client, &self.target] {
            if with_reset {
                reset(stream);
            }
            // Wakes the thread that reads from it, and sends nothing when the connection is to be reset; the
            // sockets close when both directions have let go of them.
            let _ = stream.shutdown(if with_reset {
                Shutdown::Read
            } else {
                Shutdown::Both
            });
        }
    }

    /// One direction. Chunks carry the time at which they are due, so that latency does not bound throughput.
    fn forward(&self, downstream: bool, shared: &Shared) {
        let (from, to) = if downstream {
            (&self.target, &self.client)
        } else {
            (&self.client, &self.target)
        };
        let (sender, chunks) = sync_channel(1024);
        thread::scope(|scope| {
            scope.spawn(move || read(from, &sender, shared));
            if self.write(to, downstream, &chunks, shared).is_err() {
                self.end(true);
            }
            // Lets the reader go that waits for room.
            drop(chunks);
        });
    }

    /// An error when the connection is to be reset.
    fn write(
        &self,
        mut to: &TcpStream,
        downstream: bool,
        chunks: &Receiver<Chunk>,
        shared: &Shared,
    ) -> io::Result<()> {
        let mut seen = 0;
        for (due, chunk) in chunks {
            sleep(due.saturating_duration_since(Instant::now()));
            let chunk = chunk?;
            seen += chunk.len() as u64;
            if !shared.may_forward(if downstream { seen } else { 0 }, &self.ended) {
                return Ok(());
            }
            if chunk.is_empty() {
                return to.shutdown(Shutdown::Write);
            }
            let settings = shared.settings();
            if downstream && settings.cut > 0 && seen > settings.cut {
                return Err(io::ErrorKind::ConnectionReset.into());
            }
            if settings.rate == 0 {
                to.write_all(&chunk)?;
                continue;
            }
            let step = usize::try_from(settings.rate / 20).unwrap_or(usize::MAX).max(1);
            for part in chunk.chunks(step) {
                to.write_all(part)?;
                sleep(Duration::from_secs_f64(part.len() as f64 / settings.rate as f64));
            }
        }
        Ok(())
    }
}

fn read(mut from: &TcpStream, sender: &SyncSender<Chunk>, shared: &Shared) {
    let mut buffer = vec![0; 65536];
    loop {
        let chunk = from
            .read(&mut buffer)
            .map(|size| buffer.get(..size).unwrap_or_default().to_vec());
        let last = chunk.as_ref().map_or(true, Vec::is_empty);
        if sender
            .send((Instant::now() + shared.settings().latency, chunk))
            .is_err()
            || last
        {
            return;
        }
    }
}
