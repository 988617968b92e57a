//! The programs that the exporter lives with: HAProxy and Prometheus.

use std::process::Command;
use std::time::Duration;

use pg_exporter_lab::haproxy::Backend;
use pg_exporter_lab::prometheus::Prometheus;
use pg_exporter_lab::{Cluster, Exporter, Haproxy, newest_major, tool, wait_until};
use serde_json::Value;

use crate::support::{SOON, on_server, program};

/// The port of the server that one gets to through the load balancer.
fn reached(haproxy: &Haproxy) -> Option<String> {
    let url = format!(
        "postgresql://postgres@127.0.0.1:{}/postgres?connect_timeout=3",
        haproxy.port()
    );
    let answer = Command::new(tool("psql"))
        .args([&url, "-XAtwc", "show port"])
        .output()
        .unwrap();
    answer
        .status
        .success()
        .then(|| String::from_utf8(answer.stdout).unwrap().trim().to_owned())
}

#[test]
fn haproxy_routes_by_role_and_follows_a_failover() {
    let primary = Cluster::start(newest_major());
    let standby = primary.standby();
    let exporters: Vec<Exporter> = [&primary, &standby]
        .iter()
        .map(|cluster| program().url(&cluster.url("postgres")).start())
        .collect();
    exporters[0].wait_for_status("/primary", 200, SOON);
    exporters[1].wait_for_status("/replica", 200, SOON);
    let backends = [
        Backend {
            port: primary.port(),
            check_port: exporters[0].port(),
        },
        Backend {
            port: standby.port(),
            check_port: exporters[1].port(),
        },
    ];
    let writes = Haproxy::start("GET /primary", &backends);
    let reads = Haproxy::start("GET /replica", &backends);
    for (haproxy, up, down) in [(&writes, 0, 1), (&reads, 1, 0)] {
        haproxy.wait_for_state(up, "UP", SOON);
        haproxy.wait_for_state(down, "DOWN", SOON);
        assert_eq!(haproxy.state(down).check_code, "404");
    }
    assert_eq!(reached(&writes), Some(primary.port().to_string()));
    assert_eq!(reached(&reads), Some(standby.port().to_string()));

    primary.kill9();
    writes.wait_for_state(0, "DOWN", SOON);
    assert_eq!(writes.state(0).check_code, "503");
    standby.promote();
    writes.wait_for_state(1, "UP", SOON);
    reads.wait_for_state(1, "DOWN", SOON);
    wait_until("writes reach the new primary", SOON, || {
        reached(&writes) == Some(standby.port().to_string())
    });
}

/// The one value of an instant query.
fn value(prometheus: &Prometheus, expression: &str) -> Option<f64> {
    let answer: Value = serde_json::from_str(&prometheus.query(expression)).unwrap();
    assert_eq!(answer["status"], "success", "{answer}");
    answer["data"]["result"][0]["value"][1].as_str()?.parse().ok()
}

#[test]
fn prometheus_scrapes_every_second_without_a_gap() {
    let exporter = on_server().start();
    exporter.wait_for_status("/primary", 200, SOON);
    let prometheus = Prometheus::start(&[exporter.port()]);
    wait_until("15 scrapes are there", Duration::from_secs(60), || {
        value(&prometheus, "count_over_time(up[60s])").is_some_and(|count| count >= 15.0)
    });
    assert_eq!(
        value(&prometheus, "min_over_time(up[60s])"),
        Some(1.0),
        "a scrape failed"
    );
    assert_eq!(value(&prometheus, "min_over_time(pg_up[60s])"), Some(1.0));
    let scrapes = value(&prometheus, "count_over_time(up[60s])");
    for series in [
        "pg_up",
        "pg_uptime",
        "pg_exporter_up",
        "pg_setting_max_connections",
    ] {
        let found = value(&prometheus, &format!("count_over_time({series}[60s])"));
        let near = found
            .zip(scrapes)
            .is_some_and(|(found, scrapes)| (found - scrapes).abs() <= 2.0);
        assert!(near, "{series}: {found:?} samples of {scrapes:?} scrapes");
    }
    assert!(value(&prometheus, "max_over_time(scrape_duration_seconds[60s])").is_some_and(|took| took < 1.0));
    assert!(value(&prometheus, "scrape_samples_scraped").is_some_and(|samples| samples > 300.0));
    let gap = value(&prometheus, "max_over_time((time() - timestamp(up))[15s:1s])");
    assert!(gap.is_some_and(|gap| gap < 3.0), "{gap:?} s between two scrapes");
}
