//! Runs of scrapes, their deadlines, and the end of the program.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use pg_exporter_lab::http::parse;
use pg_exporter_lab::process::Signal;
use pg_exporter_lab::{Cluster, Exporter, Page, newest_major, wait_until};

use crate::support::{Folder, SOON, program, slow};

const SLEEPING: &str = "select count(*) from pg_stat_activity where wait_event = 'PgSleep'";

struct Slow {
    cluster: Cluster,
    exporter: Exporter,
    _folder: Folder,
}

/// An exporter with a collector that takes some seconds.
fn start(seconds: f64) -> Slow {
    let cluster = Cluster::start(newest_major());
    let folder = Folder::new();
    let exporter = program()
        .url(&cluster.url("postgres"))
        .args(["-c", &folder.write("slow.yml", &slow(seconds))])
        .start();
    exporter.wait_for_status("/primary", 200, SOON);
    Slow {
        cluster,
        exporter,
        _folder: folder,
    }
}

#[test]
fn a_signal_lets_the_running_scrape_end() {
    for signal in [Signal::TERM, Signal::INT] {
        let Slow {
            cluster,
            exporter,
            _folder,
        } = start(2.0);
        thread::scope(|scope| {
            let scrape = scope.spawn(|| exporter.scrape());
            cluster.wait_for(SLEEPING, "1");
            exporter.signal(signal);
            let signalled = Instant::now();
            wait_until("nobody else is let in", SOON, || {
                TcpStream::connect(("127.0.0.1", exporter.port())).is_err()
                    || signalled.elapsed() > Duration::from_secs(2)
            });
            let page = scrape.join().unwrap();
            assert_eq!(
                page.value("slow_value", &[]),
                Some(1.0),
                "{signal:?}: the page is whole"
            );
            assert_eq!(page.value("pg_up", &[]), Some(1.0));
            let status = exporter.wait(SOON).unwrap();
            assert_eq!(status.code(), Some(0), "{signal:?}");
            assert!(
                signalled.elapsed() < Duration::from_secs(5),
                "{:?}",
                signalled.elapsed()
            );
        });
        wait_until("no backend is left", SOON, || {
            cluster.psql("select count(*) from pg_stat_activity where application_name = 'pg_exporter'")
                == "0"
        });
    }
}

/// A scrape that would go on for ever is cut off: the end comes within ten seconds and a little.
#[test]
fn a_signal_does_not_wait_for_ever() {
    let Slow {
        cluster,
        exporter,
        _folder,
    } = start(300.0);
    let mut client = TcpStream::connect(("127.0.0.1", exporter.port())).unwrap();
    client
        .write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nX-Prometheus-Scrape-Timeout-Seconds: 200\r\n\r\n")
        .unwrap();
    cluster.wait_for(SLEEPING, "1");
    exporter.signal(Signal::TERM);
    let signalled = Instant::now();
    let status = exporter.wait(SOON).unwrap();
    let took = signalled.elapsed().as_secs_f64();
    assert_eq!(status.code(), Some(0));
    assert!((8.0..12.0).contains(&took), "{took}");
}

#[test]
fn an_idle_exporter_ends_at_once() {
    let Slow {
        cluster,
        exporter,
        _folder,
    } = start(0.0);
    // Connections that are kept open and idle, as Prometheus keeps its own, do not hold the end up.
    let idle: Vec<_> = (0..5)
        .map(|_| TcpStream::connect(("127.0.0.1", exporter.port())).unwrap())
        .collect();
    let signalled = Instant::now();
    assert!(exporter.terminate().success());
    assert!(
        signalled.elapsed() < Duration::from_secs(3),
        "{:?}",
        signalled.elapsed()
    );
    drop((idle, cluster));
}

#[test]
fn ten_scrapes_at_once_are_one() {
    let Slow {
        cluster,
        exporter,
        _folder,
    } = start(1.0);
    let pages: Vec<Page> = thread::scope(|scope| {
        let scrapes: Vec<_> = (0..10).map(|_| scope.spawn(|| exporter.scrape())).collect();
        cluster.wait_for(SLEEPING, "1");
        while scrapes.iter().any(|scrape| !scrape.is_finished()) {
            assert!(
                cluster.psql(SLEEPING).parse::<u32>().unwrap() <= 1,
                "two runs at a time"
            );
        }
        scrapes.into_iter().map(|scrape| scrape.join().unwrap()).collect()
    });
    for page in &pages {
        assert_eq!(page.value("slow_value", &[]), Some(1.0));
        assert_eq!(
            page.value("pg_exporter_scrape_total_count", &[]),
            Some(1.0),
            "one run for all"
        );
        assert_eq!(
            page.value("pg_timestamp", &[]),
            pages[0].value("pg_timestamp", &[]),
            "the same page for all"
        );
    }
}

#[test]
fn the_client_says_how_long_it_waits() {
    for seconds in ["1", "1.7", "3"] {
        let Slow {
            cluster,
            exporter,
            _folder,
        } = start(60.0);
        let limit: f64 = seconds.parse().unwrap();
        let begun = Instant::now();
        let answer = exporter.request(
            "GET",
            "/metrics",
            &[("X-Prometheus-Scrape-Timeout-Seconds", seconds)],
        );
        let took = begun.elapsed().as_secs_f64();
        assert!(took < limit && took > limit / 2.0, "{took} of {seconds} s");
        let page = Page::parse(&answer.text());
        assert_eq!(page.value("slow_value", &[]), None);
        assert_eq!(
            page.value("pg_up", &[]),
            Some(1.0),
            "the target answers, one collector does not"
        );
        assert!(
            page.value("pg_lsn", &[]).is_some(),
            "what is there by then is served"
        );
        wait_until("nothing hangs on", Duration::from_secs(2), || {
            cluster.psql(SLEEPING) == "0"
        });
    }
}

#[test]
fn clients_that_leave_do_not_pile_up() {
    let Slow {
        cluster,
        exporter,
        _folder,
    } = start(1.5);
    let backends = "select count(*) from pg_stat_activity where application_name = 'pg_exporter'";
    for _ in 0..30 {
        let mut client = TcpStream::connect(("127.0.0.1", exporter.port())).unwrap();
        client
            .write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            .unwrap();
        drop(client);
        assert!(
            cluster.psql(backends).parse::<u32>().unwrap() <= 2,
            "the probe's and the run's"
        );
    }
    assert_eq!(exporter.scrape().value("slow_value", &[]), Some(1.0));
    assert_eq!(exporter.get("/primary").status, 200);
}

/// Two requests in one connection, sent without waiting for the first answer.
#[test]
fn pipelined_requests_are_answered_in_order() {
    let Slow {
        cluster,
        exporter,
        _folder,
    } = start(0.5);
    let mut client = TcpStream::connect(("127.0.0.1", exporter.port())).unwrap();
    let last = "GET /version HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    client
        .write_all(format!("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n{last}").as_bytes())
        .unwrap();
    let mut all = Vec::new();
    client.read_to_end(&mut all).unwrap();
    let text = String::from_utf8(all).unwrap();
    let second = text.rfind("HTTP/1.1 200").unwrap();
    assert!(second > 0 && text[..second].contains("slow_value 1"));
    let version = parse(&text.as_bytes()[second..], false).unwrap();
    assert!(version.text().starts_with("version: "));
    drop(cluster);
}
