//! A log that nobody reads: it stops nothing, and what is lost of it is counted and told.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use pg_exporter_lab::{Exporter, Page, wait_until};

use crate::support::{Folder, PROGRAM, SOON, definition, server};

/// A folder and a file of it that nobody reads, and an exporter that writes its log there.
fn unread(more: &[&str]) -> (Folder, File, Exporter) {
    let folder = Folder::new();
    let path = folder.path().join("log");
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    // It is open for reading, too, so that writers find a reader; it never reads.
    let mut pipe = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(0o4000)
        .open(&path)
        .unwrap();
    // Full from the beginning: not one line of the exporter's finds room.
    while pipe.write(&[b'x'; 4096]).is_ok() {}
    let script = "exec \"$0\" \"$@\" 2>\"$LOG\"";
    let exporter = Exporter::builder("/bin/sh")
        .args(["-c", script, PROGRAM])
        .args(more.iter().copied())
        .url(&server().url("postgres"))
        .env("LOG", path.display().to_string())
        .env("PG_EXPORTER_CONNECT_TIMEOUT", "5s")
        .start();
    (folder, pipe, exporter)
}

/// A log that nobody reads is nobody's trouble but its own.
#[test]
fn a_log_that_nobody_reads_stops_nothing() {
    let (_folder, pipe, exporter) = unread(&["--log.level=debug"]);
    exporter.wait_for_status("/primary", 200, SOON);
    for _ in 0..200 {
        assert_eq!(exporter.request("GET", "/reload?dry_run=1", &[]).status, 200);
    }
    let page = exporter.scrape();
    assert!(page.value("pg_exporter_log_lines_dropped_total", &[]).is_some());
    for path in [
        "/",
        "/metrics",
        "/up",
        "/primary",
        "/liveness",
        "/readiness",
        "/explain",
        "/stat",
        "/version",
        "/reload",
    ] {
        assert_eq!(exporter.get(path).status, 200, "{path}");
    }
    let begun = Instant::now();
    assert!(exporter.terminate().success());
    assert!(begun.elapsed() < SOON, "it ends though nobody reads");
    drop(pipe);
}

/// A reader that is gone is none: the same, and no signal of the system ends it.
#[test]
fn a_log_whose_reader_left_stops_nothing() {
    let (_folder, pipe, exporter) = unread(&[]);
    drop(pipe);
    exporter.wait_for_status("/primary", 200, SOON);
    for _ in 0..50 {
        assert_eq!(exporter.get("/reload").status, 200);
    }
    assert!(exporter.terminate().success());
}

/// A log that takes nothing any more stops nothing, and no signal of the system ends the process: a disk that is full, a file as
/// large as it may be, no file at all.
#[test]
fn a_log_that_has_no_room_stops_nothing() {
    let folder = Folder::new();
    let path = folder.path().join("log");
    for opened in [
        "exec \"$0\" \"$@\" 2>/dev/full",
        "ulimit -f 1; exec \"$0\" \"$@\" 2>\"$LOG\"",
        "exec \"$0\" \"$@\" 2>&-",
    ] {
        let exporter = Exporter::builder("/bin/sh")
            .args(["-c", opened, PROGRAM, "--log.level=debug"])
            .url(&server().url("postgres"))
            .env("LOG", path.display().to_string())
            .start();
        exporter.wait_for_status("/primary", 200, SOON);
        for _ in 0..20 {
            assert_eq!(
                exporter.request("GET", "/reload?dry_run=1", &[]).status,
                200,
                "{opened}"
            );
        }
        assert!(exporter.terminate().success(), "{opened}");
    }
}

/// Collectors whose failures and texts fill a log: each has a statement of its own, of some kilobytes.
fn talkative() -> String {
    let long = "x".repeat(4000);
    let one = |number: usize| {
        let query = format!("SELECT 1 / (1 - {number} % 2) AS value /* {long} */");
        definition(&format!("talk{number}"), &query, "  tags: [cluster]\n  ttl: 0\n")
    };
    (0..60).map(one).collect()
}

fn dropped(page: &Page) -> f64 {
    page.value("pg_exporter_log_lines_dropped_total", &[]).unwrap()
}

/// All that is in the pipe now.
fn take(pipe: &mut File, log: &mut Vec<u8>) {
    let mut piece = [0; 65_536];
    loop {
        match pipe.read(&mut piece) {
            Ok(0) => return,
            Ok(bytes) => log.extend_from_slice(piece.get(..bytes).unwrap()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return,
            Err(error) => panic!("{error}"),
        }
    }
}

/// Lines of every level from everywhere, far more than wait for a reader: health is answered at once meanwhile, what does not
/// fit is counted, and whoever reads at last is told how many lines there are not.
#[test]
fn a_flood_that_nobody_reads_is_counted_and_told_to_the_next_reader() {
    let folder = Folder::new();
    let config = folder.write("talk.yml", &talkative());
    let (_folder, mut pipe, exporter) = unread(&["--log.level=debug", "--config", &config]);
    exporter.wait_for_status("/primary", 200, SOON);
    let mut slowest = Duration::ZERO;
    let mut lost = 0.0;
    for _ in 0..400 {
        for path in ["/primary", "/liveness"] {
            let asked = Instant::now();
            assert_eq!(exporter.get(path).status, 200, "{path}");
            slowest = slowest.max(asked.elapsed());
        }
        let now = dropped(&exporter.scrape());
        assert!(now >= lost, "{now} after {lost}");
        lost = now;
        if lost > 100.0 {
            break;
        }
    }
    assert!(lost > 100.0, "{lost} lines were dropped");
    eprintln!("{lost} lines were dropped; health answers took {slowest:?} at most");
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
    let memory = exporter.peak_rss() >> 20;
    assert!(memory < 150, "{memory} MiB");

    // A reader at last. What was in the pipe before is no line of the exporter's.
    let mut log = Vec::new();
    let told = |log: &[u8]| {
        let text = String::from_utf8_lossy(log).into_owned();
        let lines = text
            .lines()
            .filter(|line| line.contains("lines were dropped, since nobody read the log"));
        let numbers = lines.filter_map(|line| line.split("dropped=").last()?.trim().parse::<f64>().ok());
        numbers.sum::<f64>()
    };
    wait_until("the reader is told of all that is lost", SOON, || {
        take(&mut pipe, &mut log);
        told(&log) >= lost
    });
    let before = dropped(&exporter.scrape());
    for _ in 0..5 {
        take(&mut pipe, &mut log);
        assert_eq!(exporter.get("/reload?dry_run=1").status, 200);
        thread::sleep(Duration::from_millis(100));
    }
    take(&mut pipe, &mut log);
    assert_eq!(
        dropped(&exporter.scrape()),
        before,
        "who reads loses nothing more"
    );
    assert_eq!(told(&log), before, "no line is told of twice");
    let text = String::from_utf8_lossy(&log);
    let own = text.trim_start_matches('x').lines().skip(1);
    let broken: Vec<_> = own.filter(|line| !line.starts_with("ts=")).take(3).collect();
    assert!(broken.is_empty(), "whole lines only: {broken:?}");
    let begun = Instant::now();
    assert!(exporter.terminate().success());
    assert!(begun.elapsed() < SOON);
}
