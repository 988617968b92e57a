//! The lab's own promises about everything but PostgreSQL.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use pg_exporter_lab::haproxy::Backend;
use pg_exporter_lab::prometheus::Prometheus;
use pg_exporter_lab::{
    Exporter, FaultProxy, Haproxy, Mode, Pgbouncer, newest_major, promtool_check, shared, tool, wait_until,
};

/// Answers every connection with the same bytes, after reading something.
fn answering(bytes: &'static [u8]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let read = stream.read(&mut [0; 4096]);
            let _ = read.and_then(|_| stream.write_all(bytes));
        }
    });
    port
}

#[test]
fn pgbouncer_pools_and_shows() {
    let cluster = shared(newest_major());
    let pgbouncer = Pgbouncer::start(cluster);
    assert!(pgbouncer.admin("show version").starts_with("PgBouncer"));
    let through = std::process::Command::new(tool("psql"))
        .args([&pgbouncer.url("postgres"), "-XAtc", "show port"])
        .output();
    assert_eq!(
        String::from_utf8(through.unwrap().stdout).unwrap().trim(),
        cluster.port().to_string()
    );
    assert!(pgbouncer.admin("show pools").contains("postgres|postgres|"));
}

#[test]
fn promtool_tells_a_good_page_from_a_bad_one() {
    let good = promtool_check("# HELP a_total Help.\n# TYPE a_total counter\na_total 1\n");
    assert!(good.parses && good.lines.is_empty(), "{good:?}");
    let lint = promtool_check("# TYPE a counter\na 1\n");
    assert!(lint.parses && !lint.lines.is_empty(), "{lint:?}");
    assert!(!promtool_check("a one\n").parses);
}

#[test]
fn haproxy_follows_a_health_path() {
    let up = answering(b"HTTP/1.0 200 OK\r\n\r\n");
    let down = answering(b"HTTP/1.0 503 Service Unavailable\r\n\r\n");
    let port = shared(newest_major()).port();
    let haproxy = Haproxy::start(
        "GET /primary",
        &[
            Backend {
                port,
                check_port: down,
            },
            Backend { port, check_port: up },
        ],
    );
    haproxy.wait_for_state(0, "DOWN", Duration::from_secs(10));
    haproxy.wait_for_state(1, "UP", Duration::from_secs(10));
    assert_eq!(haproxy.state(0).check_code, "503");
    assert!(TcpStream::connect(("127.0.0.1", haproxy.port())).is_ok());
}

#[test]
fn prometheus_scrapes() {
    let page = b"HTTP/1.0 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\n\r\nlab_answer 42\n";
    let prometheus = Prometheus::start(&[answering(page)]);
    wait_until("the sample is there", Duration::from_secs(30), || {
        prometheus.query("lab_answer").contains("\"42\"")
    });
}

/// Prometheus has the exporter's flag for its listen address, and a page of its own.
#[test]
fn an_exporter_is_started_scraped_and_ended() {
    let folder = std::env::temp_dir().join(format!("pg_exporter_lab-{}", std::process::id()));
    std::fs::create_dir(&folder).unwrap();
    let config = folder.join("prometheus.yml");
    std::fs::write(&config, "global: {}\n").unwrap();
    let builder = Exporter::builder(tool("prometheus"))
        .arg(format!("--config.file={}", config.display()))
        // Debian's build has a default that belongs to its service's user.
        .arg(format!("--storage.tsdb.path={}", folder.join("tsdb").display()));
    let exporter = builder.start();
    exporter.wait_for_status("/-/ready", 200, Duration::from_secs(20));
    let page = exporter.scrape();
    assert_eq!(
        page.types
            .get("process_resident_memory_bytes")
            .map(String::as_str),
        Some("gauge")
    );
    assert_eq!(page.value("prometheus_ready", &[]), Some(1.0));
    let packed = exporter.request("GET", "/metrics", &[("Accept-Encoding", "gzip")]);
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    assert!(packed.body.len() < packed.text().len() / 4 && packed.text().contains("prometheus_ready 1"));
    assert!(exporter.raw(b"nonsense\r\n\r\n").starts_with(b"HTTP/1.1 400 "));
    assert_eq!(exporter.request("HEAD", "/-/healthy", &[]).status, 200);
    assert!(exporter.rss() > 10_000_000 && exporter.peak_rss() >= exporter.rss());
    assert!(exporter.cpu() > Duration::ZERO);
    assert!(exporter.terminate().success());
    assert!(exporter.stderr().contains("See you next time!"));

    let error = builder.arg("--no-such-flag").try_start().unwrap_err();
    assert!(error.to_string().contains("no-such-flag"), "{error}");
    let ended = Exporter::builder(tool("promtool")).arg("--version").run();
    assert!(ended.status.success() && (ended.stdout + &ended.stderr).contains("promtool, version"));
    std::fs::remove_dir_all(folder).unwrap();
}

/// One request through the proxy: what came, and how long it took.
fn ask(proxy: &FaultProxy, limit: Duration) -> (std::io::Result<String>, Duration) {
    let begun = Instant::now();
    let answer = TcpStream::connect(("127.0.0.1", proxy.port())).and_then(|mut stream| {
        stream.set_read_timeout(Some(limit))?;
        stream.write_all(b"x")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).map(|_| answer)
    });
    (answer, begun.elapsed())
}

#[test]
fn the_proxy_delays_and_throttles() {
    let proxy = FaultProxy::start(answering(&[b'a'; 20_000]));
    let second = Duration::from_secs(1);
    assert_eq!(ask(&proxy, second).0.unwrap().len(), 20_000);
    proxy.latency(Duration::from_millis(100));
    let (answer, took) = ask(&proxy, second);
    assert!(
        answer.unwrap().len() == 20_000 && took >= Duration::from_millis(200),
        "{took:?}"
    );
    proxy.latency(Duration::ZERO);
    proxy.rate(40_000);
    let (answer, took) = ask(&proxy, second);
    assert!(
        answer.unwrap().len() == 20_000 && took >= Duration::from_millis(400),
        "{took:?}"
    );
}

#[test]
fn the_proxy_hangs_resets_closes_cuts_and_refuses() {
    let proxy = FaultProxy::start(answering(&[b'a'; 20_000]));
    let limit = Duration::from_millis(300);
    let kind = |proxy| ask(proxy, limit).0.unwrap_err().kind();
    for round in 0..3 {
        proxy.mode(Mode::Hang);
        assert_eq!(kind(&proxy), std::io::ErrorKind::WouldBlock, "round {round}");
        proxy.mode(Mode::Reset);
        assert_eq!(kind(&proxy), std::io::ErrorKind::ConnectionReset, "round {round}");
        proxy.mode(Mode::Refuse);
        assert_eq!(
            kind(&proxy),
            std::io::ErrorKind::ConnectionRefused,
            "round {round}"
        );
        proxy.mode(Mode::Pass);
        proxy.cut_after(10_000);
        assert_eq!(kind(&proxy), std::io::ErrorKind::ConnectionReset, "round {round}");
        proxy.cut_after(0);
        assert_eq!(ask(&proxy, limit).0.unwrap().len(), 20_000, "round {round}");
    }
}

#[test]
fn the_proxy_resets_a_connection_that_is_open() {
    let cluster = shared(newest_major());
    let proxy = FaultProxy::start(cluster.port());
    let mut stream = TcpStream::connect(("127.0.0.1", proxy.port())).unwrap();
    // An SSL request, which the server answers with one letter, keeping the connection.
    stream.write_all(&[0, 0, 0, 8, 4, 210, 22, 47]).unwrap();
    let mut letter = [0];
    stream.read_exact(&mut letter).unwrap();
    proxy.mode(Mode::Reset);
    assert_eq!(
        stream.read(&mut letter).unwrap_err().kind(),
        std::io::ErrorKind::ConnectionReset
    );
}
