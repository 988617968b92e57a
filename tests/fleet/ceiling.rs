//! A container whose memory runs out: what is kept only to be served again goes, and nothing else.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use pg_exporter_lab::{Layer, Page, wait_until};

use crate::support::{Fleet, Folder, PROGRAM, SOON, server, target};

const TARGETS: usize = 8;

/// Rows of each target's large result.
const ROWS: usize = 20_000;

/// What is kept of a page in this form is its own bytes; text shares those of the result.
const PROTOBUF: &str =
    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";

/// What starts the exporter where the files of its control group say that limit, as they do in a container.
fn in_container(files: &Folder, limit: u64) -> String {
    let program = files.write(
        "exporter",
        &format!(
            "#!/bin/sh\nexec unshare --user --map-root-user --mount -- sh -c 'mount -t tmpfs tmpfs /sys/fs/cgroup && \
             echo {limit} > /sys/fs/cgroup/memory.max && exec \"$0\" \"$@\"' {PROGRAM} \"$@\"\n"
        ),
    );
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    program
}

/// The exporter of targets with a large result each, in a container of so many bytes.
fn start(layer: &Layer, limit: u64) -> Fleet {
    let files = Folder::new();
    let program = in_container(&files, limit);
    let targets: String = (0..TARGETS)
        .map(|number| target(&format!("t{number}"), server().port(), ""))
        .collect();
    let fleet = Fleet::start_by(&program, &targets, |builder| builder.arg(layer.flag()));
    (0..TARGETS).for_each(|number| fleet.wait_for(&format!("/primary?target=t{number}"), 200));
    fleet
}

/// The page of a target in a format, its large result alone.
fn page(fleet: &Fleet, number: usize, format: &str) -> Vec<u8> {
    let path = format!("/metrics?target=t{number}&collect[]=large");
    let answer = fleet.exporter.request("GET", &path, &[("Accept", format)]);
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.body
}

/// What each target serves, all of it; how many bytes of it the exporter has made for protobuf.
fn read_all(fleet: &Fleet) -> usize {
    let each = |number: usize| {
        let text = String::from_utf8(page(fleet, number, "text/plain")).unwrap();
        let page_as_text = Page::parse(&text);
        assert_eq!(page_as_text.all("large_value").count(), ROWS, "t{number}");
        let wanted = [("query", "large")];
        let runs = |name: &str| page_as_text.value(name, &wanted).unwrap();
        let executed =
            runs("pg_exporter_query_scrape_total_count") - runs("pg_exporter_query_scrape_hit_count");
        assert_eq!(executed, 1.0, "t{number}: the result itself is kept");
        let binary = page(fleet, number, PROTOBUF);
        let label = format!("{}{ROWS}", "x".repeat(100));
        let is_there = binary.windows(label.len()).any(|part| part == label.as_bytes());
        assert!(is_there, "t{number}: the last row");
        binary.len()
    };
    (0..TARGETS).map(each).sum()
}

#[test]
fn kept_pages_go_first_when_memory_runs_out() {
    let layer = Layer::new(&format!(
        "large:\n  query: SELECT pg_catalog.repeat('x', 100) || n::pg_catalog.text AS label, n AS value \
         FROM pg_catalog.generate_series(1, {ROWS}) AS n\n  tags: [cluster]\n  ttl: 3600\n  timeout: 30\n  metrics:\n    \
         - label: {{ usage: LABEL, description: Long. }}\n    - value: {{ usage: GAUGE, description: Number. }}\n"
    ));
    // The same work in both; in the first one any memory is too much.
    let [tight, roomy] = [1 << 20, 1 << 40].map(|limit| start(&layer, limit));
    for _ in 0..2 {
        let kept = read_all(&tight).min(read_all(&roomy)) as u64;
        assert!(kept > (TARGETS * ROWS * 100) as u64);
        let before = tight.exporter.rss();
        // The allocator gives back most of it.
        wait_until("what it keeps of pages is gone", SOON, || {
            tight.exporter.rss() + kept / 3 < roomy.exporter.rss()
        });
        let [kept, before, after, roomy] =
            [kept, before, tight.exporter.rss(), roomy.exporter.rss()].map(|bytes| bytes >> 20);
        eprintln!("{kept} MiB of pages: {before} MiB resident, soon {after}; with memory to spare {roomy}");
    }
    read_all(&tight);
}
