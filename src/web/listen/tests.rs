#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};

use pg_exporter_lab::Folder;

use super::*;

fn listen(text: &str) -> Result<Vec<Listener>, BindError> {
    bind(&[Listen::parse(text).unwrap()])
}

fn address(listener: &Listener) -> SocketAddr {
    listener.to_string().parse().unwrap()
}

fn problem(text: &str) -> String {
    listen(text).unwrap_err().to_string()
}

#[test]
fn an_empty_host_means_both_families() {
    for text in [":0", "[::]:0"] {
        let listener = listen(text).unwrap().remove(0);
        let port = address(&listener).port();
        assert!(TcpStream::connect(("127.0.0.1", port)).is_ok(), "{text}");
        // In many containers there is no IPv6.
        if TcpListener::bind("[::1]:0").is_ok() {
            assert!(TcpStream::connect(("::1", port)).is_ok(), "{text}");
        }
    }
}

#[test]
fn a_port_in_use_is_one_clear_line() {
    let first = listen("127.0.0.1:0").unwrap();
    let address = first.first().unwrap().to_string();
    let error = problem(&address);
    assert!(
        error.starts_with(&format!("cannot listen on {address}: Address already in use")),
        "{error}"
    );
    assert!(error.ends_with("choose another --web.listen-address"), "{error}");
    let everywhere = listen(&format!(":{}", address.rsplit(':').next().unwrap()));
    assert!(everywhere.is_err(), "no silent fallback to the other family");
}

#[test]
fn names_and_several_addresses() {
    let two = bind(&[
        Listen::parse("127.0.0.1:0").unwrap(),
        Listen::parse("localhost:0").unwrap(),
    ])
    .unwrap();
    assert!(two.len() >= 2);
    assert!(listen("no-such-host.invalid:0").is_err());
    assert!(problem("192.0.2.1:0").contains("this machine does not have that address"));
}

/// The link-local addresses of this machine with their zones; there may be none.
fn link_local() -> Vec<String> {
    let table = fs::read_to_string("/proc/net/if_inet6").unwrap_or_default();
    let rows = table.lines().filter(|line| line.starts_with("fe80"));
    rows.filter_map(|row| {
        let digits = row.get(..32)?;
        let groups: Vec<&str> = (0..8).filter_map(|n| digits.get(n * 4..n * 4 + 4)).collect();
        Some(format!("{}%{}", groups.join(":"), row.split_whitespace().last()?))
    })
    .collect()
}

#[test]
fn link_local_addresses_have_a_zone() {
    for host in link_local() {
        let listener = listen(&format!("[{host}]:0")).unwrap().remove(0);
        assert!(TcpStream::connect(address(&listener)).is_ok(), "{host}");
        let bare = host.split('%').next().unwrap();
        assert!(
            problem(&format!("[{bare}]:0")).contains("needs its zone"),
            "{bare}"
        );
    }
    assert!(listen("[fe80::1%no-such-zone]:0").is_err());
}

#[test]
fn a_unix_socket_has_its_permissions_and_goes_with_its_listener() {
    let folder = Folder::new();
    for (option, mode) in [("", 0o660), ("?mode=666", 0o666), ("?mode=0600", 0o600)] {
        let path = folder.at("socket");
        let listener = listen(&format!("unix:{}{option}", path.display())).unwrap();
        let found = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(found, mode, "{option}");
        assert_eq!(
            listener.first().unwrap().to_string(),
            format!("unix:{}", path.display())
        );
        assert!(UnixStream::connect(&path).is_ok());
        drop(listener);
        assert!(!path.exists());
    }
}

#[test]
fn a_stale_socket_is_replaced_and_a_live_one_never() {
    let folder = Folder::new();
    let path = folder.at("socket");
    let text = format!("unix:{}", path.display());
    drop(UnixListener::bind(&path).unwrap());
    assert!(path.exists(), "a killed owner leaves its file");
    let first = listen(&text).unwrap();
    let error = problem(&text);
    assert!(error.contains("stop the program that listens there"), "{error}");
    assert!(UnixStream::connect(&path).is_ok(), "it serves on");

    // Somebody moves it away and takes its place: that one is not ours to remove.
    fs::rename(&path, folder.at("moved")).unwrap();
    let other = UnixListener::bind(&path).unwrap();
    drop(first);
    assert!(UnixStream::connect(&path).is_ok());
    drop(other);
}

#[test]
fn a_live_socket_with_a_full_queue_is_live() {
    let folder = Folder::new();
    let path = folder.at("socket");
    let socket = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).unwrap();
    socket.bind(&socket2::SockAddr::unix(&path).unwrap()).unwrap();
    socket.listen(0).unwrap();
    let _waiting = UnixStream::connect(&path).unwrap();
    let error = problem(&format!("unix:{}", path.display()));
    assert!(
        error.contains("Address already in use") || error.contains("in use"),
        "{error}"
    );
    assert!(path.exists());
}

#[test]
fn what_is_in_the_way_of_a_unix_socket() {
    let folder = Folder::new();
    let file = folder.at("file");
    fs::write(&file, "precious").unwrap();
    let text = format!("unix:{}", file.display());
    assert!(
        problem(&text).contains("not a socket; remove it"),
        "{}",
        problem(&text)
    );
    assert_eq!(fs::read_to_string(&file).unwrap(), "precious");
    let lost = problem(&format!("unix:{}/no/folder", folder.path().display()));
    assert!(lost.contains("make the folder"), "{lost}");
    let long = problem(&format!("unix:/{}", "a".repeat(120)));
    assert!(long.contains("at most 107 bytes"), "{long}");
}

#[test]
fn an_abstract_socket_has_no_file() {
    let name = format!("pgx-listen-{}", std::process::id());
    let listener = listen(&format!("unix:@{name}")).unwrap();
    assert_eq!(listener.first().unwrap().to_string(), format!("unix:@{name}"));
    assert!(problem(&format!("unix:@{name}")).contains("Address already in use"));
    drop(listener);
    assert!(listen(&format!("unix:@{name}")).is_ok());
}
