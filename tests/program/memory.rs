//! Definition files and web requests of any size and shape: the process stays small, under a limit of the system.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use pg_exporter_lab::Exporter;
use pg_exporter_lab::process::peak_rss;

use crate::support::{Folder, PROGRAM, SOON, definition, server};

/// What the process may have in memory.
const MEMORY: u64 = 256 << 20;

/// Somewhat more for what is only reserved, in KiB: above it the system gives nothing.
const LIMITED: &str = "ulimit -v 1048576; exec \"$0\" \"$@\"";

/// Bytes of a definition file that are read.
const LARGEST: usize = 4 << 20;

/// Files as large as they may be, of every shape that a parser may stumble on.
fn shapes() -> Vec<(&'static str, String)> {
    let fill = |piece: &str| piece.repeat((LARGEST - 1) / piece.len());
    let numbered = |make: &dyn Fn(usize) -> String| {
        let mut text = String::new();
        for number in 0.. {
            let next = make(number);
            if text.len() + next.len() >= LARGEST {
                break;
            }
            text.push_str(&next);
        }
        text
    };
    let small = |number: usize| definition(&format!("c{number}"), "SELECT 1 AS value", "");
    let laughs: String = (1..60)
        .map(|number| {
            let one = format!("*a{}, ", number - 1);
            format!("a{number}: &a{number} [{}]\n", one.repeat(9))
        })
        .collect();
    let wide = |what: &str| {
        format!(
            "x:\n  query: SELECT 1 AS value\n  metrics: [ {} ]\n",
            what.repeat(60_000)
        )
    };
    vec![
        ("sequences in sequences", fill("[")),
        ("maps in maps", fill("{a: ")),
        ("dashes", fill("- ")),
        (
            "indented ever deeper",
            (0..2800).map(|n| format!("{}a:\n", " ".repeat(n))).collect(),
        ),
        ("blank lines", fill("\n")),
        ("one long line", fill("x")),
        ("one long text", format!("x: \"{}\"\n", "y".repeat(LARGEST - 100))),
        ("quotes", fill("\"\" ")),
        (
            "anchors",
            numbered(&|number| format!("a{number}: &a{number} x\n")),
        ),
        ("references to references", format!("a0: &a0 x\n{laughs}")),
        (
            "merged maps",
            format!(
                "a: &a {{ b: c }}\n{}",
                numbered(&|n| format!("m{n}: {{ <<: *a }}\n"))
                    .split_at(LARGEST - 100_000)
                    .0
            ),
        ),
        ("documents", fill("---\n")),
        ("comments", fill("# a comment\n")),
        (
            "mistakes",
            numbered(&|number| format!("c{number}: {{ qurey: x }}\n")),
        ),
        ("collectors", numbered(&small)),
        (
            "metrics of one collector",
            wide("{ a: { usage: GAUGE, description: x } }, "),
        ),
        (
            "one statement",
            definition(
                "x",
                &format!("SELECT 1 AS value /* {} */", "z".repeat(LARGEST - 1000)),
                "",
            ),
        ),
        (
            "tags",
            format!(
                "x:\n  query: SELECT 1 AS value\n  tags: [ {} ]\n",
                "cluster, ".repeat(400_000)
            ),
        ),
        (
            "bytes that are no text",
            String::from_utf8_lossy(&vec![0xff; LARGEST / 4]).into_owned(),
        ),
        ("zeros", fill("\0")),
    ]
}

/// Runs the program on arguments to its end: what it had in memory at most, and whether the system ended it.
fn peak(arguments: &[&str]) -> (u64, bool) {
    let mut child = Command::new("/bin/sh")
        .args(["-c", LIMITED, PROGRAM])
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (begun, mut most) = (Instant::now(), 0);
    loop {
        most = most.max(peak_rss(child.id()).unwrap_or_default());
        if let Some(status) = child.try_wait().unwrap() {
            // One that ran out of memory aborts; mistakes in files are an exit code.
            return (most, status.code().is_none());
        }
        assert!(begun.elapsed() < 6 * SOON, "{arguments:?} does not end");
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn definition_files_of_any_shape_leave_the_process_small() {
    let folder = Folder::new();
    let mut largest = (0, "");
    for (shape, text) in shapes() {
        assert!(text.len() < LARGEST, "{shape}: {}", text.len());
        let path = folder.write("shape.yml", &text);
        let (most, is_killed) = peak(&["check", &path]);
        assert!(!is_killed, "{shape}: the process was ended");
        assert!(most < MEMORY, "{shape}: {} MiB", most >> 20);
        largest = largest.max((most, shape));
    }
    // More than a file may be, and many at once.
    let path = folder.write("huge.yml", "");
    fs::File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(1 << 34)
        .unwrap();
    let (most, is_killed) = peak(&["check", &path]);
    assert!(!is_killed && most < MEMORY, "{} MiB", most >> 20);
    fs::remove_file(path).unwrap();
    let many = folder.path().join("many");
    fs::create_dir(&many).unwrap();
    for number in 0..60 {
        let text = definition(
            &format!("c{number}"),
            &format!("SELECT 1 AS value /* {} */", "z".repeat(LARGEST - 1000)),
            "",
        );
        fs::write(many.join(format!("{number}.yml")), text).unwrap();
    }
    let (most, is_killed) = peak(&["check", many.to_str().unwrap()]);
    assert!(!is_killed, "60 files of 4 MiB: the process was ended");
    assert!(most < MEMORY, "60 files of 4 MiB: {} MiB", most >> 20);
    largest = largest.max((most, "60 files of 4 MiB"));
    eprintln!("at most {} MiB, of {}", largest.0 >> 20, largest.1);
}

/// A running exporter whose file becomes each of them: the reload is refused, or not, and the process stays small.
#[test]
fn reloads_of_files_of_any_shape_leave_the_process_small() {
    let folder = Folder::new();
    let good = definition("x", "SELECT 1 AS value", "");
    let path = folder.write("shape.yml", &good);
    let exporter = limited(&["--config", &path, "--no-builtin"]);
    for (shape, text) in shapes() {
        folder.write("shape.yml", &text);
        let status = exporter.get("/reload").status;
        assert!([200, 500].contains(&status), "{shape}: {status}");
        assert_eq!(exporter.get("/primary").status, 200, "{shape}");
        let most = exporter.peak_rss();
        assert!(most < MEMORY, "{shape}: {} MiB", most >> 20);
    }
    folder.write("shape.yml", &good);
    assert_eq!(exporter.get("/reload").status, 200);
    eprintln!("at most {} MiB", exporter.peak_rss() >> 20);
}

fn limited(arguments: &[&str]) -> Exporter {
    let exporter = Exporter::builder("/bin/sh")
        .args(["-c", LIMITED, PROGRAM])
        .args(arguments.iter().copied())
        .url(&server().url("postgres"))
        .env("PG_EXPORTER_CONNECT_TIMEOUT", "5s")
        .start();
    exporter.wait_for_status("/primary", 200, SOON);
    exporter
}

#[test]
fn web_requests_of_any_size_leave_the_process_small() {
    let exporter = limited(&[]);
    let long = vec![b'a'; 1 << 20];
    let beginnings: [&[u8]; 8] = [
        b"",
        b"GET /",
        b"GET /metrics?collect[]=",
        b"GET /up HTTP/1.1\r\nHost: x\r\nX: ",
        b"GET /up HTTP/1.1\r\nHost: ",
        b"POST /reload HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n",
        b"POST /reload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nfffffff\r\n",
        b"GET /up HTTP/1.1\r\nHost: x\r\nAuthorization: Basic ",
    ];
    // 64 MB of each, on 30 connections at once, as far as they are taken.
    for beginning in beginnings {
        thread::scope(|scope| {
            for _ in 0..30 {
                scope.spawn(|| {
                    let mut stream = TcpStream::connect(("127.0.0.1", exporter.port())).unwrap();
                    stream.set_write_timeout(Some(Duration::from_secs(1))).unwrap();
                    stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
                    let mut all = stream.write_all(beginning);
                    for _ in 0..64 {
                        all = all.and_then(|()| stream.write_all(&long));
                    }
                    let _ = stream.read(&mut [0; 1024]);
                });
            }
        });
        assert_eq!(exporter.get("/primary").status, 200);
    }
    // Names without end in a query that is short enough, and each a page of its own.
    for number in 0..500 {
        let names = format!("&collect[]=pg_{number}").repeat(300);
        assert_eq!(exporter.get(&format!("/metrics?{names}")).status, 400);
    }
    let most = exporter.peak_rss();
    eprintln!("at most {} MiB", most >> 20);
    assert!(most < MEMORY, "{} MiB", most >> 20);
}
