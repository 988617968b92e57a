//! What is wrong with one target is that target's: the others answer, and are right.

use std::thread;
use std::time::{Duration, Instant};

use pg_exporter_lab::{FaultProxy, Layer, Mode, wait_until};

use crate::broken::{Broken, Way};
use crate::support::{Fleet, SOON, server, target};

const HEALTHY: [&str; 4] = ["well-1", "well-2", "well-3", "well-4"];

fn healthy() -> String {
    HEALTHY.map(|name| target(name, server().port(), "")).concat()
}

/// Each healthy target is up, by its health and by its page, again and again.
fn all_is_well(fleet: &Fleet, time: Duration) {
    let begin = Instant::now();
    while begin.elapsed() < time {
        for name in HEALTHY {
            assert_eq!(
                fleet.get(&format!("/primary?target={name}")).status,
                200,
                "{name}"
            );
            let page = fleet.page(name);
            assert_eq!(page.value("pg_up", &[]), Some(1.0), "{name}");
            assert!(
                page.value("pg_setting_max_connections", &[]).is_some(),
                "{name}: no gap"
            );
        }
        thread::sleep(Duration::from_millis(200));
    }
}

/// Targets whose servers are wrong in those ways, and what else is said of targets: somebody asks for all their pages all the time.
fn move_nobody_else(ways: &[Way], more: &str) -> Fleet {
    let broken: Vec<Broken> = ways.iter().copied().map(Broken::start).collect();
    let mut targets = healthy() + more;
    for (way, server) in ways.iter().zip(&broken) {
        let keys = format!(", connect_timeout: 1s{}", way.keys());
        targets += &target(&way.name(), server.port, &keys);
    }
    let fleet = Fleet::start(&targets);
    for name in HEALTHY {
        fleet.wait_for(&format!("/primary?target={name}"), 200);
    }
    let port = fleet.exporter.port();
    let others = more.split("{ name: ").skip(1);
    let others = others.map(|rest| rest.split(',').next().unwrap().to_owned());
    let names: Vec<String> = ways.iter().map(|way| way.name()).chain(others).collect();
    let scrapes: Vec<_> = names
        .iter()
        .map(|name| {
            let path = format!("/metrics?target={name}");
            thread::spawn(move || {
                let begin = Instant::now();
                while begin.elapsed() < Duration::from_secs(12) {
                    let headers = [("X-Prometheus-Scrape-Timeout-Seconds", "3")];
                    let answer = pg_exporter_lab::http::request(port, "GET", &path, &headers).unwrap();
                    assert!(
                        answer.status == 200 || answer.status == 503,
                        "{path} {}",
                        answer.status
                    );
                }
            })
        })
        .collect();
    all_is_well(&fleet, Duration::from_secs(10));
    scrapes.into_iter().for_each(|scrape| scrape.join().unwrap());
    for name in &names {
        assert_eq!(fleet.get(&format!("/up?target={name}")).status, 503, "{name}");
        assert_eq!(fleet.page(name).value("pg_up", &[]), Some(0.0), "{name}");
        let page = fleet.own_page();
        assert_eq!(
            page.value("pg_exporter_target_up", &[("target", name)]),
            Some(0.0),
            "{name}"
        );
    }
    for (way, server) in ways.iter().zip(&broken) {
        let steps = server.steps();
        assert!(server.connections() > 0, "{way:?} was tried");
        assert!(steps >= way.steps(), "{way:?} got no further than step {steps}");
    }
    assert_eq!(fleet.get("/liveness").status, 200);
    fleet
}

#[test]
fn targets_that_do_everything_wrong_move_nobody_else() {
    let more = "  - { name: refuses, host: 127.0.0.1, port: 1, dbname: x }\n  \
                - { name: nowhere, host: no-such-host.invalid, dbname: x }\n";
    move_nobody_else(&Way::ALL, more);
}

#[test]
fn targets_that_are_wrong_in_other_ways_move_nobody_else() {
    let fleet = move_nobody_else(&Way::OTHERS, "");
    let told = fleet.get("/?target=dearhash").text();
    assert!(told.contains("iteration count exceeds"), "{told}");
}

#[test]
fn one_that_sends_without_end_is_cut_off_and_left_alone() {
    let broken = Way::FLOODS.map(Broken::start);
    let names = Way::FLOODS.map(Way::name);
    let mut targets = healthy();
    for (name, server) in names.iter().zip(&broken) {
        targets += &target(name, server.port, ", connect_timeout: 1s");
    }
    let fleet = Fleet::start(&targets);
    let sent = || broken.iter().map(Broken::sent).sum::<u64>();
    for (name, server) in names.iter().zip(&broken) {
        wait_until(&format!("{name} is left alone"), SOON * 4, || {
            fleet.page(name);
            let before = server.sent();
            thread::sleep(Duration::from_secs(2));
            let page = fleet.get(&format!("/?target={name}")).text();
            before > 0
                && server.sent() == before
                && page.contains("the server sends without end, and is left alone")
        });
        assert_eq!(fleet.get(&format!("/up?target={name}")).status, 503, "{name}");
    }
    all_is_well(&fleet, Duration::from_secs(2));
    // They are tried again, for a moment each.
    let (before, cpu) = (sent(), fleet.exporter.cpu());
    thread::sleep(Duration::from_secs(10));
    eprintln!(
        "three servers that flood: {} MiB and {:?} of CPU in 10 s",
        (sent() - before) >> 20,
        fleet.exporter.cpu() - cpu
    );
}

#[test]
fn one_that_freezes_and_thaws_is_down_and_up_alone() {
    let proxy = FaultProxy::start(server().port());
    let fleet = Fleet::start(&(healthy() + &target("freezes", proxy.port(), ", connect_timeout: 1s")));
    fleet.wait_for("/primary?target=freezes", 200);
    fleet.page("freezes");
    proxy.mode(Mode::Hang);
    fleet.wait_for("/primary?target=freezes", 503);
    all_is_well(&fleet, Duration::from_secs(5));
    proxy.mode(Mode::Pass);
    fleet.wait_for("/primary?target=freezes", 200);
    wait_until("its page is whole again", SOON, || {
        fleet.page("freezes").value("pg_up", &[]) == Some(1.0)
    });
}

#[test]
fn a_slow_one_is_slow_alone() {
    let proxy = FaultProxy::start(server().port());
    proxy.latency(Duration::from_millis(150));
    let fleet = Fleet::start(&(healthy() + &target("slow", proxy.port(), "")));
    fleet.wait_for("/primary?target=slow", 200);
    all_is_well(&fleet, Duration::from_secs(3));
    assert_eq!(fleet.page("slow").value("pg_up", &[]), Some(1.0));
}

#[test]
fn no_target_takes_all_places() {
    let silent = Broken::start(Way::Silent);
    let fleet = Fleet::start(&(healthy() + &target("silent", silent.port, "")));
    for name in HEALTHY {
        fleet.wait_for(&format!("/primary?target={name}"), 200);
    }
    let port = fleet.exporter.port();
    let crowd: Vec<_> = (0..60)
        .map(|_| {
            thread::spawn(move || {
                pg_exporter_lab::http::request(port, "GET", "/metrics?target=silent", &[])
                    .unwrap()
                    .status
            })
        })
        .collect();
    thread::sleep(Duration::from_millis(300));
    all_is_well(&fleet, Duration::from_secs(1));
    let statuses: Vec<_> = crowd.into_iter().map(|one| one.join().unwrap()).collect();
    assert!(statuses.contains(&503) && statuses.contains(&200), "{statuses:?}");
}

#[test]
fn targets_that_are_frozen_do_not_take_all_places_together() {
    const FROZEN: usize = 18;
    let silent = Broken::start(Way::Silent);
    let names: Vec<String> = (0..FROZEN).map(|number| format!("frozen-{number}")).collect();
    let frozen: String = names.iter().map(|name| target(name, silent.port, "")).collect();
    let fleet = Fleet::start(&(healthy() + &frozen));
    for name in HEALTHY {
        fleet.wait_for(&format!("/primary?target={name}"), 200);
    }
    // As many at once as there are places for pages, or more.
    let port = fleet.exporter.port();
    let crowd: Vec<_> = (0..FROZEN * 16)
        .map(|number| {
            let path = format!("/metrics?target={}", names[number % FROZEN]);
            thread::spawn(move || pg_exporter_lab::http::request(port, "GET", &path, &[]).unwrap())
        })
        .collect();
    thread::sleep(Duration::from_millis(500));
    all_is_well(&fleet, Duration::from_secs(1));
    let answers: Vec<_> = crowd.into_iter().map(|one| one.join().unwrap()).collect();
    let are_told = |answer: &&pg_exporter_lab::http::Response| {
        answer.status == 503
            && answer
                .text()
                .starts_with("too many pages of targets that are not up")
    };
    assert!(answers.iter().any(|answer| are_told(&answer)));
    assert!(answers.iter().any(|answer| answer.status == 200));
}

#[test]
fn a_server_gets_few_connections_of_each_target() {
    let names: Vec<String> = (0..12).map(|number| format!("few-{number}")).collect();
    let targets: String = names
        .iter()
        .map(|name| {
            target(
                name,
                server().port(),
                &format!(", application_name: {name}, max_connections: 2"),
            )
        })
        .collect();
    let fleet = Fleet::start(&targets);
    for name in &names {
        fleet.wait_for(&format!("/primary?target={name}"), 200);
    }
    for _ in 0..5 {
        names.iter().for_each(|name| {
            fleet.page(name);
        });
        let most = server().psql(
            "select coalesce(max(n), 0) from (select count(*) n from pg_stat_activity where application_name like 'few-%' \
             group by application_name) x",
        );
        assert!(most.parse::<u32>().unwrap() <= 2, "{most}");
    }
}

#[test]
fn a_result_that_is_too_large_costs_its_target_alone() {
    server().create_database("fleet_large");
    let query = "SELECT n AS value, n::pg_catalog.text AS label FROM pg_catalog.generate_series(1, CASE \
                 pg_catalog.current_database() WHEN 'fleet_large' THEN 20000 ELSE 2 END) AS n";
    let layer = Layer::new(&format!(
        "sized: {{ query: {query:?}, tags: [cluster], timeout: 30, metrics: [ {{ value: {{ usage: GAUGE, description: Number. }} }}, \
         {{ label: {{ usage: LABEL, description: The same. }} }} ] }}\n"
    ));
    let large = target("large", server().port(), "").replace("dbname: postgres", "dbname: fleet_large");
    let fleet = Fleet::start_with(&(healthy() + &large), |builder| {
        builder.arg(layer.flag()).arg("--max-result-rows=10000")
    });
    fleet.wait_for("/primary?target=large", 200);
    let failures = |name: &str| {
        let wanted = [("query", "sized"), ("reason", "too_large")];
        fleet
            .page(name)
            .value("pg_exporter_query_failures_total", &wanted)
    };
    for _ in 0..3 {
        assert!(failures("large") >= Some(1.0));
        let page = fleet.page("large");
        assert!(page.all("sized_value").next().is_none());
        assert!(
            page.value("pg_setting_max_connections", &[]).is_some(),
            "the rest of it"
        );
        for name in HEALTHY {
            assert_eq!(fleet.page(name).all("sized_value").count(), 2, "{name}");
            assert_eq!(failures(name).unwrap_or_default(), 0.0, "{name}");
        }
    }
}
