//! Very many targets in one process: a short form here, the long one by `make fleet`, which prints figures.
//!
//! `PG_EXPORTER_FLEET` is the number of targets, 30 where it is not set; `PG_EXPORTER_FLEET_SERVERS` on how many real servers they
//! are; `PG_EXPORTER_FLEET_PROCESSES` how many processes of one target each they are compared with; `PG_EXPORTER_FLEET_SECONDS`
//! for how long all are scraped.

use std::thread;
use std::time::{Duration, Instant};

use pg_exporter_lab::load::Times;
use pg_exporter_lab::prometheus::Prometheus;
use pg_exporter_lab::{Cluster, Exporter, free_port, majors, process, wait_until};
use serde_json::Value;

use crate::broken::{Broken, Way};
use crate::latency::{Freeze, health};
use crate::support::{Fleet, PROGRAM, SOON, target};

/// Databases of each server.
const DATABASES: usize = 3;

/// Private memory of a small target in MiB, at most.
const MEMORY: f64 = 0.9;

fn number(name: &str, default: usize) -> usize {
    std::env::var(name)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(default)
}

/// Private memory in MiB.
fn private(pid: u32) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap();
    let of = |name: &str| -> f64 {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_ascii_whitespace().nth(1).unwrap().parse().unwrap()
    };
    (of("Private_Clean:") + of("Private_Dirty:")) / 1024.0
}

/// Milliseconds of CPU a second that each of these takes.
fn cpu(exporters: &[&Exporter], time: Duration) -> Vec<f64> {
    let cpu = || exporters.iter().map(|one| one.cpu()).collect::<Vec<_>>();
    let (before, begin) = (cpu(), Instant::now());
    thread::sleep(time);
    let (after, time) = (cpu(), begin.elapsed().as_secs_f64());
    let used = after.into_iter().zip(before);
    used.map(|(after, before)| (after - before).as_secs_f64() * 1e3 / time)
        .collect()
}

fn value(prometheus: &Prometheus, expression: &str) -> Option<f64> {
    let answer: Value = serde_json::from_str(&prometheus.query(expression)).unwrap();
    answer["data"]["result"][0]["value"][1].as_str()?.parse().ok()
}

/// Real servers of all majors in turn, the newest first.
fn servers(count: usize) -> Vec<Cluster> {
    let start = |major: &u32| {
        let server = Cluster::builder(*major)
            .set("max_connections", "300")
            .set("shared_buffers", "16MB")
            .start();
        (0..DATABASES).for_each(|database| server.create_database(&format!("small_{database}")));
        server
    };
    majors().iter().rev().cycle().take(count).map(start).collect()
}

/// Where the target of that number is.
fn place(servers: &[Cluster], number: usize) -> (&Cluster, String) {
    let database = number / servers.len() % DATABASES;
    (&servers[number % servers.len()], format!("small_{database}"))
}

/// Targets that are wrong in ten ways, and what keeps them so.
fn wrong(server: &Cluster, nobodys: u16) -> (String, Vec<Broken>) {
    let broken: Vec<Broken> = Way::ALL.map(Broken::start).into();
    let ways = Way::ALL.iter().zip(&broken);
    let mut targets: String = ways
        .map(|(way, wrong)| target(&way.name(), wrong.port, way.keys()))
        .collect();
    targets += &target("refuses", nobodys, "");
    targets += "  - { name: nowhere, host: no-such-host.invalid, dbname: x }\n";
    targets += &target("no-role", server.port(), ", user: no_such_role");
    targets +=
        &target("no-database", server.port(), "").replace("dbname: postgres", "dbname: no_such_database");
    (targets, broken)
}

#[test]
fn many_targets_some_of_them_broken() {
    let (count, seconds) = (
        number("PG_EXPORTER_FLEET", 30),
        number("PG_EXPORTER_FLEET_SECONDS", 12),
    );
    let servers = servers(number("PG_EXPORTER_FLEET_SERVERS", 2));
    let healthy: String = (0..count)
        .map(|number| {
            let (server, database) = place(&servers, number);
            target(&format!("t-{number}"), server.port(), "")
                .replace("dbname: postgres", &format!("dbname: {database}"))
        })
        .collect();
    let nobodys = free_port();
    let (wrong, broken) = wrong(&servers[0], nobodys.number);
    let fleet = Fleet::start(&(healthy.clone() + &wrong));
    let up = || {
        let page = fleet.own_page();
        page.all("pg_exporter_target_up")
            .filter(|sample| sample.value == 1.0)
            .count()
    };
    wait_until(
        "all that are well are up",
        SOON.max(Duration::from_millis(200 * count as u64)),
        || up() == count,
    );
    let processes: Vec<Exporter> = (0..number("PG_EXPORTER_FLEET_PROCESSES", 3))
        .map(|number| {
            let (server, database) = place(&servers, number);
            let url = server.url(&database);
            let exporter = Exporter::builder(PROGRAM)
                .url(&url)
                .arg("--auto-discovery=false")
                .start();
            exporter.wait_for_status("/primary", 200, SOON);
            exporter
        })
        .collect();
    let exporters: Vec<&Exporter> = [&fleet.exporter].into_iter().chain(&processes).collect();
    let pid = fleet.exporter.pid();
    let before = private(pid);
    let ports: Vec<String> = processes
        .iter()
        .map(|one| format!("'127.0.0.1:{}'", one.port()))
        .collect();
    let interval = format!(
        "scrape_interval: {}s, scrape_timeout: 5s",
        if seconds > 60 { 15 } else { 5 }
    );
    let prometheus = Prometheus::start_scraping(&format!(
        "{{job_name: fleet, {interval}, http_sd_configs: [{{url: 'http://127.0.0.1:{}/sd'}}]}}, \
         {{job_name: processes, {interval}, static_configs: [{{targets: [{}]}}]}}",
        fleet.exporter.port(),
        ports.join(", ")
    ));
    let all = count as f64;
    wait_until(
        "all are scraped",
        SOON + Duration::from_secs(30 + count as u64),
        || value(&prometheus, "count(pg_up{job=\"fleet\"} == 1)") == Some(all),
    );
    let busy = cpu(&exporters, Duration::from_secs(seconds as u64));
    let window = format!("{{job=\"fleet\"}}[{seconds}s]");
    assert_eq!(
        value(&prometheus, &format!("count(min_over_time(pg_up{window}) == 1)")),
        Some(all),
        "no gap"
    );
    assert_eq!(
        value(&prometheus, "count(pg_up{job=\"fleet\"} == 0)"),
        Some(Way::ALL.len() as f64 + 4.0),
        "who is broken is down"
    );
    let memory: Vec<f64> = exporters.iter().map(|one| private(one.pid())).collect();
    let rounds = if count >= 100 { 4 } else { 1 };
    let (health, least) = health(fleet.exporter.port(), rounds * 5);
    let freeze = Freeze::measure(&fleet, &servers[0], rounds);
    drop(prometheus);
    // What nobody scrapes; those that are broken are no part of that.
    fleet.rewrite(&healthy);
    wait_until("the broken ones are gone", SOON, || {
        fleet.own_page().value("pg_exporter_targets", &[]) == Some(all)
    });
    drop(broken);
    thread::sleep(Duration::from_secs(5));
    let idle = cpu(&exporters, Duration::from_secs(10));
    let connections: Vec<usize> = servers
        .iter()
        .map(|server| {
            let sql = "select count(*) from pg_stat_activity where application_name = 'pg_exporter'";
            server.psql(sql).parse().unwrap()
        })
        .collect();
    let p99 = |times: &Times| times.quantile(0.99);
    let each = |of: &[f64]| of.iter().skip(1).sum::<f64>() / processes.len() as f64;
    let per_target = memory[0] / all;
    eprintln!(
        "{count} targets on {} servers, 10 broken ones, scraped for {seconds} s, {interval}\n\
         one process: private memory {before:.1} MiB before scrapes, {:.1} MiB after: {per_target:.2} MiB a target\n\
         one process: CPU {:.0} ms/s while scraped, {:.1} ms/s when idle: {:.3} ms/s a target\n\
         {} processes: private memory {:.1} MiB each, CPU {:.2} ms/s each while scraped, {:.2} ms/s each when idle\n\
         as many processes: {:.0} MiB, {:.0} ms/s while scraped, {:.0} ms/s when idle\n\
         descriptors {}; connections at most {:?} a server\n\
         health: {:.0} answers a second, p50 {:?}, p99 {:?}; of a server that does nothing, in turns with it: p50 {:?}, p99 {:?}\n\
         {freeze}",
        servers.len(),
        memory[0],
        busy[0],
        idle[0],
        idle[0] / all,
        processes.len(),
        each(&memory),
        each(&busy),
        each(&idle),
        each(&memory) * all,
        each(&busy) * all,
        each(&idle) * all,
        std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count(),
        connections.iter().max(),
        health.count() as f64 / (rounds * 5) as f64,
        health.quantile(0.5),
        p99(&health),
        least.quantile(0.5),
        p99(&least),
    );
    let is_whole = count >= 100 && !cfg!(debug_assertions);
    freeze.assert_alone(is_whole);
    if is_whole {
        assert!(per_target <= MEMORY, "{per_target:.2} MiB a target");
    }
    assert!(process::rss(pid).unwrap() > 0);
}
