//! Which of several servers is taken, on real ones, and against psql.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::process::Command;
use std::time::{Duration, Instant};

use pg_exporter_lab::{Cluster, newest_major, tool};
use tokio_postgres::SimpleQueryMessage;

use super::Endpoint;
use crate::postgres::conninfo::{ConnInfo, ProcessEnvironment};
use crate::postgres::failure::Failure;

/// A busy machine is no failure.
const PATIENCE: Duration = Duration::from_secs(10);

fn url(servers: &[&Cluster], parameters: &str) -> String {
    let hosts = servers
        .iter()
        .map(|server| format!("127.0.0.1:{}", server.port()));
    let hosts = hosts.collect::<Vec<_>>().join(",");
    format!("postgresql://postgres@{hosts}/postgres?{parameters}")
}

fn endpoint(url: &str) -> Endpoint {
    Endpoint::new(
        ConnInfo::parse(url, &ProcessEnvironment::default()).unwrap(),
        PATIENCE,
    )
}

/// The port of the server that a connection leads to.
async fn port(endpoint: &Endpoint) -> Result<String, Failure> {
    let session = endpoint.connect(Instant::now() + 4 * PATIENCE).await?;
    let answer = session.client.simple_query("show port").await?;
    let port = answer.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    });
    session.close().await;
    Ok(port.unwrap())
}

/// The same by psql; `None` where it finds no server.
fn port_by_psql(url: &str) -> Option<String> {
    let mut command = Command::new(tool("psql"));
    command.env_remove("PGTARGETSESSIONATTRS");
    let output = command
        .args(["-X", "-w", "-Atc", "show port", "-d", url])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    output.status.success().then(|| text.trim().to_owned())
}

#[tokio::test]
async fn the_wanted_kind_is_found_where_psql_finds_it() {
    let (primary, read_only) = (Cluster::start(newest_major()), Cluster::start(newest_major()));
    let standby = primary.standby();
    read_only.set("default_transaction_read_only", "on");
    read_only.restart();
    let servers = [&primary, &read_only, &standby];
    let mut lists: Vec<Vec<&Cluster>> = servers.iter().map(|server| vec![*server]).collect();
    for (at, first) in servers.iter().enumerate() {
        let others = servers.iter().enumerate().filter(|(other, _)| *other != at);
        lists.extend(others.map(|(_, second)| vec![*first, *second]));
    }
    lists.push(servers.to_vec());
    let (mut found, mut refused) = (0, 0);
    for wanted in [
        "any",
        "read-write",
        "read-only",
        "primary",
        "standby",
        "prefer-standby",
    ] {
        for list in &lists {
            let url = url(list, &format!("target_session_attrs={wanted}"));
            let ours = port(&endpoint(&url)).await;
            assert_eq!(ours.as_ref().ok(), port_by_psql(&url).as_ref(), "{url}: {ours:?}");
            found += u32::from(ours.is_ok());
            refused += u32::from(ours.is_err());
        }
    }
    assert!(found > 40 && refused >= 7, "{found} found, {refused} refused");
}

#[tokio::test]
async fn hosts_are_shuffled_where_that_is_asked_for() {
    let servers = [(); 3].map(|()| Cluster::start(newest_major()));
    let all: Vec<&Cluster> = servers.iter().collect();
    for (parameters, different) in [
        ("load_balance_hosts=random", 3),
        ("load_balance_hosts=disable", 1),
        ("", 1),
    ] {
        let endpoint = endpoint(&url(&all, parameters));
        let mut taken: BTreeMap<String, u32> = BTreeMap::new();
        // That one of three is never taken in 30 times is as likely as 1 : 60,000.
        for _ in 0..30 {
            *taken.entry(port(&endpoint).await.unwrap()).or_default() += 1;
        }
        assert_eq!(taken.len(), different, "{parameters:?}: {taken:?}");
        let first = servers.first().map(|server| server.port().to_string());
        assert!(
            different > 1 || taken.into_keys().next() == first,
            "the first of them"
        );
    }
}
