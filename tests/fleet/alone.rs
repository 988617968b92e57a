//! One server by its URL, and the same as the only target of a file: what differs is what is said to, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use pg_exporter_lab::http::Response;
use pg_exporter_lab::page::Page;
use pg_exporter_lab::{Cluster, Exporter, HEALTH_PATHS, newest_major, wait_until};

use crate::support::{Fleet, PROGRAM, SOON, target};

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0";

/// What everybody is told who asks for a page that is not there.
const NO_SUCH_PAGE: &str = "there is no such page; there are /metrics / /up /health /readiness /liveness /primary /leader /master \
                            /read-write /rw /replica /standby /slave /read-only /ro /read /version /explain /stat /reload \
                            /collector/NAME\n";

/// An exporter of a server as it always was.
fn alone(server: &Cluster) -> Exporter {
    let exporter = Exporter::builder(PROGRAM)
        .url(&(server.url("postgres") + "?sslmode=disable"))
        .arg("--auto-discovery=false")
        .arg("--connect-timeout=5s")
        .start();
    exporter.wait_for_status("/primary", 200, SOON);
    exporter
}

/// All of an answer but when it was given.
fn said(answer: &Response) -> (u16, Vec<(String, String)>, Vec<u8>) {
    let mut headers = answer.headers.clone();
    headers.retain(|(name, _)| name != "date");
    (answer.status, headers, answer.body.clone())
}

/// Names and labels of all series.
fn series(page: &Page) -> BTreeSet<String> {
    let each = page.samples.iter();
    each.map(|sample| format!("{}{:?}", sample.name, sample.labels))
        .collect()
}

/// The lines about families, in order.
fn heads(text: &str) -> Vec<String> {
    let heads = text.lines().filter(|line| line.starts_with("# "));
    heads.map(str::to_owned).collect()
}

#[test]
fn without_files_of_targets_a_name_means_nothing() {
    let server = Cluster::start(newest_major());
    let exporter = alone(&server);
    for (path, _) in HEALTH_PATHS {
        let plain = said(&exporter.get(path));
        for query in [
            "target=x",
            "target=",
            "target=a&target=b",
            "target=..%2F",
            "target=x&lag=1h",
        ] {
            assert_eq!(
                said(&exporter.get(&format!("{path}?{query}"))),
                plain,
                "{path}?{query}"
            );
        }
    }
    for path in ["/sd", "/sd?target=x", "/nowhere", "/nowhere?target=x"] {
        let answer = exporter.get(path);
        assert_eq!(
            (answer.status, answer.text().as_str()),
            (404, NO_SUCH_PAGE),
            "{path}"
        );
    }
    wait_until("pages hold the same series whatever is asked for", SOON, || {
        series(&exporter.scrape()) == series(&Page::parse(&exporter.get("/metrics?target=x").text()))
    });
    let is_of_targets = |line: &String| line.contains("_exporter_target");
    assert!(!heads(&exporter.get("/metrics").text()).iter().any(is_of_targets));
    for path in ["/", "/collector/pg_db", "/explain", "/stat", "/version"] {
        let [plain, named] = [path.to_owned(), format!("{path}?target=x")].map(|path| exporter.get(&path));
        assert_eq!((plain.status, named.status), (200, 200), "{path}");
        assert_eq!(
            plain.header("content-type"),
            named.header("content-type"),
            "{path}"
        );
        for text in [plain.text(), named.text()] {
            assert!(!text.contains("target="), "{path} leads nowhere else:\n{text}");
        }
    }
}

#[test]
fn the_only_target_of_a_file_has_the_page_of_a_server_alone() {
    let server = Cluster::start(newest_major());
    let exporter = alone(&server);
    let fleet = Fleet::start(&target("one", server.port(), ""));
    fleet.wait_for("/primary?target=one", 200);
    // Once before it counts: what is counted at the first page only is on both.
    let _ = exporter.scrape();
    fleet.page("one");
    for accept in ["text/plain", OPEN_METRICS] {
        let accept = [("Accept", accept)];
        let ask = |exporter: &Exporter, path: &str| heads(&exporter.request("GET", path, &accept).text());
        wait_until("the families are the same in the same order", SOON, || {
            let whole = ask(&exporter, "/metrics");
            let of_target = ask(&fleet.exporter, "/metrics?target=one");
            let of_process = ask(&fleet.exporter, "/metrics");
            // Those of the process are on its own page.
            let (shared, moved): (Vec<_>, Vec<_>) =
                whole.into_iter().partition(|head| of_target.contains(head));
            shared == of_target && moved.len() > 20 && moved.iter().all(|head| of_process.contains(head))
        });
    }
    let of_process: BTreeSet<String> = fleet.own_page().types.into_keys().collect();
    let mut pages = None;
    wait_until("the series are the same", SOON, || {
        let (mut whole, of_target) = (exporter.scrape(), fleet.page("one"));
        let is_here = |name: &String| of_target.types.contains_key(name);
        whole
            .samples
            .retain(|sample| is_here(&sample.name) || !of_process.contains(&sample.name));
        let is_same = series(&whole) == series(&of_target);
        pages = Some((whole, of_target));
        is_same
    });
    let settings = |page: &Page| -> BTreeMap<String, String> {
        let of_settings = page
            .samples
            .iter()
            .filter(|sample| sample.name.starts_with("pg_setting_"));
        of_settings
            .map(|sample| (sample.name.clone(), sample.value.to_string()))
            .collect()
    };
    let (whole, of_target) = pages.unwrap();
    assert_eq!(settings(&whole), settings(&of_target));
    assert!(settings(&whole).len() > 10);
}

#[test]
fn the_only_target_of_a_file_is_answered_for_as_a_server_alone() {
    let server = Cluster::start(newest_major());
    let exporter = alone(&server);
    let fleet = Fleet::start(&target("one", server.port(), ""));
    fleet.wait_for("/primary?target=one", 200);
    let all_agree = |what: &str| {
        for (path, _) in HEALTH_PATHS {
            for rule in ["", "lag=1GB", "lag=soon"] {
                let [alone, one] = [
                    exporter.get(&format!("{path}?{rule}")),
                    fleet.get(&format!("{path}?target=one&{rule}")),
                ];
                assert_eq!(said(&alone), said(&one), "{what}: {path}?{rule}");
            }
        }
    };
    all_agree("a primary");
    let collectors = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| line.starts_with("Collector: "));
        lines.map(str::to_owned).collect()
    };
    let _ = exporter.scrape();
    fleet.page("one");
    let explained = collectors(&exporter.get("/explain").text());
    assert!(explained.len() > 20, "{explained:?}");
    assert_eq!(explained, collectors(&fleet.get("/explain?target=one").text()));
    server.stop();
    exporter.wait_for_status("/up", 503, SOON);
    fleet.wait_for("/up?target=one", 503);
    wait_until("both say that the server is gone", SOON, || {
        let answers = [exporter.get("/up"), fleet.get("/up?target=one")];
        answers.iter().all(|answer| answer.text().trim() == "down")
    });
    all_agree("a server that is gone");
}
