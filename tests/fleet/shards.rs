//! Prometheus shares targets by itself: `hashmod` on the parameter that says which target is meant.

use std::collections::BTreeSet;
use std::process::Command;

use pg_exporter_lab::prometheus::Prometheus;
use pg_exporter_lab::{tool, wait_until};
use serde_json::Value;

use crate::support::{Fleet, Folder, SOON, server, target};

const TARGETS: usize = 8;

const SHARDS: usize = 2;

/// The job of a shard, by the hash of a label.
fn job(port: u16, label: &str, shard: usize) -> String {
    format!(
        "{{job_name: fleet, http_sd_configs: [{{url: 'http://127.0.0.1:{port}/sd', refresh_interval: 1s}}], relabel_configs: [\
         {{source_labels: [{label}], modulus: {SHARDS}, target_label: __tmp_hash, action: hashmod}}, \
         {{source_labels: [__tmp_hash], regex: '{shard}', action: keep}}]}}"
    )
}

fn promtool(arguments: &[&str]) -> String {
    let output = Command::new(tool("promtool")).args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}{errors}");
    said
}

/// The targets that Prometheus' own tool leaves in a shard, all others being dropped.
fn kept(port: u16, label: &str, shard: usize) -> BTreeSet<String> {
    let files = Folder::new();
    let config = files.write(
        "prometheus.yml",
        &format!("scrape_configs: [{}]\n", job(port, label, shard)),
    );
    promtool(&["check", "config", &config]);
    let mut found = Vec::<Value>::new();
    wait_until("all targets are found", SOON, || {
        // It looks for as long as that, whatever it has found.
        let said = promtool(&["check", "service-discovery", "--timeout=2s", &config, "fleet"]);
        found = serde_json::from_str(&said).unwrap_or_default();
        found.len() == TARGETS
    });
    found
        .iter()
        .filter_map(|one| Some(one["labels"]["instance"].as_str()?.to_owned()))
        .collect()
}

/// The targets that a Prometheus scrapes.
fn active(prometheus: &Prometheus) -> BTreeSet<String> {
    let answer: Value = serde_json::from_str(&prometheus.ask("/api/v1/targets?state=active")).unwrap();
    let targets = answer["data"]["activeTargets"].as_array().unwrap();
    let name = |target: &Value| target["labels"]["instance"].as_str().unwrap().to_owned();
    targets.iter().map(name).collect()
}

/// The targets that are up by a Prometheus.
fn up(prometheus: &Prometheus) -> BTreeSet<String> {
    let answer: Value = serde_json::from_str(&prometheus.query("pg_up == 1")).unwrap();
    let results = answer["data"]["result"].as_array().unwrap();
    let name = |result: &Value| result["metric"]["instance"].as_str().unwrap().to_owned();
    results.iter().map(name).collect()
}

#[test]
fn each_target_is_scraped_by_one_prometheus_of_two() {
    let names: BTreeSet<String> = (0..TARGETS).map(|number| format!("orders-{number}")).collect();
    let targets: String = names
        .iter()
        .map(|name| target(name, server().port(), ""))
        .collect();
    let fleet = Fleet::start(&targets);
    for name in &names {
        fleet.wait_for(&format!("/primary?target={name}"), 200);
    }
    let port = fleet.exporter.port();
    let shards = [0, 1].map(|shard| kept(port, "__param_target", shard));
    assert!(shards.iter().all(|shard| !shard.is_empty()), "{shards:?}");
    assert!(shards[0].is_disjoint(&shards[1]), "{shards:?}");
    assert_eq!(&shards[0] | &shards[1], names);
    // The address is that of the exporter, the same for all.
    let mut by_address = [0, 1].map(|shard| kept(port, "__address__", shard).len());
    by_address.sort_unstable();
    assert_eq!(by_address, [0, TARGETS]);
    let both = [0, 1].map(|shard| Prometheus::start_scraping(&job(port, "__param_target", shard)));
    for (prometheus, shard) in both.iter().zip(&shards) {
        wait_until("all of a shard are up", SOON, || up(prometheus) == *shard);
    }
    for (prometheus, shard) in both.iter().zip(shards) {
        assert_eq!(active(prometheus), shard, "and nobody else is scraped");
    }
}
