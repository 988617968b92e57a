//! The pages as clients get them, from a running exporter of a real server.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use pg_exporter_lab::http::{Response, parse};
use pg_exporter_lab::{Cluster, Exporter, HEALTH_PATHS, Page, newest_major, promtool_check};
use serde_json::Value;

use crate::support::{Folder, SOON, definition, on_server, program, server};

fn exporter() -> Exporter {
    let exporter = on_server().start();
    exporter.wait_for_status("/primary", 200, SOON);
    exporter
}

/// Names and labels, without values.
fn series(page: &Page) -> Vec<String> {
    page.samples
        .iter()
        .map(|sample| format!("{} {:?}", sample.name, sample.labels))
        .collect()
}

#[test]
fn gzip_is_the_same_page() {
    let exporter = exporter();
    // The second page on has its caches.
    let _ = exporter.scrape();
    let plain = exporter.get("/metrics");
    let packed = exporter.request("GET", "/metrics", &[("Accept-Encoding", "gzip")]);
    assert_eq!(plain.header("content-encoding"), None);
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    assert!(
        packed.body.len() * 4 < plain.body.len(),
        "{} of {}",
        packed.body.len(),
        plain.body.len()
    );
    let (plain, packed) = (plain.text(), packed.text());
    assert_eq!(series(&Page::parse(&plain)), series(&Page::parse(&packed)));
    for (name, page) in [("plain", &plain), ("gzip", &packed)] {
        let findings = promtool_check(page);
        assert!(findings.parses, "{name}: {:?}", findings.lines);
    }
}

#[test]
fn every_family_once_described_and_without_duplicates() {
    let text = exporter().get("/metrics").text();
    let families: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
        .collect();
    let mut unique = families.clone();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(unique.len(), families.len());
    let page = Page::parse(&text);
    let (mut all, count) = (series(&page), page.samples.len());
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), count, "a series occurs twice");
    assert!(
        page.samples
            .iter()
            .all(|sample| page.types.contains_key(&sample.name)),
        "a sample without a type"
    );
    assert!(
        page.types
            .keys()
            .all(|family| page.help.get(family).is_some_and(|help| !help.is_empty()))
    );
}

#[test]
fn head_has_the_headers_alone() {
    let exporter = exporter();
    let of_health = HEALTH_PATHS.map(|(path, [status, ..])| (path, status));
    for (path, status) in of_health.into_iter().chain([
        ("/", 200),
        ("/version", 200),
        ("/metrics", 200),
        ("/nothing", 404),
    ]) {
        let head = exporter.request("HEAD", path, &[]);
        let get = exporter.get(path);
        assert_eq!((head.status, get.status), (status, status), "{path}");
        assert_eq!(head.header("content-type"), get.header("content-type"), "{path}");
        let raw = exporter.raw(format!("HEAD {path} HTTP/1.0\r\n\r\n").as_bytes());
        assert!(raw.ends_with(b"\r\n\r\n"), "{path}: a body after the headers");
    }
}

#[test]
fn health_answers_have_their_form() {
    let exporter = exporter();
    for (path, [status, ..]) in HEALTH_PATHS {
        let answer = exporter.get(path);
        assert_eq!((answer.status, &*answer.text()), (status, "primary"), "{path}");
        assert_eq!(
            answer.header("content-type"),
            Some("text/plain; charset=utf-8"),
            "{path}"
        );
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
    }
    assert_eq!(exporter.get("/replica?lag=nonsense").status, 400);
}

/// HAProxy sends a bare HTTP/1.0 line, and resets the connection as soon as it has the answer.
#[test]
fn http_1_0_without_host_and_with_a_reset() {
    let exporter = exporter();
    for (path, [status, ..]) in HEALTH_PATHS {
        let answer = parse(
            &exporter.raw(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()),
            false,
        )
        .unwrap();
        assert_eq!((answer.status, &*answer.text()), (status, "primary"), "{path}");
    }
    for _ in 0..50 {
        let mut stream = TcpStream::connect(("127.0.0.1", exporter.port())).unwrap();
        stream.write_all(b"GET /primary HTTP/1.0\r\n\r\n").unwrap();
        let mut start = [0; 15];
        stream.read_exact(&mut start).unwrap();
        assert!(
            start.starts_with(b"HTTP/1.0 200"),
            "{}",
            String::from_utf8_lossy(&start)
        );
        socket2::SockRef::from(&stream)
            .set_linger(Some(Duration::ZERO))
            .unwrap();
    }
    assert_eq!(exporter.get("/primary").status, 200);
    let log = exporter.final_log();
    assert!(
        !log.contains("level=warn") && !log.contains("level=error"),
        "a reset is normal: {log}"
    );
}

#[test]
fn methods_and_unknown_paths() {
    let exporter = exporter();
    for path in ["/", "/metrics", "/up", "/replica", "/version"] {
        let options = exporter.request("OPTIONS", path, &[]);
        assert_eq!(
            (options.status, options.header("allow")),
            (200, Some("GET, HEAD, OPTIONS")),
            "{path}"
        );
        for method in ["POST", "PUT", "DELETE"] {
            let refused = exporter.request(method, path, &[("Content-Length", "0")]);
            assert_eq!(
                (refused.status, refused.header("allow")),
                (405, Some("GET, HEAD, OPTIONS")),
                "{method} {path}"
            );
        }
    }
    let lost = exporter.get("/metric");
    assert_eq!(lost.status, 404);
    for path in ["/metrics", "/up", "/primary", "/replica", "/version"] {
        assert!(
            lost.text().split_whitespace().any(|word| word == path),
            "{path} in {}",
            lost.text()
        );
    }
    assert!(
        exporter
            .raw(b"what is this\r\n\r\n")
            .starts_with(b"HTTP/1.1 400 ")
    );
}

#[test]
fn version_in_text_and_json() {
    let exporter = exporter();
    let text = exporter.get("/version").text();
    let answers: [Response; 2] = [
        exporter.get("/version?format=json"),
        exporter.request("GET", "/version", &[("Accept", "application/json")]),
    ];
    for answer in answers {
        assert_eq!(answer.header("content-type"), Some("application/json"));
        let json: Value = serde_json::from_str(&answer.text()).unwrap();
        for (name, value) in json.as_object().unwrap() {
            assert!(
                text.contains(&format!("{name}: {}\n", value.as_str().unwrap())),
                "{name} in {text}"
            );
        }
        assert_eq!(json["version"], env!("CARGO_PKG_VERSION"));
    }
}

/// Names that HTML would take for its own are shown, and do nothing.
#[test]
fn the_page_for_people() {
    let cluster = Cluster::start(newest_major());
    cluster.create_database("<script>alert(1)</script>");
    cluster.create_database("a & b");
    let folder = Folder::new();
    let query = "SELECT '<b>&' AS value, '<i>'::text::int AS other";
    let layer = folder.write("odd.yml", &definition("odd", query, "  tags: [cluster]\n"));
    let exporter = program()
        .url(&cluster.url("postgres"))
        .args(["-c", &layer])
        .start();
    exporter.wait_for_status("/up", 200, SOON);
    let page = exporter.scrape();
    assert!(
        page.all("pg_size_bytes")
            .any(|sample| sample.label("datname") == Some("<script>alert(1)</script>"))
    );

    let answer = exporter.get("/");
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(
        answer
            .header("content-security-policy")
            .is_some_and(|policy| policy.contains("default-src 'none'"))
    );
    let html = answer.text();
    assert!(
        html.contains("alert(1)") && !html.contains("<script>alert") && !html.contains("a & b"),
        "{html}"
    );
    assert!(
        !html.contains("<i>") && !html.contains("<b>"),
        "the server's message is text"
    );
    for part in [
        "postgres",
        "pg_db",
        "odd",
        "failed",
        "href=\"./metrics\"",
        "href=\"./version\"",
        "22P02",
    ] {
        assert!(html.contains(part), "{part}");
    }
    let installed: Vec<_> = page.all("pg_exporter_query_scrape_total_count").collect();
    assert!(installed.len() > 40);
    for sample in installed {
        let name = sample.label("query").unwrap();
        let row = format!("<th scope=\"row\"><a href=\"./collector/{name}\">{name}</a></th>");
        assert!(html.contains(&row), "{row}");
    }
    for outside in ["http://", "https://", "src="] {
        assert!(!html.contains(outside), "{outside}: nothing comes from elsewhere");
    }
}

/// Clients that send nothing, or little by little, cost a socket each and nothing else.
#[test]
fn a_hundred_slow_clients() {
    // By a name of its own, as other tests have the server scraped too.
    let exporter = on_server()
        .url(&format!(
            "{}?application_name=slow_clients",
            server().url("postgres")
        ))
        .start();
    exporter.wait_for_status("/primary", 200, SOON);
    let mut clients: Vec<TcpStream> = Vec::new();
    for number in 0..100 {
        let mut stream = TcpStream::connect(("127.0.0.1", exporter.port())).unwrap();
        if number % 2 == 0 {
            stream
                .write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nX-Slow")
                .unwrap();
        }
        clients.push(stream);
    }
    let begun = Instant::now();
    for _ in 0..20 {
        assert_eq!(exporter.get("/primary").status, 200);
    }
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    assert_well_served(&exporter);
    // Each is let go of when its time for a request's head is over.
    for mut stream in clients {
        stream.set_read_timeout(Some(SOON)).unwrap();
        let mut rest = Vec::new();
        let ended = stream.read_to_end(&mut rest);
        assert!(
            ended.is_ok() || ended.is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset)
        );
    }
    assert_well_served(&exporter);
}

/// Every health path and the page are as ever; the server runs nothing of `slow_clients`, over a few connections.
#[track_caller]
fn assert_well_served(exporter: &Exporter) {
    for (path, [status, ..]) in HEALTH_PATHS {
        let answer = exporter.get(path);
        assert_eq!((answer.status, &*answer.text()), (status, "primary"), "{path}");
    }
    assert_eq!(exporter.scrape().value("pg_up", &[]), Some(1.0));
    server().wait_for(
        "select count(*) filter (where state <> 'idle') = 0 and count(*) between 1 and 8 from pg_stat_activity \
         where application_name = 'slow_clients'",
        "t",
    );
}

/// Ten thousand small requests leave no trace in memory or descriptors.
#[test]
fn many_requests_leave_nothing_behind() {
    let exporter = exporter();
    let _ = exporter.scrape();
    let descriptors = || {
        std::fs::read_dir(format!("/proc/{}/fd", exporter.pid()))
            .unwrap()
            .count()
    };
    let round = || (0..1000).for_each(|_| assert_eq!(exporter.get("/primary").status, 200));
    round();
    let (memory, files) = (exporter.rss(), descriptors());
    (0..4).for_each(|_| round());
    assert!(
        exporter.rss() < memory + (4 << 20),
        "{} KiB, {} before",
        exporter.rss() >> 10,
        memory >> 10
    );
    assert!(descriptors() <= files + 2);
}
