//! A healthy server under load fires nothing, with the rules as shipped but impatient: what would be pending
//! fires.

use std::process::Command;
use std::time::Duration;

use pg_exporter_lab::{Cluster, Pgbouncer, newest_major, tool, turn};

use super::shortened::impatient;
use super::stage::{Stage, Target, exporter, ready, server};

/// Seconds of load: `PG_EXPORTER_QUIET`, else a short form.
fn seconds() -> u64 {
    let asked = std::env::var("PG_EXPORTER_QUIET").ok();
    asked.map_or(20, |asked| asked.parse().unwrap())
}

#[test]
fn a_healthy_server_under_load_fires_nothing() {
    let _turn = turn();
    let primary = server(&[("shared_buffers", "64MB")]);
    let standby = Cluster::builder(newest_major())
        .set("fsync", "on")
        .start_standby_of(&primary);
    let pgbouncer = Pgbouncer::start(&primary);
    let bench = |port: u16, arguments: &[&str]| {
        let mut command = Command::new(tool("pgbench"));
        command
            .args(["-h", "127.0.0.1", "-U", "postgres", "-p", &port.to_string()])
            .args(arguments)
            .arg("app");
        command
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap()
    };
    assert!(
        bench(primary.port(), &["-i", "-q", "-s", "2"])
            .wait()
            .unwrap()
            .success()
    );
    let exporters = [
        primary.url("postgres"),
        standby.url("postgres"),
        pgbouncer.stats_url(),
    ];
    let exporters = exporters.map(|url| ready(&exporter(&url)));
    let targets: Vec<Target<'_>> = ["primary", "standby", "pool"]
        .into_iter()
        .zip(&exporters)
        .map(|(instance, exporter)| Target {
            instance,
            cls: "healthy",
            exporter,
        })
        .collect();
    let stage = Stage::start(&targets, &impatient());
    let time = seconds().to_string();
    let load = [
        // Not as fast as the machine can: as a server that has room left.
        bench(primary.port(), &["-c", "4", "-R", "100", "-T", &time]),
        bench(
            pgbouncer.port(),
            &["-n", "-c", "8", "-R", "50", "-S", "-T", &time],
        ),
        bench(standby.port(), &["-n", "-c", "2", "-R", "50", "-S", "-T", &time]),
    ];
    for mut load in load {
        assert!(load.wait().unwrap().success(), "pgbench failed");
    }
    // It was awake: the recorded rates are there, and Prometheus evaluated every rule without an error.
    std::thread::sleep(Duration::from_secs(3));
    let busy = "sum(increase(pg_db_xact_total{instance=\"primary\"}[5m])) > 500";
    let rate = stage.prometheus().query(busy);
    assert!(rate.contains("\"value\""), "no load: {rate}");
    let rules = stage.prometheus().ask("/api/v1/rules");
    assert!(
        rules.contains("\"health\":\"ok\"") && !rules.contains("\"health\":\"err\""),
        "{rules}"
    );
    stage.end();
    let fired = stage.fired();
    assert!(fired.is_empty(), "a healthy server fires {fired:#?}");
}
