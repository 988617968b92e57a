//! Scrapes at a steady rate, whatever the target does, and what their pages say.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{Scope, sleep};
use std::time::{Duration, Instant};

use pg_exporter_lab::{Exporter, Session};

/// Between two scrapes.
const PAUSE: Duration = Duration::from_millis(50);

/// Scrapes that may be under way at a time: as many as are due in twice the time that a page may take.
const CLIENTS: u32 = 80;

/// What a client waits for its page.
const LIMIT: f64 = 2.0;

/// A trivial statement that takes longer says that the machine has no time for the exporter's either: most have 0.1 s.
const SLOW: Duration = Duration::from_millis(50);

/// What a page says.
#[derive(Clone, Copy, Debug)]
struct Seen {
    asked: Instant,
    took: Duration,
    /// Whether the target is up, and both databases have series.
    is_whole: bool,
    is_up: bool,
    /// All errors that the exporter has counted by then.
    errors: f64,
}

#[derive(Default)]
struct Shared {
    ended: AtomicBool,
    begun: AtomicU32,
    book: Mutex<Book>,
}

#[derive(Default)]
struct Book {
    last: Option<Seen>,
    pages: u32,
    downs: u32,
    /// Pages that were not whole though nothing was wrong, and errors that were counted then.
    unexplained: Vec<String>,
    /// Since when all has been well, and the errors counted by then.
    calm: Option<(Instant, f64)>,
}

/// Scrapes that go on until they are stopped.
pub(super) struct Scrapes(Arc<Shared>);

impl Scrapes {
    pub(super) fn start<'scope>(scope: &'scope Scope<'scope, '_>, exporter: &'scope Exporter) -> Self {
        let shared = Arc::<Shared>::default();
        let start = Instant::now();
        for _ in 0..CLIENTS {
            let shared = Arc::clone(&shared);
            scope.spawn(move || {
                while !shared.ended.load(Ordering::SeqCst) {
                    let number = shared.begun.fetch_add(1, Ordering::SeqCst);
                    sleep((start + PAUSE * number).saturating_duration_since(Instant::now()));
                    shared.scrape(exporter);
                }
            });
        }
        Self(shared)
    }

    /// Pages so far.
    pub(super) fn count(&self) -> u32 {
        self.0.book().pages
    }

    /// A fault begins: what comes now may fail.
    pub(super) fn trouble(&self) {
        self.0.book().calm = None;
    }

    /// Waits for two pages in a row, asked for from now on, that are whole, and so for the end of every run that met the fault.
    #[track_caller]
    pub(super) fn wait_until_whole(&self, limit: Duration) {
        let since = Instant::now();
        let mut whole = None;
        loop {
            let last = self.0.book().last;
            match last.filter(|seen| seen.asked > since && seen.is_whole) {
                Some(seen) if whole.is_some_and(|first| seen.asked > first) => return,
                Some(seen) => whole = whole.or(Some(seen.asked)),
                None => {}
            }
            assert!(
                since.elapsed() < limit,
                "not whole again within {limit:?}: {last:?}"
            );
            sleep(Duration::from_millis(10));
        }
    }

    /// For so long nothing may fail; after which fault, if it does. A server that is itself too slow for our limits explains it:
    /// whether it was, somebody else tells who asks it directly. `false` then.
    #[track_caller]
    pub(super) fn calm(&self, time: Duration, after: &str, witness: &mut Session) -> bool {
        let errors = self.0.book().last.map_or(0.0, |seen| seen.errors);
        self.0.book().calm = Some((Instant::now(), errors));
        let end = Instant::now() + time;
        let mut slowest = Duration::ZERO;
        while Instant::now() < end {
            let asked = Instant::now();
            witness.exec("select count(*) from pg_class");
            slowest = slowest.max(asked.elapsed());
            sleep(Duration::from_millis(20));
        }
        let mut book = self.0.book();
        let unexplained = std::mem::take(&mut book.unexplained);
        assert!(
            unexplained.is_empty() || slowest > SLOW,
            "after the fault «{after}» had ended, with answers in {slowest:?} at most: {unexplained:#?}"
        );
        unexplained.is_empty()
    }

    /// Some pages were up, some down.
    #[track_caller]
    pub(super) fn assert_both_kinds(&self) {
        let book = self.0.book();
        eprintln!(
            "{} pages, {} of them of a target that was down",
            book.pages, book.downs
        );
        assert!(book.downs > book.pages / 50 && book.downs < book.pages / 2);
    }
}

impl Drop for Scrapes {
    /// Also when a test fails: nobody waits for scrapes that never end.
    fn drop(&mut self) {
        self.0.ended.store(true, Ordering::SeqCst);
    }
}

impl Shared {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn scrape(&self, exporter: &Exporter) {
        let asked = Instant::now();
        let header = [("X-Prometheus-Scrape-Timeout-Seconds", &*LIMIT.to_string())];
        let response = exporter.request("GET", "/metrics", &header);
        let took = asked.elapsed();
        assert_eq!(response.status, 200);
        let text = response.text();
        let seen = Seen {
            asked,
            took,
            is_up: text.contains("\npg_up 1\n"),
            is_whole: text.contains("\npg_up 1\n")
                && ["app", "postgres"]
                    .iter()
                    .all(|name| text.contains(&format!("pg_relkind_count{{datname=\"{name}\""))),
            errors: [
                "pg_exporter_scrape_error_count",
                "pg_exporter_server_scrape_error_count",
                "pg_exporter_query_failures_total",
            ]
            .iter()
            .map(|family| sum(&text, family))
            .sum(),
        };
        self.book().enter(seen);
    }
}

impl Book {
    fn enter(&mut self, seen: Seen) {
        self.pages += 1;
        self.downs += u32::from(!seen.is_up);
        if let Some((since, errors)) = self.calm
            && seen.asked > since
            && (!seen.is_whole || seen.errors > errors)
        {
            let Seen {
                took,
                is_whole,
                errors: now,
                ..
            } = seen;
            let what = format!("a page after {took:.1?}, whole: {is_whole}, {now} errors, {errors} before");
            self.unexplained.push(what);
        }
        if self.last.is_none_or(|last| last.asked < seen.asked) {
            self.last = Some(seen);
        }
    }
}

/// The sum of a family's samples.
fn sum(text: &str, family: &str) -> f64 {
    let is_of = |line: &&str| {
        line.strip_prefix(family)
            .is_some_and(|rest| rest.starts_with(['{', ' ']))
    };
    let values = text
        .lines()
        .filter(is_of)
        .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
    values.sum()
}
