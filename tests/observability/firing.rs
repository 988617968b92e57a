//! Every alert on real servers: the cause is made, it fires; the cause goes, it resolves. Times and some thresholds are
//! shorter than shipped (`shortened`); all scenarios run at the same time, in one Prometheus.

mod availability;
mod exporters;
mod pools;
mod quiet;
mod replication;
mod sessions;
mod shortened;
pub(crate) mod stage;
mod storage;
mod wal;

use std::collections::BTreeSet;
use std::thread;

use pg_exporter_lab::turn;

use self::shortened::shortened;
use self::stage::Stage;
use crate::files::{alerts, measured};

#[test]
fn every_alert_fires_and_resolves() {
    let _turn = turn();
    let (sessions, replication, wal, availability, storage, plain) = thread::scope(|scope| {
        let sessions = scope.spawn(sessions::Scene::start);
        let replication = scope.spawn(replication::Scene::start);
        let wal = scope.spawn(wal::Scene::start);
        let availability = scope.spawn(availability::Scene::start);
        let storage = scope.spawn(storage::Scene::start);
        let plain = scope.spawn(exporters::Scene::start);
        (
            sessions.join().unwrap(),
            replication.join().unwrap(),
            wal.join().unwrap(),
            availability.join().unwrap(),
            storage.join().unwrap(),
            plain.join().unwrap(),
        )
    });
    let pool = pools::Scene::start(&plain);
    let targets = [
        sessions.targets(),
        replication.targets(),
        wal.targets(),
        availability.targets(),
        storage.targets(),
        plain.targets(),
        pool.targets(),
    ]
    .concat();
    let stage = Stage::start(&targets, &shortened());
    thread::scope(|scope| {
        let stage = &*stage;
        scope.spawn(|| sessions.run(stage));
        scope.spawn(|| replication.run(stage));
        scope.spawn(|| wal.run(stage));
        scope.spawn(|| availability.run(stage));
        scope.spawn(|| storage.run(stage));
        scope.spawn(|| plain.run(stage));
        scope.spawn(|| pool.run(stage));
    });
    let rows = stage.end();
    let mut table =
        String::from("| alert | test | fired after, s | resolved after, s |\n|---|---|---|---|\n");
    for (called, fired, resolved) in &rows {
        let alert = called.split('@').next().unwrap_or_default();
        table +=
            &format!("| {alert} | `firing::every_alert_fires_and_resolves` | {fired:.1} | {resolved:.1} |\n");
    }
    measured("alerts", &table);
    for (called, texts) in stage.fired() {
        eprintln!("{called}: {texts}");
        for wrong in ["<error", "<no value>", "NaN", "%!"] {
            assert!(!texts.contains(wrong), "{called}: {texts}");
        }
    }
    let seen: BTreeSet<&str> = rows.iter().filter_map(|row| row.0.split('@').next()).collect();
    let all = alerts();
    let missing: Vec<&String> = all
        .iter()
        .map(|(name, _)| name)
        .filter(|name| !seen.contains(name.as_str()))
        .collect();
    assert!(
        missing.is_empty(),
        "alerts that no scenario made fire: {missing:?}"
    );
}
