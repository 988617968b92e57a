//! The exporter speaks TLS, since only then it speaks HTTP/2; what speaks neither comes through a door.

use std::io::Result;
use std::thread::{self, JoinHandle};

use pg_exporter_lab::flood::{Client, runtime};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::{LocalSet, spawn_local};

/// Passes on what is said in clear text, over connections of a client.
pub(super) struct Door {
    port: u16,
    /// Ends when it is dropped.
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Door {
    pub(super) fn of(client: Client) -> Self {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (end, ended) = oneshot::channel();
        let thread = thread::spawn(move || {
            LocalSet::new().block_on(&runtime(), async {
                let listener = TcpListener::from_std(listener).unwrap();
                tokio::select! {
                    () = pass(&listener, &client) => {}
                    _ = ended => {}
                }
            });
        });
        Self {
            port,
            end: Some(end),
            thread: Some(thread),
        }
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }
}

async fn pass(listener: &TcpListener, client: &Client) {
    loop {
        let (outer, _) = listener.accept().await.unwrap();
        let client = client.clone();
        spawn_local(async move {
            // Each side sees how the other one ends.
            let _ = pass_on(outer, &client).await;
        });
    }
}

async fn pass_on(mut outer: TcpStream, client: &Client) -> Result<()> {
    outer.set_nodelay(true)?;
    let mut inner = client.connect().await?;
    tokio::io::copy_bidirectional(&mut outer, &mut inner).await?;
    Ok(())
}

impl Drop for Door {
    fn drop(&mut self) {
        self.end.take();
        if let Some(thread) = self.thread.take() {
            // What it has to say, whoever asked has seen.
            let _ = thread.join();
        }
    }
}
