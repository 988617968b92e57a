//! What the scenarios share: an exporter, the state that it must report, pages with their time.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use pg_exporter_lab::exporter::{Builder, Exporter};
use pg_exporter_lab::{Cluster, HEALTH_PATHS, Page, newest_major, wait_until};

pub(crate) use pg_exporter_lab::Layer;

/// For what happens within a second on a machine with nothing else to do.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// How long a target may be gone until every health path says so.
pub(crate) const HEALTH_LIMIT: Duration = Duration::from_secs(3);

/// Within how long storage shows that fails or hangs.
pub(crate) const STORAGE_LIMIT: Duration = Duration::from_secs(15);

/// Between two looks at the health paths: to look without a pause would take a processor from what is looked at.
const PAUSE: Duration = Duration::from_millis(20);

/// How many statements wait in `pg_sleep`, as that of [`Layer::slow`] does.
pub(crate) const SLEEPING: &str = "select count(*) from pg_stat_activity where wait_event = 'PgSleep'";

/// A file that every new connection reads never comes, as on storage that hangs, until this is dropped.
pub(crate) struct HungStorage(PathBuf);

impl HungStorage {
    pub(crate) fn of(cluster: &Cluster) -> Self {
        let file = cluster.data().join("global/pg_filenode.map");
        fs::rename(&file, file.with_extension("aside")).unwrap();
        // A pipe that has readers and no writer.
        let made = Command::new("mkfifo").args(["-m", "666"]).arg(&file).status();
        assert!(made.unwrap().success());
        Self(file)
    }
}

impl Drop for HungStorage {
    fn drop(&mut self) {
        let waiting = self.0.with_extension("waiting");
        fs::rename(&self.0, &waiting).unwrap();
        fs::rename(self.0.with_extension("aside"), &self.0).unwrap();
        // Those that hang get nothing, and end.
        drop(fs::File::options().write(true).read(true).open(&waiting).unwrap());
        fs::remove_file(&waiting).unwrap();
    }
}

/// What the health paths tell of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Primary,
    Replica,
    Starting,
    Down,
}

impl State {
    fn word(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Replica => "replica",
            Self::Starting => "starting",
            Self::Down => "down",
        }
    }

    fn status(self, of: [u16; 3]) -> u16 {
        match self {
            Self::Primary => of[0],
            Self::Replica => of[1],
            Self::Starting | Self::Down => of[2],
        }
    }
}

/// How to run the exporter under test.
pub(crate) fn builder(url: &str) -> Builder {
    Exporter::builder(env!("CARGO_BIN_EXE_pg_exporter")).url(url)
}

/// A cluster of the newest major, which is the test's own.
pub(crate) fn cluster() -> Cluster {
    Cluster::start(newest_major())
}

/// An exporter of a running primary, up on the health paths and on the page.
pub(crate) fn exporter_of(url: &str) -> Exporter {
    let exporter = builder(url).start();
    wait_for_state(&exporter, State::Primary, SOON);
    wait_for_page(&exporter, 1.0);
    exporter
}

/// Waits until every health path answers as it must in a state; how long it took.
#[track_caller]
pub(crate) fn wait_for_state(exporter: &Exporter, state: State, limit: Duration) -> Duration {
    let begun = Instant::now();
    loop {
        let wrong = wrong_answers(exporter, state);
        if wrong.is_empty() {
            return begun.elapsed();
        }
        assert!(
            begun.elapsed() < limit,
            "not {state:?} within {limit:?}: {wrong:?}\n{}",
            exporter.stderr()
        );
        // The last look is at the limit, not behind it.
        sleep(PAUSE.min(limit.saturating_sub(begun.elapsed())));
    }
}

/// Waits until every health path says what a server is that lets clients in, from when on it does; how long it took.
///
/// On a busy machine a server may not get to accept anybody for a second or more: then `down` is the truth, and the limit
/// counts anew. What tells is psql.
#[track_caller]
pub(crate) fn wait_for_state_of(
    server: &Cluster,
    exporter: &Exporter,
    state: State,
    limit: Duration,
) -> Duration {
    const PROMPT: Duration = Duration::from_millis(500);
    let begun = Instant::now();
    let mut since = begun;
    loop {
        let asked = Instant::now();
        server.psql("select 1");
        let took = asked.elapsed();
        if took > PROMPT {
            eprintln!("the server took {took:.1?} to let psql in");
            since = Instant::now();
        }
        let wrong = wrong_answers(exporter, state);
        if wrong.is_empty() {
            return begun.elapsed();
        }
        assert!(
            since.elapsed() < limit && begun.elapsed() < SOON,
            "not {state:?} within {limit:?}: {wrong:?}\n{}\nof the server: {}",
            exporter.stderr(),
            server.log()
        );
        sleep(PAUSE.min(limit.saturating_sub(since.elapsed())));
    }
}

/// The health paths whose answer is not that of a state.
pub(crate) fn wrong_answers(exporter: &Exporter, state: State) -> Vec<String> {
    let wrong = |(path, statuses): &(&str, [u16; 3])| {
        let answer = exporter.get(path);
        let found = (answer.status, answer.text());
        let expected = (state.status(*statuses), state.word().to_owned());
        (found != expected).then(|| format!("{path}: {found:?}, expected {expected:?}"))
    };
    HEALTH_PATHS.iter().filter_map(wrong).collect()
}

/// Every health path says so for a while.
#[track_caller]
pub(crate) fn assert_stays(exporter: &Exporter, state: State, time: Duration) {
    let begun = Instant::now();
    while begun.elapsed() < time {
        let wrong = wrong_answers(exporter, state);
        assert!(wrong.is_empty(), "{wrong:?}\n{}", exporter.stderr());
        sleep(Duration::from_millis(100));
    }
}

/// The status and the body of a path.
pub(crate) fn answer(exporter: &Exporter, path: &str) -> (u16, String) {
    let response = exporter.get(path);
    (response.status, response.text())
}

/// A page for a client that waits `seconds` for it: it comes in time, whatever the target does.
#[track_caller]
pub(crate) fn page_within(exporter: &Exporter, seconds: f64) -> (Page, Duration) {
    let begun = Instant::now();
    let header = [("X-Prometheus-Scrape-Timeout-Seconds", &*seconds.to_string())];
    let response = exporter.request("GET", "/metrics", &header);
    let took = begun.elapsed();
    assert_eq!(response.status, 200, "{}", response.text());
    assert!(
        took.as_secs_f64() < seconds,
        "the page took {took:?} of {seconds} s"
    );
    (Page::parse(&response.text()), took)
}

/// Waits for a page with that `pg_up`.
#[track_caller]
pub(crate) fn wait_for_page(exporter: &Exporter, up: f64) -> Page {
    wait_for(exporter, &format!("pg_up {up}"), |page| {
        page.value("pg_up", &[]) == Some(up)
    })
}

/// Waits for a page of which something holds.
#[track_caller]
pub(crate) fn wait_for(exporter: &Exporter, what: &str, holds: impl Fn(&Page) -> bool) -> Page {
    let end = Instant::now() + SOON;
    loop {
        let page = page_within(exporter, 5.0).0;
        if holds(&page) {
            return page;
        }
        // With the log: what came between is in it.
        assert!(
            Instant::now() < end,
            "waited {SOON:?} in vain until the page shows {what}; pg_up {:?}\n{}",
            page.value("pg_up", &[]),
            exporter.stderr()
        );
        sleep(PAUSE);
    }
}

/// The target is down: every path says so, and the page has nothing but the exporter's own metrics.
#[track_caller]
pub(crate) fn assert_down(exporter: &Exporter, limit: Duration) -> Duration {
    let took = wait_for_state(exporter, State::Down, limit);
    let (page, _) = page_within(exporter, 2.0);
    assert_nothing_of_the_target(&page);
    took
}

/// A page of a target that is down has the exporter's own metrics and no others.
#[track_caller]
pub(crate) fn assert_nothing_of_the_target(page: &Page) {
    assert_eq!(page.value("pg_up", &[]), Some(0.0));
    assert_eq!(page.value("pg_exporter_up", &[]), Some(1.0));
    let own = [
        "pg_exporter_",
        "process_",
        "pg_up",
        "pg_version",
        "pg_in_recovery",
    ];
    let foreign = page
        .samples
        .iter()
        .find(|sample| !own.iter().any(|own| sample.name.starts_with(own)));
    assert!(foreign.is_none(), "{foreign:?} of a target that is down");
}

/// The target is up again: the paths within a few probes, and the page.
#[track_caller]
pub(crate) fn assert_recovers(exporter: &Exporter, state: State) -> Page {
    wait_for_state(exporter, state, SOON);
    wait_for_page(exporter, 1.0)
}

/// What people see at `/` names the reason.
#[track_caller]
pub(crate) fn assert_reason(exporter: &Exporter, text: &str) {
    wait_until(&format!("the page for people says {text:?}"), SOON, || {
        exporter.get("/").text().contains(text)
    });
}

/// The exporter's backends, counted by the server itself.
pub(crate) fn backends(cluster: &Cluster) -> u32 {
    count(cluster, "true")
}

/// The exporter's backends for which a condition on `pg_stat_activity` holds.
pub(crate) fn count(cluster: &Cluster, condition: &str) -> u32 {
    let sql = format!(
        "select count(*) from pg_stat_activity where application_name = 'pg_exporter' and ({condition})"
    );
    cluster.psql(&sql).parse().unwrap()
}
