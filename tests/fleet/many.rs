//! Very many targets in one process: a short form here, the long one by `make fleet`, which prints figures.
//!
//! `PG_EXPORTER_FLEET` is the number of targets, 30 where it is not set; `PG_EXPORTER_FLEET_SECONDS` for how long they are scraped.

use std::thread;
use std::time::{Duration, Instant};

use pg_exporter_lab::load::{Clients, run};
use pg_exporter_lab::prometheus::Prometheus;
use pg_exporter_lab::{Cluster, Exporter, newest_major, process, wait_until};
use serde_json::Value;

use crate::broken::{Broken, Way};
use crate::support::{Fleet, PROGRAM, SOON, target};

fn number(name: &str, default: usize) -> usize {
    std::env::var(name)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(default)
}

/// Private memory in bytes.
fn private(pid: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap();
    let of = |name: &str| -> u64 {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_ascii_whitespace().nth(1).unwrap().parse().unwrap()
    };
    (of("Private_Clean:") + of("Private_Dirty:")) * 1024
}

fn value(prometheus: &Prometheus, expression: &str) -> Option<f64> {
    let answer: Value = serde_json::from_str(&prometheus.query(expression)).unwrap();
    answer["data"]["result"][0]["value"][1].as_str()?.parse().ok()
}

#[test]
fn many_targets_some_of_them_broken() {
    let (count, seconds) = (
        number("PG_EXPORTER_FLEET", 30),
        number("PG_EXPORTER_FLEET_SECONDS", 12),
    );
    let broken = Way::ALL.map(Broken::start);
    let databases: Vec<String> = (0..10).map(|number| format!("small_{number}")).collect();
    let server = Cluster::builder(newest_major())
        .set("max_connections", "1200")
        .start();
    databases.iter().for_each(|name| server.create_database(name));
    let mut targets = String::new();
    for number in 0..count {
        let database = &databases[number % databases.len()];
        targets += &target(&format!("t-{number}"), server.port(), "")
            .replace("dbname: postgres", &format!("dbname: {database}"));
    }
    for (way, wrong) in Way::ALL.iter().zip(&broken) {
        targets += &target(&format!("{way:?}").to_lowercase(), wrong.port, "");
    }
    let fleet = Fleet::start(&targets);
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
    let pid = fleet.exporter.pid();
    let before = private(pid);
    let scrape = format!(
        "{{job_name: fleet, scrape_interval: {}s, scrape_timeout: 5s, http_sd_configs: [{{url: 'http://127.0.0.1:{}/sd'}}]}}",
        if seconds > 60 { 15 } else { 5 },
        fleet.exporter.port()
    );
    let prometheus = Prometheus::start_scraping(&scrape);
    let all = count as f64;
    wait_until(
        "all are scraped",
        SOON + Duration::from_secs(30 + count as u64),
        || value(&prometheus, "count(pg_up == 1)") == Some(all),
    );
    let (cpu, begin) = (fleet.exporter.cpu(), Instant::now());
    thread::sleep(Duration::from_secs(seconds as u64));
    let busy = (fleet.exporter.cpu() - cpu).as_secs_f64() / begin.elapsed().as_secs_f64();
    let window = format!("[{seconds}s]");
    assert_eq!(
        value(&prometheus, &format!("count(min_over_time(pg_up{window}) == 1)")),
        Some(all),
        "no gap"
    );
    assert_eq!(
        value(&prometheus, "count(pg_up == 0)"),
        Some(Way::ALL.len() as f64)
    );
    let scraped = private(pid);
    let times = run(
        fleet.exporter.port(),
        &[Clients {
            count: 4,
            path: "/primary?target=t-7",
            pause: Duration::from_millis(4),
        }],
        Duration::from_secs(3),
    );
    drop(prometheus);
    thread::sleep(Duration::from_secs(2));
    let (cpu, begin) = (fleet.exporter.cpu(), Instant::now());
    thread::sleep(Duration::from_secs(10));
    let idle = (fleet.exporter.cpu() - cpu).as_secs_f64() / begin.elapsed().as_secs_f64();
    let alone = Exporter::builder(PROGRAM).url(&server.url("small_0")).start();
    alone.wait_for_status("/primary", 200, SOON);
    let _ = alone.scrape();
    eprintln!(
        "{count} targets: private {:.1} MiB before scrapes, {:.1} MiB after ({:.2} MiB a target; alone {:.1} MiB), \
         CPU {:.1} ms/s while scraped, {:.2} ms/s idle ({:.3} a target); descriptors {}; health p50 {:?} p99 {:?}",
        before as f64 / 1048576.0,
        scraped as f64 / 1048576.0,
        scraped as f64 / 1048576.0 / all,
        private(alone.pid()) as f64 / 1048576.0,
        busy * 1e3,
        idle * 1e3,
        idle * 1e3 / all,
        std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count(),
        times.as_ref().unwrap()[0].quantile(0.5),
        times.as_ref().unwrap()[0].quantile(0.99),
    );
    assert!(process::rss(pid).unwrap() > 0);
}
