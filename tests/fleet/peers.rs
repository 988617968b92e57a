//! Prometheus over service discovery and with static parameters; HAProxy over three servers behind one exporter.

use std::process::Command;
use std::time::Duration;

use pg_exporter_lab::haproxy::Backend;
use pg_exporter_lab::prometheus::Prometheus;
use pg_exporter_lab::{Cluster, Haproxy, newest_major, tool, wait_until};
use serde_json::Value;

use crate::support::{Fleet, Folder, SOON, server, target};

fn value(prometheus: &Prometheus, expression: &str) -> Option<f64> {
    let answer: Value = serde_json::from_str(&prometheus.query(expression)).unwrap();
    assert_eq!(answer["status"], "success", "{answer}");
    answer["data"]["result"][0]["value"][1].as_str()?.parse().ok()
}

#[test]
fn prometheus_finds_targets_over_http() {
    let labels = ", labels: { env: prod }";
    let fleet = Fleet::start(
        &(target("one", server().port(), labels)
            + &target("two", server().port(), "")
            + &target("gone", 1, "")),
    );
    fleet.wait_for("/primary?target=one", 200);
    let port = fleet.exporter.port();
    let config =
        format!("http_sd_configs:\n      - url: http://127.0.0.1:{port}/sd\n        refresh_interval: 1s");
    let files = Folder::new();
    let whole = files.write(
        "prometheus.yml",
        &format!("scrape_configs:\n  - job_name: fleet\n    {config}\n"),
    );
    let checked = Command::new(tool("promtool"))
        .args(["check", "service-discovery", "--timeout=20s"])
        .arg(&whole)
        .arg("fleet")
        .output()
        .unwrap();
    let said =
        String::from_utf8_lossy(&checked.stdout).into_owned() + &String::from_utf8_lossy(&checked.stderr);
    assert!(
        checked.status.success() && said.contains("__param_target"),
        "{said}"
    );
    let scrape = format!(
        "{{job_name: fleet, honor_labels: true, http_sd_configs: [{{url: 'http://127.0.0.1:{port}/sd', refresh_interval: 1s}}]}}"
    );
    let prometheus = Prometheus::start_scraping(&scrape);
    wait_until("both are scraped", SOON, || {
        value(&prometheus, "pg_up{instance='one', env='prod'}") == Some(1.0)
            && value(&prometheus, "pg_up{instance='two'}") == Some(1.0)
            && value(&prometheus, "pg_up{instance='gone'}") == Some(0.0)
    });
    // What both service discovery and the page say is stored once.
    let names: Value = serde_json::from_str(&prometheus.ask("/api/v1/labels")).unwrap();
    let names: Vec<&str> = names["data"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    assert!(names.contains(&"env"), "{names:?}");
    assert!(
        !names.iter().any(|name| name.starts_with("exported_")),
        "{names:?}"
    );
    assert_eq!(value(&prometheus, "up{instance='one', env='prod'}"), Some(1.0));
    fleet.rewrite(&target("three", server().port(), ""));
    wait_until("it follows", SOON, || {
        value(&prometheus, "pg_up{instance='three'}") == Some(1.0)
    });
}

#[test]
fn prometheus_asks_for_a_target_by_a_parameter() {
    let fleet = Fleet::start(&target("one", server().port(), ""));
    fleet.wait_for("/primary?target=one", 200);
    let scrape = format!(
        "{{job_name: one, params: {{target: [one]}}, static_configs: [{{targets: ['127.0.0.1:{}']}}]}}",
        fleet.exporter.port()
    );
    let prometheus = Prometheus::start_scraping(&scrape);
    wait_until("it is scraped", SOON, || {
        value(&prometheus, "pg_up{job='one'}") == Some(1.0)
    });
}

/// Three servers, one exporter: HAProxy asks for each by its own name of it.
#[test]
fn haproxy_fails_over_by_one_exporter() {
    let primary = Cluster::start(newest_major());
    let clusters = [primary.standby(), primary.standby()];
    let [first, second] = clusters;
    let clusters = [primary, first, second];
    let targets: String = (0..3)
        .map(|number| target(&format!("s{number}"), clusters[number].port(), ""))
        .collect();
    let fleet = Fleet::start(&targets);
    fleet.wait_for("/primary?target=s0", 200);
    fleet.wait_for("/replica?target=s1", 200);
    fleet.wait_for("/replica?target=s2", 200);
    let backends = [0, 1, 2].map(|number| Backend {
        port: clusters[number].port(),
        check_port: fleet.exporter.port(),
    });
    let check = "\n    http-check send meth GET uri-lf /primary?target=%[srv_name]";
    let haproxy = Haproxy::start(check, &backends);
    haproxy.wait_for_state(0, "UP", SOON);
    haproxy.wait_for_state(1, "DOWN", SOON);
    haproxy.wait_for_state(2, "DOWN", SOON);
    assert_eq!(haproxy.reached(), Some(clusters[0].port().to_string()));
    let [primary, first, _second] = clusters;
    drop(primary);
    first.psql("select pg_promote()");
    haproxy.wait_for_state(0, "DOWN", SOON);
    haproxy.wait_for_state(1, "UP", SOON);
    wait_until("it leads to the new primary", Duration::from_secs(30), || {
        haproxy.reached() == Some(first.port().to_string())
    });
}
