//! The exporter as a service: what it tells its manager, and the sockets it takes over. systemd itself need not run.

use std::fs;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use pg_exporter_lab::process::Signal;

use crate::support::{Folder, SOON, curl, on_server};

/// The manager's end.
struct Manager(UnixDatagram);

impl Manager {
    fn at(address: &SocketAddr) -> Self {
        let socket = UnixDatagram::bind_addr(address).unwrap();
        socket.set_read_timeout(Some(SOON)).unwrap();
        Self(socket)
    }

    /// The next message.
    fn hear(&self) -> String {
        let mut message = [0; 4096];
        let length = self.0.recv(&mut message).unwrap();
        String::from_utf8(message[..length].to_vec()).unwrap()
    }

    /// The next message that begins with a word; others are left out.
    fn hear_of(&self, word: &str) -> String {
        let begun = Instant::now();
        loop {
            let message = self.hear();
            if message.starts_with(word) {
                return message;
            }
            assert!(begun.elapsed() < SOON, "no {word}");
        }
    }

    /// A reload: its beginning, not before now, and its end.
    fn hear_of_a_reload(&self, since: u64) {
        let message = self.hear_of("RELOADING=1\nMONOTONIC_USEC=");
        let time: u64 = message.rsplit('=').next().unwrap().parse().unwrap();
        assert!(
            time >= since && time <= uptime() + 20_000,
            "{time}, asked at {since}"
        );
        self.hear_of("READY=1");
    }
}

/// The kernel's monotonic clock in microseconds, exact to 10 ms.
fn uptime() -> u64 {
    let text = fs::read_to_string("/proc/uptime").unwrap();
    let seconds: f64 = text.split(' ').next().unwrap().parse().unwrap();
    (seconds * 1e6) as u64
}

#[test]
fn a_life_as_the_manager_sees_it() {
    let folder = Folder::new();
    let path = folder.at("notify");
    let manager = Manager::at(&SocketAddr::from_pathname(&path).unwrap());
    let layer = folder.at("layer.yml");
    fs::write(&layer, "").unwrap();
    let exporter = on_server()
        .env("NOTIFY_SOCKET", &path)
        .args(["-c", layer.to_str().unwrap()])
        .start();
    assert_eq!(manager.hear(), "READY=1");
    assert_eq!(
        exporter.get("/liveness").status,
        200,
        "ready means that it serves"
    );
    while manager.hear_of("STATUS=") != "STATUS=The target is primary." {}

    for signal in [Signal::HUP, Signal::USR1] {
        let now = uptime() - 20_000;
        exporter.signal(signal);
        manager.hear_of_a_reload(now);
    }
    let now = uptime() - 20_000;
    assert_eq!(exporter.get("/reload").status, 200);
    manager.hear_of_a_reload(now);
    // One that fails has an end, too; a dry run is none.
    assert_eq!(exporter.get("/reload?dry_run=1").status, 200);
    fs::write(&layer, "broken: [").unwrap();
    assert_eq!(exporter.get("/reload").status, 500);
    manager.hear_of_a_reload(now);
    exporter.signal(Signal::TERM);
    assert_eq!(manager.hear(), "STOPPING=1", "nothing since but the reload");
    assert!(exporter.wait(SOON).unwrap().success());
}

/// A process that is stopped does not feed its watchdog; one that goes on does.
#[test]
fn the_watchdog_is_fed_while_the_exporter_lives() {
    let name = format!("pgx-notify-{}", std::process::id());
    let manager = Manager::at(&SocketAddr::from_abstract_name(&name).unwrap());
    let exporter = on_server()
        .env("NOTIFY_SOCKET", format!("@{name}"))
        .env("WATCHDOG_USEC", "400000")
        .start();
    manager.hear_of("READY=1");
    let begun = Instant::now();
    (0..10).for_each(|_| {
        manager.hear_of("WATCHDOG=1");
    });
    let took = begun.elapsed();
    assert!(
        took > Duration::from_millis(1500),
        "not at each turn of a loop: {took:?}"
    );
    exporter.signal(Signal::STOP);
    manager
        .0
        .set_read_timeout(Some(Duration::from_millis(900)))
        .unwrap();
    let mut message = [0; 64];
    // What was sent before it stopped.
    while manager.0.recv(&mut message).is_ok() {}
    exporter.signal(Signal::CONT);
    manager.0.set_read_timeout(Some(SOON)).unwrap();
    manager.hear_of("WATCHDOG=1");
}

/// A manager that does not listen, or is not there, is no reason to serve nobody.
#[test]
fn a_deaf_manager_stops_nothing() {
    let folder = Folder::new();
    let path = folder.at("notify");
    let _deaf = UnixDatagram::bind(&path).unwrap();
    let exporter = on_server()
        .env("NOTIFY_SOCKET", &path)
        .env("WATCHDOG_USEC", "2000")
        .start();
    exporter.wait_for_status("/primary", 200, SOON);
    thread::sleep(Duration::from_secs(1));
    assert_eq!(exporter.get("/reload").status, 200);
    assert_eq!(exporter.get("/primary").status, 200);
    assert!(exporter.terminate().success());

    let exporter = on_server().env("NOTIFY_SOCKET", folder.at("nobody")).start();
    let line = exporter.line_of_log("service manager");
    assert!(line.contains("level=warn"), "{line}");
}

#[test]
fn sockets_of_systemd() {
    let folder = Folder::new();
    let path = folder.at("web.sock");
    let socket = path.to_str().unwrap();
    let exporter = on_server()
        .arg("--web.systemd-socket")
        .activated(&["-l", socket, "--fdname=http:local"])
        .start();
    exporter.wait_for_status("/primary", 200, SOON);
    let (status, body) = curl(&["--unix-socket", socket, "http://localhost/primary"]);
    assert_eq!((status, &*body), (200, "primary"));
    let line = exporter.line_of_log("message=serving");
    let addresses = format!("addresses=\"127.0.0.1:{} unix:{socket}\"", exporter.port());
    assert!(line.contains(&addresses), "{line}");
    assert!(exporter.terminate().success());
    assert!(path.exists(), "the file is the manager's");
}

#[test]
fn a_flag_without_sockets_and_sockets_of_another_kind_are_told() {
    let ended = on_server().arg("--web.systemd-socket").run();
    assert_eq!(ended.status.code(), Some(1));
    assert!(
        ended.stderr.contains("no socket was passed on"),
        "{}",
        ended.stderr
    );
    // Passed on to another process.
    let ended = on_server()
        .arg("--web.systemd-socket")
        .env("LISTEN_FDS", "1")
        .env("LISTEN_PID", "1")
        .run();
    assert!(
        ended.stderr.contains("no socket was passed on"),
        "{}",
        ended.stderr
    );
    let both = on_server().args(["--web.systemd-socket", "--web.listen-address=127.0.0.1:1"]);
    let exporter = both.activated(&[]).start();
    let _ = exporter.line_of_log("--web.listen-address is not used");
}

/// systemd starts a service whose sockets are datagram sockets at the first datagram.
#[test]
fn a_socket_of_another_kind_is_told() {
    let folder = Folder::new();
    let path = folder.at("web.sock");
    let end = AtomicBool::new(false);
    let refused = thread::scope(|scope| {
        scope.spawn(|| {
            let socket = UnixDatagram::unbound().unwrap();
            while !end.load(Ordering::Relaxed) {
                let _ = socket.send_to(b"x", &path);
                thread::sleep(Duration::from_millis(10));
            }
        });
        let options = ["-l", path.to_str().unwrap(), "--datagram"];
        let refused = on_server()
            .arg("--web.systemd-socket")
            .activated(&options)
            .try_start();
        end.store(true, Ordering::Relaxed);
        refused
    });
    let said = refused.unwrap_err().to_string();
    assert!(said.contains("socket 1 is no listening stream socket"), "{said}");
}
