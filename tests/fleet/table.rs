//! `/` with thousands of targets: all of them can be found on it, and nobody else waits for that.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use pg_exporter_lab::http::Response;
use pg_exporter_lab::{free_port, wait_until};

use crate::support::{Fleet, SOON, server, target};

/// Targets whose server is not there.
const GONE: usize = 5_000;

/// Targets that answer; by their names they are the first that begin, of so many that begin within a minute.
const ALIVE: [&str; 3] = ["alive-1", "alive-2", "alive-3"];

/// Rows unless all are asked for.
const SHOWN: usize = 500;

/// People who look at all rows at once, and how often each does so.
const CROWD: (usize, usize) = (12, 3);

/// How long a health answer may take, whatever else goes on.
const HEALTH_LIMIT: Duration = Duration::from_secs(3);

/// What the process may take for all tables that it is asked for, in bytes: for answers that are not read yet, and for one that is made.
const MEMORY: u64 = 32 << 20;

fn targets(nobodys: u16) -> String {
    let gone: String = (0..GONE)
        .map(|number| {
            let more = format!(", health_interval: 60s, labels: {{ cls: c{} }}", number % 50);
            target(&format!("gone-{number:04}"), nobodys, &more)
        })
        .collect();
    let alive = ALIVE.map(|name| target(name, server().port(), ", labels: { cls: alive }"));
    gone + &alive.concat()
}

fn fleet(nobodys: u16) -> Fleet {
    let fleet = Fleet::start(&targets(nobodys));
    for name in ALIVE {
        fleet.wait_for(&format!("/primary?target={name}"), 200);
        fleet.page(name);
    }
    fleet
}

/// The names of the rows of a table, from the first to the last.
fn names(answer: &Response) -> Vec<String> {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let text = answer.text();
    let rows = text.split("<tr data-key=\"t ").skip(1);
    rows.map(|row| row.split('"').next().unwrap().to_owned())
        .collect()
}

#[test]
fn thousands_of_targets_are_in_one_table() {
    let nobodys = free_port();
    let fleet = fleet(nobodys.number);
    let all = GONE + ALIVE.len();
    let first = fleet.get("/");
    assert_eq!(names(&first).len(), SHOWN);
    for part in [
        format!("{all} of {all} targets"),
        format!("The first {SHOWN} of {all}. <a data-load href=\"./?targets=all\">Show all</a>"),
    ] {
        assert!(first.text().contains(&part), "{part}");
    }
    // What is sorted and filtered is all of them, not what is shown.
    let whole = names(&fleet.get("/?sort=name&order=asc&targets=all"));
    assert_eq!(whole.len(), all);
    assert!(whole.is_sorted() && whole[..3] == ALIVE);
    let last = names(&fleet.get("/?sort=name&order=desc"));
    assert!(last.iter().eq(whole.iter().rev().take(SHOWN)));
    let alive = fleet.get("/?state=primary");
    assert!(alive.text().contains(&format!("3 of {all} targets")));
    for path in [
        "/?state=primary&sort=name&order=asc",
        "/?filter=CLS%3Dalive&sort=name&order=asc",
    ] {
        assert_eq!(names(&fleet.get(path)), ALIVE, "{path}");
    }
    let of_a_class = fleet.get("/?filter=cls%3Dc17&targets=all");
    assert_eq!(names(&of_a_class).len(), GONE / 50);
    let most_series = names(&fleet.get("/?sort=series"));
    assert!(
        most_series[..3].iter().all(|name| ALIVE.contains(&name.as_str())),
        "{:?}",
        &most_series[..5]
    );
    // Each row leads to the page of its target, the last one as well.
    assert_eq!(fleet.get("/?target=gone-4999").status, 200);
    let page = fleet.own_page();
    assert_eq!(page.value("pg_exporter_targets", &[]), Some(all as f64));
    assert_eq!(page.all("pg_exporter_target_up").count(), all);
    assert_eq!(
        page.all("pg_exporter_target_up")
            .filter(|sample| sample.value == 1.0)
            .count(),
        ALIVE.len()
    );
    let groups: Vec<serde_json::Value> = serde_json::from_str(&fleet.get("/sd").text()).unwrap();
    assert_eq!(groups.len(), all);
}

#[test]
fn who_looks_at_thousands_of_targets_is_in_nobodys_way() {
    let nobodys = free_port();
    let fleet = fleet(nobodys.number);
    let port = fleet.exporter.port();
    let table = "/?targets=all&sort=lag";
    let begun = Instant::now();
    let size = fleet.get(table).body.len();
    let alone = begun.elapsed();
    let before = fleet.exporter.peak_rss();
    let (is_over, clients, rounds) = (AtomicBool::new(false), CROWD.0, CROWD.1);
    let (tables, mut health) = thread::scope(|scope| {
        let crowd: Vec<_> = (0..clients)
            .map(|_| {
                scope.spawn(|| {
                    let look = |_| {
                        let begun = Instant::now();
                        let answer = pg_exporter_lab::http::request(port, "GET", table, &[]).unwrap();
                        // Where the machine is used up, people are asked to come back.
                        if answer.status == 503 && answer.text().contains("come back in a second") {
                            return None;
                        }
                        assert_eq!(names(&answer).len(), GONE + ALIVE.len());
                        Some(begun.elapsed())
                    };
                    (0..rounds).filter_map(look).collect::<Vec<_>>()
                })
            })
            .collect();
        let probes = scope.spawn(|| {
            let mut times = Vec::new();
            while !is_over.load(Ordering::Relaxed) {
                let begun = Instant::now();
                let answer = fleet.get("/primary?target=alive-1");
                assert_eq!(answer.status, 200, "{}", answer.text());
                times.push(begun.elapsed());
                thread::sleep(Duration::from_millis(5));
            }
            times
        });
        let tables: Vec<Duration> = crowd.into_iter().flat_map(|one| one.join().unwrap()).collect();
        is_over.store(true, Ordering::Relaxed);
        (tables, probes.join().unwrap())
    });
    health.sort_unstable();
    let grown = fleet.exporter.peak_rss().saturating_sub(before);
    let [longest_table, longest_health] = [&tables, &health].map(|times| *times.iter().max().unwrap());
    eprintln!(
        "{} KiB a table, alone in {alone:?}; {} tables of {clients} at once, the slowest {longest_table:?}; meanwhile {} health \
         answers, the slowest {longest_health:?}; {} MiB before, {} MiB more at most",
        size >> 10,
        tables.len(),
        health.len(),
        before >> 20,
        grown >> 20
    );
    assert!(tables.len() >= rounds, "{} tables", tables.len());
    assert!(longest_health < HEALTH_LIMIT, "{longest_health:?}");
    // Were tables made where health is answered, each probe would wait for one.
    let middle = health[health.len() / 2];
    assert!(2 * middle < alone, "{middle:?}, and a table takes {alone:?}");
    assert!(grown < MEMORY, "{} MiB", grown >> 20);
    wait_until("all is as before", SOON, || fleet.get("/liveness").status == 200);
    assert_eq!(fleet.page("alive-1").value("pg_up", &[]), Some(1.0));
}

#[test]
fn one_more_of_thousands_disturbs_none_of_them() {
    let nobodys = free_port();
    let fleet = fleet(nobodys.number);
    let scrapes = || {
        fleet
            .page("alive-1")
            .value("pg_exporter_scrape_total_count", &[])
            .unwrap()
    };
    let (before, is_over) = (scrapes(), AtomicBool::new(false));
    let more = ", labels: { cls: alive }";
    let longest = thread::scope(|scope| {
        let probes = scope.spawn(|| {
            let mut longest = Duration::ZERO;
            while !is_over.load(Ordering::Relaxed) {
                let begun = Instant::now();
                let answer = fleet.get("/primary?target=alive-1");
                assert_eq!(answer.status, 200, "{}", answer.text());
                longest = longest.max(begun.elapsed());
                thread::sleep(Duration::from_millis(5));
            }
            longest
        });
        let begun = Instant::now();
        fleet.rewrite(&(targets(nobodys.number) + &target("zero", server().port(), more)));
        fleet.wait_for("/primary?target=zero", 200);
        eprintln!("one more of {GONE} is up after {:?}", begun.elapsed());
        is_over.store(true, Ordering::Relaxed);
        probes.join().unwrap()
    });
    eprintln!("the slowest health answer meanwhile {longest:?}");
    assert!(longest < HEALTH_LIMIT, "{longest:?}");
    assert_eq!(scrapes(), before + 1.0, "the same counts");
    let page = fleet.own_page();
    assert_eq!(
        page.value("pg_exporter_targets", &[]),
        Some((GONE + ALIVE.len() + 1) as f64)
    );
}
