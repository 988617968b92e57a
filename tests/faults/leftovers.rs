//! Nothing of the exporter's stays behind in the server.

use std::io::Write;
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use pg_exporter_lab::process::Signal;
use pg_exporter_lab::proxy::Mode;
use pg_exporter_lab::{Cluster, Exporter, FaultProxy, Page, majors, newest_major, wait_until};

use crate::support::{
    Layer, SLEEPING, SOON, State, answer, backends, builder, cluster, count, exporter_of, page_within,
    wait_for_page, wait_for_state,
};

fn slow_exporter(cluster: &Cluster, layer: &Layer) -> Exporter {
    let exporter = builder(&cluster.url("postgres"))
        .args([layer.flag(), "--no-builtin".into()])
        .start();
    wait_for_state(&exporter, State::Primary, SOON);
    exporter
}

/// Asks for a page and does not wait for it.
fn give_up(exporter: &Exporter, seconds: f64) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", exporter.port())).unwrap();
    let request =
        format!("GET /metrics HTTP/1.1\r\nHost: x\r\nX-Prometheus-Scrape-Timeout-Seconds: {seconds}\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    stream
}

#[track_caller]
fn assert_nothing_runs_after(cluster: &Cluster, moment: Instant) {
    let limit = moment.saturating_duration_since(Instant::now());
    wait_until("no statement of ours runs any more", limit, || {
        cluster.psql(SLEEPING) == "0"
    });
}

#[test]
fn no_statement_outlives_the_deadline() {
    let cluster = cluster();
    // No limit of its own: the scrape's is the only one.
    let layer = Layer::slow(60.0, -1.0);
    let exporter = slow_exporter(&cluster, &layer);
    let begun = Instant::now();
    let (page, took) = page_within(&exporter, 1.5);
    eprintln!("a hanging collector: a client of 1.5 s has its page after {took:.2?}");
    assert_eq!(page.value("slow_value", &[]), None);
    assert_nothing_runs_after(&cluster, begun + Duration::from_millis(3500));
    assert_eq!(answer(&exporter, "/primary"), (200, "primary".into()));
}

/// By TLS, whoever speaks first, and by an abstract socket.
#[test]
fn a_request_to_cancel_goes_the_way_of_the_connection() {
    let name = format!("@pgx_faults_{}", std::process::id());
    let cluster = Cluster::builder(newest_major())
        .set("unix_socket_directories", &name)
        .start();
    let pair = rcgen::generate_simple_self_signed(["db.test".to_owned()]).unwrap();
    cluster.write_file("server.crt", &pair.cert.pem());
    cluster.write_file("server.key", &pair.signing_key.serialize_pem());
    cluster.set("ssl", "on");
    let rules = "local all all trust\nhostssl all all 127.0.0.1/32 trust\nhostnossl all postgres 127.0.0.1/32 trust\n";
    cluster.write_file("pg_hba.conf", rules);
    cluster.restart();
    let by_socket = format!(
        "host={name} port={} user=postgres dbname=postgres",
        cluster.port()
    );
    let by_tls = |parameters: &str| format!("{}?sslmode=require{parameters}", cluster.url("postgres"));
    // Longer than anybody waits, in a database that somebody wants for himself: only a request of ours ends it.
    let layer = Layer::new(
        "slow:\n  query: SELECT 1 AS value FROM pg_catalog.pg_sleep(30)\n  tags: ['dbname:app']\n  timeout: 60\n  \
         metrics:\n    - value: { usage: GAUGE, description: Always one. }\n",
    );
    let cancelled = || {
        cluster
            .log()
            .matches("canceling statement due to user request")
            .count()
    };
    for url in [by_tls(""), by_tls("&sslnegotiation=direct"), by_socket] {
        cluster.create_database("app");
        let exporter = builder(&url).arg(layer.flag()).start();
        wait_for_state(&exporter, State::Primary, SOON);
        let before = cancelled();
        thread::scope(|scope| {
            let scrape = scope.spawn(|| page_within(&exporter, 25.0));
            cluster.wait_for(SLEEPING, "1");
            cluster.psql("drop database app");
            let (page, _) = scrape.join().unwrap();
            assert_eq!(page.value("pg_up", &[]), Some(1.0), "{url}");
        });
        assert_eq!(cluster.psql(SLEEPING), "0", "{url}");
        assert_eq!(cancelled(), before + 1, "{url}: {}", cluster.log());
    }
}

/// Eight collectors that need 2 seconds each and may take 3: all are sent at once, and nobody can cancel them any more.
fn queue_of_slow_ones() -> Layer {
    let slow = |number| {
        format!(
            "slow_{number}:\n  query: SELECT {number} AS value FROM pg_catalog.pg_sleep(2)\n  tags: [cluster]\n  timeout: 3\n  \
             metrics:\n    - value: {{ usage: GAUGE, description: Its number. }}\n"
        )
    };
    Layer::new(&(1..=8).map(slow).collect::<String>())
}

/// What is left of them at the deadline ends 2 seconds later at the latest, by the server itself.
#[test]
fn no_statement_outlives_a_silent_network_or_a_frozen_exporter() {
    let layer = queue_of_slow_ones();
    for major in [majors()[0], newest_major()] {
        let cluster = Cluster::start(major);
        let proxy = FaultProxy::start(cluster.port());
        let exporter = builder(&proxy.url("postgres"))
            .args([layer.flag(), "--no-builtin".into()])
            .start();
        wait_for_state(&exporter, State::Primary, SOON);
        for frozen in [false, true] {
            let deadline = Instant::now() + Duration::from_secs(3);
            let _client = give_up(&exporter, 3.0);
            cluster.wait_for(SLEEPING, "1");
            if frozen {
                exporter.signal(Signal::STOP);
            } else {
                proxy.mode(Mode::Hang);
            }
            let before_the_deadline =
                deadline.saturating_duration_since(Instant::now() + Duration::from_millis(300));
            thread::sleep(before_the_deadline);
            assert_eq!(cluster.psql(SLEEPING), "1", "nobody could cancel it");
            assert_nothing_runs_after(&cluster, deadline + Duration::from_secs(2));
            thread::sleep(Duration::from_secs(1));
            assert_eq!(cluster.psql(SLEEPING), "0", "nor does the next one begin");
            exporter.signal(Signal::CONT);
            proxy.mode(Mode::Pass);
            wait_for_state(&exporter, State::Primary, SOON);
        }
        wait_for_page(&exporter, 1.0);
    }
}

/// Who joins a run has what is there when its statements' time is over: the target is up, and its sessions are kept.
#[test]
fn a_client_that_joins_late_is_told_no_failure_of_the_target() {
    let cluster = cluster();
    let layer = queue_of_slow_ones();
    let exporter = slow_exporter(&cluster, &layer);
    let _client = give_up(&exporter, 3.0);
    cluster.wait_for(SLEEPING, "1");
    let (page, took) = page_within(&exporter, 12.0);
    eprintln!("a client of 12 s that joined one of 3 s has its page after {took:.1?}");
    assert_eq!(page.value("pg_up", &[]), Some(1.0), "{}", exporter.stderr());
    assert_eq!(page.value("slow_1_value", &[]), Some(1.0));
    assert_eq!(page.value("slow_8_value", &[]), None);
}

#[test]
fn no_statement_outlives_a_killed_exporter() {
    let cluster = cluster();
    let layer = Layer::slow(60.0, -1.0);
    let exporter = slow_exporter(&cluster, &layer);
    let begun = Instant::now();
    let _client = give_up(&exporter, 2.0);
    cluster.wait_for(SLEEPING, "1");
    exporter.signal(Signal::KILL);
    assert!(exporter.wait(SOON).is_some());
    assert_nothing_runs_after(&cluster, begun + Duration::from_secs(4));
    wait_until("no backend is left", Duration::from_secs(2), || {
        backends(&cluster) == 0
    });
}

#[test]
fn no_backend_outlives_a_stop() {
    let cluster = cluster();
    cluster.create_database("app");
    for which in [Signal::TERM, Signal::INT, Signal::KILL] {
        let exporter = exporter_of(&cluster.url("postgres"));
        assert!(backends(&cluster) >= 3);
        exporter.signal(which);
        assert!(exporter.wait(SOON).is_some());
        wait_until("no backend is left", Duration::from_secs(2), || {
            backends(&cluster) == 0
        });
    }
}

#[test]
fn clients_that_give_up_leave_one_run_at_most() {
    let cluster = cluster();
    let layer = Layer::slow(2.0, 5.0);
    // The probe's look whether new clients are let in would be a third connection for a moment.
    let exporter = builder(&cluster.url("postgres"))
        .args([layer.flag(), "--no-builtin".into()])
        .arg("--health-connect-interval=1h")
        .start();
    wait_for_state(&exporter, State::Primary, SOON);
    for _ in 0..20 {
        drop(give_up(&exporter, 4.0));
        thread::sleep(Duration::from_millis(50));
        assert!(backends(&cluster) <= 2, "one for scrapes, one for the probe");
        assert!(cluster.psql(SLEEPING).parse::<u32>().unwrap() <= 1);
    }
    let (page, _) = page_within(&exporter, 6.0);
    assert_eq!(page.value("slow_value", &[]), Some(1.0));
    assert!(
        page.value("pg_exporter_scrape_total_count", &[])
            .is_some_and(|scrapes| scrapes <= 3.0)
    );
}

#[test]
fn repeated_deadlines_do_not_pile_up() {
    let cluster = cluster();
    let layer = Layer::slow(60.0, -1.0);
    let exporter = slow_exporter(&cluster, &layer);
    let descriptors = || {
        std::fs::read_dir(format!("/proc/{}/fd", exporter.pid()))
            .unwrap()
            .count()
    };
    let hurried = [("X-Prometheus-Scrape-Timeout-Seconds", "0.5")];
    // When the page leaves is not the matter here: the machine may be busy.
    let run_into_deadline = || {
        let page = exporter.request("GET", "/metrics", &hurried);
        assert_eq!(page.status, 200, "{}", page.text());
        assert_eq!(Page::parse(&page.text()).value("slow_value", &[]), None);
    };
    run_into_deadline();
    let before = descriptors();
    for _ in 0..10 {
        run_into_deadline();
        // One that runs, one that is being cancelled, the probe's.
        assert!(count(&cluster, "backend_type = 'client backend'") <= 4);
    }
    wait_until("only the probe is left", SOON, || backends(&cluster) <= 2);
    wait_until("no descriptor is left over", SOON, || descriptors() <= before + 2);
}

#[test]
fn no_run_begins_for_clients_that_have_gone() {
    let cluster = cluster();
    let layer = Layer::slow(3.0, 8.0);
    let exporter = builder(&cluster.url("postgres"))
        .args([layer.flag(), "--max-connections=2".into()])
        .start();
    wait_for_state(&exporter, State::Primary, SOON);
    let running = give_up(&exporter, 20.0);
    cluster.wait_for(SLEEPING, "1");
    for collector in ["pg", "pg_db", "pg_lock", "pg_size"] {
        let mut stream = TcpStream::connect(("127.0.0.1", exporter.port())).unwrap();
        let request = format!("GET /metrics?collect[]={collector} HTTP/1.1\r\nHost: x\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        // So that it waits in the queue before it goes.
        thread::sleep(Duration::from_millis(300));
    }
    let (page, _) = page_within(&exporter, 20.0);
    drop(running);
    assert_eq!(page.value("slow_value", &[]), Some(1.0));
    let answer = exporter.get("/metrics?collect[]=pg_meta").text();
    assert_eq!(
        Page::parse(&answer).value("pg_exporter_scrape_total_count", &[]),
        Some(2.0),
        "the slow one and this one"
    );
}
