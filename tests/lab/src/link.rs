//! A line to a server that is a real one: a pair of network devices and a network namespace, with the kernel's own queues and
//! filters. It takes root.
//!
//! Behind the line nothing runs but a listener, whose connections go on to the server on 127.0.0.1: what is between the
//! exporter and the listener is the line.

use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::account::is_root;
use crate::cache::find_tool;

/// What waits in the queue of a narrow line at the most, by time: a modem's.
const QUEUE: &str = "2s";

/// A line; taken away when dropped.
#[derive(Debug)]
pub struct Link {
    name: String,
    far: Ipv4Addr,
    port: u16,
    ended: Arc<AtomicBool>,
}

impl Link {
    /// A line to a port of 127.0.0.1. `None` where the machine gives none: without root, or without the programs for it.
    #[must_use]
    pub fn to(target: u16) -> Option<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        if !is_root() {
            return None;
        }
        let (pid, number) = (std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let name = format!("pgx{:x}-{number}", pid & 0xf_ffff);
        // Of the range for carriers, which a machine for tests has no other use for.
        let [_, _, middle, last] = (pid.wrapping_mul(64).wrapping_add(number * 4) & 0xffff).to_be_bytes();
        let near = Ipv4Addr::new(100, 64 + (number % 64) as u8, middle, (last & !3) + 1);
        let far = Ipv4Addr::from(u32::from(near) + 1);
        let link = Self {
            name,
            far,
            port: target,
            ended: Arc::default(),
        };
        link.lay(near)?;
        let listener = link.listen()?;
        let ended = Arc::clone(&link.ended);
        thread::spawn(move || accept(&listener, target, &ended));
        Some(link)
    }

    /// A connection URL over the line, as `postgres`.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("postgresql://postgres@{}:{}/{database}", self.far, self.port)
    }

    /// Bounds each direction to so many kbit/s; what comes faster waits in a queue, and is dropped where that is full.
    #[must_use]
    pub fn narrow(&self, kbit: u32) -> bool {
        let rate = format!("{kbit}kbit");
        let ends = [(self.near(), false), (self.far(), true)];
        ends.iter().all(|(device, is_far)| {
            let shape = [
                "qdisc", "replace", "dev", device, "root", "tbf", "rate", &rate, "burst", "2kb",
            ];
            self.run("tc", &[&shape[..], &["latency", QUEUE]].concat(), *is_far)
        })
    }

    /// Drops packets of more bytes than that in one direction or both, and tells nobody: a black hole, as behind a tunnel whose
    /// messages about sizes are filtered.
    #[must_use]
    pub fn drop_above(&self, bytes: u32, directions: &[Direction]) -> bool {
        let length = format!("{}:65535", bytes + 1);
        directions.iter().all(|direction| {
            let chain = match direction {
                Direction::ToServer => "INPUT",
                Direction::FromServer => "OUTPUT",
            };
            let rule = [
                "-w", "-A", chain, "-p", "tcp", "-m", "length", "--length", &length, "-j", "DROP",
            ];
            self.run("iptables-nft", &rule, true)
        })
    }

    /// Ends all of that.
    pub fn heal(&self) {
        let _ = self.run("iptables-nft", &["-w", "-F"], true);
        let _ = self.run("tc", &["qdisc", "del", "dev", &self.near(), "root"], false);
        let _ = self.run("tc", &["qdisc", "del", "dev", &self.far(), "root"], true);
    }

    fn near(&self) -> String {
        format!("{}a", self.name)
    }

    fn far(&self) -> String {
        format!("{}b", self.name)
    }

    fn lay(&self, near: Ipv4Addr) -> Option<()> {
        let (here, there) = (self.near(), self.far());
        let address = |address: Ipv4Addr| format!("{address}/30");
        let steps: [&[&str]; 9] = [
            &["netns", "add", &self.name],
            &[
                "link", "add", &here, "type", "veth", "peer", "name", &there, "netns", &self.name,
            ],
            &["addr", "add", &address(near), "dev", &here],
            &["-n", &self.name, "addr", "add", &address(self.far), "dev", &there],
            // Packets as they are on a wire, not many in one.
            &["link", "set", &here, "gso_max_segs", "1"],
            &["-n", &self.name, "link", "set", &there, "gso_max_segs", "1"],
            &["link", "set", &here, "up"],
            &["-n", &self.name, "link", "set", &there, "up"],
            &["-n", &self.name, "link", "set", "lo", "up"],
        ];
        let is_laid = steps.iter().all(|step| self.run("ip", step, false));
        // A kernel may have devices and no filters.
        (is_laid && self.run("iptables-nft", &["-w", "-F"], true)).then_some(())
    }

    /// A listener at the far end. A thread that goes there stays there, and so ends at once; the socket stays there, too.
    fn listen(&self) -> Option<TcpListener> {
        let (sender, receiver) = mpsc::channel();
        let (path, address) = (format!("/var/run/netns/{}", self.name), (self.far, self.port));
        thread::spawn(move || {
            let open = || -> io::Result<TcpListener> {
                let place = File::open(path)?;
                move_into_link_name_space(place.as_fd(), Some(LinkNameSpaceType::Network))?;
                let listener = TcpListener::bind(address)?;
                listener.set_nonblocking(true)?;
                Ok(listener)
            };
            let _ = sender.send(open().ok());
        });
        receiver.recv().ok().flatten()
    }

    fn run(&self, program: &str, arguments: &[&str], is_far: bool) -> bool {
        let (Ok(program), Ok(ip)) = (find_tool(program), find_tool("ip")) else {
            return false;
        };
        let mut command = Command::new(if is_far { &ip } else { &program });
        if is_far {
            command.args(["netns", "exec", &self.name]).arg(&program);
        }
        let status = command
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        status.is_ok_and(|status| status.success())
    }
}

/// Where packets go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the exporter.
    ToServer,
    /// To the exporter.
    FromServer,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        let _ = self.run("ip", &["link", "del", &self.near()], false);
        let _ = self.run("ip", &["netns", "del", &self.name], false);
    }
}

/// Hands connections on until the line is taken away.
fn accept(listener: &TcpListener, target: u16, ended: &AtomicBool) {
    while !ended.load(Ordering::Relaxed) {
        match listener.accept() {
            Ok((client, _)) => {
                let _ = client.set_nonblocking(false);
                let Ok(server) = TcpStream::connect(("127.0.0.1", target)) else {
                    continue;
                };
                for (from, to) in [(&client, &server), (&server, &client)] {
                    if let (Ok(from), Ok(to)) = (from.try_clone(), to.try_clone()) {
                        thread::spawn(move || hand_on(from, to));
                    }
                }
            }
            Err(_) => thread::sleep(Duration::from_millis(2)),
        }
    }
}

fn hand_on(mut from: TcpStream, mut to: TcpStream) {
    let _ = to.set_nodelay(true);
    // Whichever end is lost, the other one learns of it.
    let _ = io::copy(&mut from, &mut to);
    let _ = to.shutdown(std::net::Shutdown::Both);
}
