//! Where the exporter listens: both families, names, unix sockets.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::time::Duration;

use pg_exporter_lab::process::Signal;
use pg_exporter_lab::{Exporter, free_port};

use crate::support::{Folder, SOON, curl, on_server};

fn listening(addresses: &[String]) -> Exporter {
    let flags = addresses
        .iter()
        .map(|address| format!("--web.listen-address={address}"));
    on_server().args(flags).start()
}

#[test]
fn both_families_and_names() {
    let leases = [free_port(), free_port(), free_port()];
    let ports = leases.each_ref().map(|lease| lease.number);
    let exporter = listening(&[
        format!(":{}", ports[0]),
        format!("[::]:{}", ports[1]),
        format!("localhost:{}", ports[2]),
    ]);
    // What `localhost` is, each machine says for itself.
    let reached = [
        ("127.0.0.1", ports[0]),
        ("[::1]", ports[0]),
        ("127.0.0.1", ports[1]),
        ("[::1]", ports[1]),
        ("localhost", ports[2]),
    ];
    // In many containers there is no IPv6, and `[::]` is all of IPv4.
    let has_ipv6 = TcpListener::bind("[::1]:0").is_ok();
    let reached = reached
        .into_iter()
        .filter(|(host, _)| has_ipv6 || *host != "[::1]");
    for (host, port) in reached {
        let (status, body) = curl(&[&format!("http://{host}:{port}/liveness")]);
        assert_eq!(status, 200, "{host}:{port}: {body}; {}", exporter.stderr());
    }
}

#[test]
fn a_unix_socket_serves_as_a_port_does() {
    let folder = Folder::new();
    let path = folder.at("web.sock");
    let socket = path.to_str().unwrap();
    let exporter = listening(&[format!("unix:{socket}?mode=666"), format!("unix:@{socket}")]);
    exporter.wait_for_status("/primary", 200, SOON);
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o666);
    for place in [["--unix-socket", socket], ["--abstract-unix-socket", socket]] {
        let ask = |path: &str| curl(&[&place[..], &[&format!("http://localhost{path}")]].concat());
        assert_eq!(ask("/primary"), (200, "primary".into()));
        assert_eq!(ask("/replica").0, 404);
        let (status, page) = ask("/metrics");
        assert!(
            status == 200 && page.contains("\npg_up 1\n"),
            "{place:?}: {status}"
        );
    }
    let line = exporter.line_of_log("message=serving");
    assert!(
        line.contains(&format!("unix:{socket}")) && line.contains(&format!("unix:@{socket}")),
        "{line}"
    );
    assert!(exporter.terminate().success());
    assert!(!path.exists(), "it goes with its exporter");
}

#[test]
fn a_stale_socket_is_replaced_and_a_live_one_is_not() {
    let folder = Folder::new();
    let path = folder.at("web.sock");
    let address = format!("unix:{}", path.display());
    let killed = listening(std::slice::from_ref(&address));
    killed.signal(Signal::KILL);
    assert!(killed.wait(Duration::from_secs(10)).is_some() && path.exists());

    let exporter = listening(std::slice::from_ref(&address));
    let second = on_server().arg(format!("--web.listen-address={address}")).run();
    assert_eq!(second.status.code(), Some(1));
    let expected = format!("cannot listen on {address}: ");
    assert!(
        second.stderr.contains(&expected) && second.stderr.contains("another --web.listen-address"),
        "{}",
        second.stderr
    );
    let ask = || {
        curl(&[
            "--unix-socket",
            path.to_str().unwrap(),
            "http://localhost/liveness",
        ])
        .0
    };
    assert_eq!(ask(), 200, "the first one serves on");
    drop(exporter);

    // Somebody else's.
    let taken = folder.at("taken.sock");
    let _other = UnixListener::bind(&taken).unwrap();
    let third = on_server()
        .arg(format!("--web.listen-address=unix:{}", taken.display()))
        .run();
    assert_eq!(third.status.code(), Some(1));
    assert!(taken.exists());
}

#[test]
fn a_place_that_cannot_be_is_one_clear_line() {
    let folder = Folder::new();
    let file = folder.at("file");
    std::fs::write(&file, "precious").unwrap();
    for (address, part) in [
        ("unix:web.sock".to_owned(), "absolute path"),
        (format!("unix:{}?mode=rw", file.display()), "?mode=660"),
        (format!("unix:{}", file.display()), "not a socket"),
        (
            format!("unix:{}/no/web.sock", folder.at("").display()),
            "make the folder",
        ),
        (
            "[fe80::1%nowhere]:9630".to_owned(),
            "cannot listen on [fe80::1%nowhere]:9630",
        ),
    ] {
        let ended = on_server().arg(format!("--web.listen-address={address}")).run();
        assert_eq!(ended.status.code(), Some(1), "{address}");
        assert_eq!(ended.stderr.lines().count(), 1, "{address}: {}", ended.stderr);
        assert!(ended.stderr.contains(part), "{address}: {}", ended.stderr);
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "precious");
}
