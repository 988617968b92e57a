//! Names and passwords: who is let in where, and what guessing does to the others.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pg_exporter_lab::http;
use pg_exporter_lab::wait_until;

use super::setup::{Site, user};
use crate::support::{SOON, on_server};

fn status(site: &Site, path: &str, login: &str) -> u16 {
    site.http(path, &["--user", login]).status
}

#[test]
fn every_path_needs_a_password() {
    let users = user("me", "pw") + &user("you", "p:w ü");
    let site = Site::start(&format!("basic_auth_users:\n{users}"));
    for path in [
        "/",
        "/metrics",
        "/up",
        "/health",
        "/liveness",
        "/readiness",
        "/primary",
        "/replica",
        "/version",
        "/explain",
        "/stat",
        "/reload",
        "/collector/pg_db",
        "/collector/nothing",
        "/nowhere",
    ] {
        let answer = site.http(path, &[]);
        assert_eq!(answer.status, 401, "{path}");
        let wanted = answer.header("www-authenticate").unwrap();
        assert!(wanted.starts_with("Basic realm="), "{wanted}");
        assert_eq!(status(&site, path, "me:no"), 401, "{path}");
        assert_ne!(status(&site, path, "me:pw"), 401, "{path}");
    }
    for (method, path) in [
        ("POST", "/reload"),
        ("OPTIONS", "/up"),
        ("HEAD", "/up"),
        ("BREW", "/up"),
    ] {
        assert_eq!(site.exporter.request(method, path, &[]).status, 401, "{method}");
    }
    assert_eq!(status(&site, "/version", "you:p:w ü"), 200);
    for login in ["me:", ":pw", ":", "nobody:pw", "ME:pw", "me:pw ", "you:pw"] {
        assert_eq!(status(&site, "/version", login), 401, "{login}");
    }
    for header in ["Basic", "Basic x", "Bearer pw", "Digest username=me", ""] {
        let answer = site
            .exporter
            .request("GET", "/version", &[("Authorization", header)]);
        assert_eq!(answer.status, 401, "{header}");
    }
    let log = site.exporter.final_log();
    assert!(!log.contains("pw") && !log.contains("$2"), "{log}");
    let warning = "wrong name or password\" peer=127.0.0.1";
    assert_eq!(
        log.matches(warning).count(),
        1,
        "one line, however many there are: {log}"
    );
}

#[test]
fn hashes_of_other_programs() {
    // By htpasswd -nbB, by Python's bcrypt, and by the oldest of the three versions.
    let site = Site::start(
        "basic_auth_users:
  toolkit: $2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi
  newer: $2b$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi
  older: $2a$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi
",
    );
    for name in ["toolkit", "newer", "older"] {
        assert_eq!(
            status(&site, "/version", &format!("{name}:fakepassword")),
            200,
            "{name}"
        );
        assert_eq!(
            status(&site, "/version", &format!("{name}:Fakepassword")),
            401,
            "{name}"
        );
    }
    assert_eq!(
        status(&site, "/version", "nobody:fakepassword"),
        401,
        "what unknown users are compared with lets nobody in"
    );
}

/// Sends wrong passwords from some threads, all different, at the rate given.
fn guess(port: u16, per_second: u32, over: &AtomicBool) -> Vec<u16> {
    const GUESSERS: u32 = 20;
    let guesser = |number: u32| {
        let mut statuses = Vec::new();
        while !over.load(Relaxed) {
            let begun = Instant::now();
            let login = STANDARD.encode(format!("me:{number}-{}", statuses.len()));
            let header = format!("Basic {login}");
            if let Ok(answer) = http::request(port, "GET", "/up", &[("Authorization", &header)]) {
                statuses.push(answer.status);
            }
            let pause = Duration::from_secs(1) * GUESSERS / per_second;
            thread::sleep(pause.saturating_sub(begun.elapsed()));
        }
        statuses
    };
    thread::scope(|scope| {
        let guessers: Vec<_> = (0..GUESSERS)
            .map(|number| scope.spawn(move || guesser(number)))
            .collect();
        guessers
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect()
    })
}

/// Times of probes with a right password, each on a connection of its own, in order.
fn probe(port: u16, time: Duration) -> Vec<Duration> {
    let header = format!("Basic {}", STANDARD.encode("me:pw"));
    let (begun, mut times) = (Instant::now(), Vec::new());
    while begun.elapsed() < time {
        let asked = Instant::now();
        let answer = http::request(port, "GET", "/primary", &[("Authorization", &header)]).unwrap();
        times.push(asked.elapsed());
        assert_eq!(answer.status, 200, "{}", answer.text());
        thread::sleep(Duration::from_millis(5));
    }
    times.sort();
    times
}

#[test]
fn guessing_does_not_slow_the_probes() {
    let hash = bcrypt::hash("pw", 10).unwrap();
    let site = Site::start_from(&on_server(), &format!("basic_auth_users:\n  me: {hash}\n"));
    let port = site.exporter.port();
    wait_until("the target is up", SOON, || {
        status(&site, "/primary", "me:pw") == 200
    });
    let quiet = probe(port, Duration::from_secs(3));
    let (over, cpu) = (AtomicBool::new(false), site.exporter.cpu());
    let time = Duration::from_secs(8);
    let (busy, statuses) = thread::scope(|scope| {
        let guesses = scope.spawn(|| guess(port, 100, &over));
        let busy = probe(port, time);
        over.store(true, Relaxed);
        (busy, guesses.join().unwrap())
    });
    let used = site.exporter.cpu() - cpu;
    let p99 = |times: &[Duration]| times[times.len() * 99 / 100];
    eprintln!(
        "probes: {} of p50 {:?}, p99 {:?} alone; {} of p50 {:?}, p99 {:?} during {} guesses; CPU {:.2} of a core",
        quiet.len(),
        quiet[quiet.len() / 2],
        p99(&quiet),
        busy.len(),
        busy[busy.len() / 2],
        p99(&busy),
        statuses.len(),
        used.as_secs_f64() / time.as_secs_f64()
    );
    assert!(
        statuses.iter().all(|status| [401, 429, 503].contains(status)),
        "{statuses:?}"
    );
    assert!(
        statuses.contains(&401) && statuses.contains(&429),
        "some are compared, most are refused"
    );
    let longest = *busy.last().unwrap();
    assert!(
        longest < Duration::from_secs(3),
        "a health check has an answer in time: {longest:?}"
    );
}

#[test]
fn unknown_users_and_wrong_passwords_cost_the_same() {
    let hash = bcrypt::hash("pw", 10).unwrap();
    let config = format!("basic_auth_users:\n  me: {hash}\n{}", user("cheap", "pw"));
    let site = Site::start(&config);
    // CPU, which other programs of the machine do not lengthen.
    let cost = |name: &str| {
        let before = site.exporter.cpu();
        for number in 0..5 {
            assert_eq!(status(&site, "/version", &format!("{name}:{number}")), 401);
        }
        site.exporter.cpu() - before
    };
    let wrong = cost("me");
    for (name, other) in [("cheap", cost("cheap")), ("nobody", cost("nobody"))] {
        assert!(
            other < wrong * 2 && wrong < other * 2,
            "{name}: {other:?}, not {wrong:?}"
        );
    }
    let header = format!("Basic {}", STANDARD.encode("me:pw"));
    let ask = || {
        site.exporter
            .request("GET", "/liveness", &[("Authorization", &header)])
            .status
    };
    assert_eq!(ask(), 200);
    let before = site.exporter.cpu();
    assert!((0..20).all(|_| ask() == 200));
    let again = site.exporter.cpu() - before;
    assert!(
        again * 2 < wrong,
        "what is known is not compared again: {again:?}"
    );
}
