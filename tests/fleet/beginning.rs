//! Five hundred targets at once: their beginnings are spread, and a server gets their connections one after the other.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use pg_exporter_lab::wait_until;

use crate::support::{Fleet, SOON, target};

const TARGETS: usize = 500;

/// What it takes the server to answer: longer than a client needs, shorter than anybody keeps his turn.
const ANSWER: Duration = Duration::from_millis(5);

/// A server that refuses everybody, and remembers who came.
#[derive(Default)]
struct Visits {
    /// When each was here for the first time, by the name that it gives.
    first: BTreeMap<String, Instant>,
    now: usize,
    most_at_once: usize,
}

fn refusing() -> (u16, Arc<Mutex<Visits>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let visits = Arc::<Mutex<Visits>>::default();
    let seen = Arc::clone(&visits);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let seen = Arc::clone(&seen);
            thread::spawn(move || refuse(stream, &seen));
        }
    });
    (port, visits)
}

fn refuse(mut stream: TcpStream, seen: &Mutex<Visits>) {
    {
        let mut visits = seen.lock().unwrap();
        visits.now += 1;
        visits.most_at_once = visits.most_at_once.max(visits.now);
    }
    let mut packet = [0; 1024];
    let length = stream.read(&mut packet).unwrap_or_default();
    let text = String::from_utf8_lossy(&packet[..length]).into_owned();
    let mut words = text.split('\0').skip_while(|word| *word != "application_name");
    if let Some(name) = words.nth(1) {
        let mut visits = seen.lock().unwrap();
        visits.first.entry(name.to_owned()).or_insert_with(Instant::now);
    }
    thread::sleep(ANSWER);
    seen.lock().unwrap().now -= 1;
    let said = b"SFATAL\0VFATAL\0C28P01\0Mno\0\0";
    let length = u32::try_from(said.len() + 4).unwrap().to_be_bytes();
    let _ = stream.write_all(&[b"E", &length[..], said].concat());
}

#[test]
fn many_begin_one_after_the_other() {
    let (port, visits) = refusing();
    let targets: String = (0..TARGETS)
        .map(|number| {
            target(
                &format!("t{number}"),
                port,
                &format!(", application_name: t{number}, health_interval: 10s"),
            )
        })
        .collect();
    let begun = Instant::now();
    let fleet = Fleet::start(&targets);
    assert_eq!(fleet.get("/readiness").status, 200);
    assert!(
        visits.lock().unwrap().first.len() < TARGETS / 2,
        "nobody waits for all of them"
    );
    // A hundred who ask for a page at once have no connections at once.
    let exporter = fleet.exporter.port();
    let crowd: Vec<_> = (0..100)
        .map(|number| {
            thread::spawn(move || {
                let path = format!("/metrics?target=t{number}");
                let answer = pg_exporter_lab::http::request(exporter, "GET", &path, &[]).unwrap();
                (answer.status, answer.text())
            })
        })
        .collect();
    for one in crowd {
        let (status, text) = one.join().unwrap();
        // A machine that is used up may not come to all of them in time, and says so.
        let is_late = status == 503 && text == "the scrape thread did not answer in time\n";
        assert!(status == 200 || is_late, "{status} {text}");
    }
    let asked = 100;
    wait_until("each was here", SOON * 2, || {
        visits.lock().unwrap().first.len() == TARGETS
    });
    let visits = visits.lock().unwrap();
    // A turn ends after 100 ms, on a machine that has much to do also with the connect under way.
    assert!(visits.most_at_once <= 3, "{} at once", visits.most_at_once);
    let times = times(&visits, begun, |_| true);
    assert!(
        most_in_a_second(&times) <= asked + TARGETS / 4,
        "spread: {times:?}"
    );
    assert!(
        *times.last().unwrap() >= Duration::from_secs(8),
        "over ten seconds: {times:?}"
    );
}

/// When those whose names are wanted were here for the first time, in that order.
fn times(visits: &Visits, begun: Instant, is_wanted: impl Fn(&str) -> bool) -> Vec<Duration> {
    let wanted = visits.first.iter().filter(|(name, _)| is_wanted(name));
    let mut times: Vec<Duration> = wanted.map(|(_, time)| *time - begun).collect();
    times.sort();
    times
}

fn most_in_a_second(times: &[Duration]) -> usize {
    let within = |begin: &Duration| {
        let second = *begin..*begin + Duration::from_secs(1);
        times.iter().filter(|time| second.contains(*time)).count()
    };
    times.iter().map(within).max().unwrap_or_default()
}

/// A line of the defaults means all of them, and a few are new beside that.
#[test]
fn those_that_a_reload_begins_anew_are_spread_too() {
    const OLD: usize = 60;
    const NEW: usize = 15;
    let (port, visits) = refusing();
    let targets = |many: usize, life: &str| -> String {
        let one = |number| {
            let more = format!(", application_name: {life}{number}, health_interval: 6s");
            target(&format!("t{number}"), port, &more)
        };
        (0..many).map(one).collect()
    };
    let fleet = Fleet::start(&targets(OLD, "first-"));
    let were_here = |life: &str| {
        let visits = visits.lock().unwrap();
        visits.first.keys().filter(|name| name.starts_with(life)).count()
    };
    wait_until("each was here", SOON, || were_here("first-") == OLD);
    let begun = Instant::now();
    fleet.rewrite(&targets(OLD + NEW, "second-"));
    wait_until("each was here again", SOON, || were_here("second-") == OLD + NEW);
    let visits = visits.lock().unwrap();
    let times = times(&visits, begun, |name| name.starts_with("second-"));
    assert!(
        most_in_a_second(&times) <= (OLD + NEW) / 3,
        "spread over six seconds: {times:?}"
    );
}
