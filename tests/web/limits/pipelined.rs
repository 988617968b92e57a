//! Clients of plain HTTP/1 that ask as fast as they can and read nothing: nearly as many as there may be.

use std::io::{ErrorKind, Write as _};
use std::net::TcpStream;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{SOON, on_server, turn};

/// Connections of the flood. With those that ask beside it they are fewer than may be open.
const CLIENTS: usize = 480;

/// What is asked, again and again: health, what is not there, what is no selection.
const PATHS: [&str; 3] = ["/primary", "/nothing", "/metrics?collect[]=nothing"];

/// Ends the flood, also where the test fails.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Sends for as long as the flood goes on, whatever the other end does with it.
fn flood(port: u16, path: &str, is_there: &Barrier, is_over: &AtomicBool) {
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").repeat(300);
    let mut clients: Vec<TcpStream> = Vec::new();
    while clients.len() < CLIENTS {
        let client = TcpStream::connect(("127.0.0.1", port)).unwrap();
        client.set_nonblocking(true).unwrap();
        clients.push(client);
    }
    is_there.wait();
    while !is_over.load(Ordering::Relaxed) {
        for client in &mut clients {
            match client.write(request.as_bytes()) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                // It was let go of.
                Err(_) => {
                    if let Ok(new) = TcpStream::connect(("127.0.0.1", port)) {
                        new.set_nonblocking(true).unwrap();
                        *client = new;
                    }
                }
            }
        }
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn requests_without_a_pause_on_many_connections_leave_health_alone() {
    let _turn = turn();
    for path in PATHS {
        let exporter = on_server().start();
        exporter.wait_for_status("/primary", 200, SOON);
        let before = exporter.peak_rss();
        let (is_there, is_over) = (Barrier::new(2), AtomicBool::new(false));
        thread::scope(|scope| {
            scope.spawn(|| flood(exporter.port(), path, &is_there, &is_over));
            is_there.wait();
            let _ends = Ends(&is_over);
            // Whoever came before the first answer is let in before it.
            assert_eq!(exporter.get("/primary").status, 200, "{path}");
            let mut times = Vec::new();
            let begun = Instant::now();
            while begun.elapsed() < Duration::from_secs(4) {
                let asked = Instant::now();
                // A new connection each time.
                let status = exporter.get("/primary").status;
                times.push(asked.elapsed());
                assert_eq!(status, 200, "{path}");
                thread::sleep(Duration::from_millis(20));
            }
            times.sort();
            let (middle, longest) = (times[times.len() / 2], times[times.len() - 1]);
            eprintln!(
                "{path}: {} answers, half of them within {middle:?}, all within {longest:?}",
                times.len()
            );
            // An unoptimized build on a busy machine: without turns it is as long as the flood.
            assert!(middle < Duration::from_secs(1), "{path}: {times:?}");
        });
        let grown = exporter.peak_rss().saturating_sub(before) >> 20;
        assert!(grown < 64, "{path}: {grown} MiB");
    }
}
