//! Servers, exporters and a Prometheus that the scenarios share, and what its alerts do.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use pg_exporter_lab::exporter::Builder;
use pg_exporter_lab::prometheus::Prometheus;
use pg_exporter_lab::{Cluster, Exporter, Session, wait_until};
use serde_json::Value;

pub(crate) use pg_exporter_lab::Layer;

/// How long an alert may take to fire, or to resolve, on a machine that is busy with other things.
const LIMIT: Duration = Duration::from_secs(100);

/// How often the alerts are looked at.
const LOOK: Duration = Duration::from_millis(250);

/// A target of Prometheus: its name there, which cluster it is of, and its exporter.
#[derive(Clone, Copy)]
pub(crate) struct Target<'a> {
    pub(crate) instance: &'a str,
    pub(crate) cls: &'a str,
    pub(crate) exporter: &'a Exporter,
}

/// Prometheus at work, and a record of what fired.
pub(crate) struct Stage {
    prometheus: Prometheus,
    alerts: Mutex<Vec<Alert>>,
    record: Mutex<Record>,
    over: AtomicBool,
}

/// What is found in the end.
#[derive(Default)]
struct Record {
    /// Alert and whose; seconds from the cause's beginning until it fired, and from its end until it resolved.
    rows: Vec<(String, f64, f64)>,
    /// What fired at any time, with a description.
    fired: BTreeMap<String, String>,
}

/// An alert that fires.
#[derive(Clone, Debug)]
struct Alert {
    name: String,
    labels: BTreeMap<String, String>,
    texts: String,
}

impl Alert {
    fn read(alert: &Value) -> Option<Self> {
        let map = |key: &str| {
            let entries = alert[key].as_object().into_iter().flatten();
            let pairs =
                entries.map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()));
            pairs.collect::<BTreeMap<String, String>>()
        };
        let labels = map("labels");
        let firing = alert["state"] == "firing";
        firing.then(|| Self {
            name: labels["alertname"].clone(),
            texts: map("annotations").into_values().collect::<Vec<_>>().join(" | "),
            labels,
        })
    }

    /// Whether it is what a scenario calls `Name@instance`, `Name@cls` or `Name@instance/datname`.
    fn is(&self, called: &str) -> bool {
        let (name, whose) = called.split_once('@').unwrap_or((called, ""));
        let (whose, database) = whose.split_once('/').unwrap_or((whose, ""));
        let label = |name: &str| self.labels.get(name).map_or("", String::as_str);
        self.name == name
            && (whose.is_empty() || [label("instance"), label("cls")].contains(&whose))
            && (database.is_empty() || label("datname") == database)
    }
}

impl Stage {
    /// Starts Prometheus with rules, and looks at its alerts from then on.
    pub(crate) fn start(targets: &[Target<'_>], rules: &str) -> Arc<Self> {
        let mut scrape =
            String::from("{job_name: pg, scrape_interval: 2s, scrape_timeout: 2s, static_configs: [");
        for Target {
            instance,
            cls,
            exporter,
        } in targets
        {
            let cls = if cls.is_empty() {
                String::new()
            } else {
                format!(", cls: {cls}")
            };
            let _ = write!(
                scrape,
                "{{targets: ['127.0.0.1:{}'], labels: {{instance: {instance}{cls}}}}}, ",
                exporter.port()
            );
        }
        scrape.push_str("]}");
        let stage = Arc::new(Self {
            prometheus: Prometheus::start_judging(&scrape, rules),
            alerts: Mutex::default(),
            record: Mutex::default(),
            over: AtomicBool::new(false),
        });
        // What changes is seen only where two scrapes are.
        let twice = format!("count(count_over_time(up[1m]) >= 2) == {}", targets.len());
        wait_until("Prometheus has scraped all twice", LIMIT, || {
            stage.prometheus.query(&twice).contains("\"value\"")
        });
        let looking = Arc::downgrade(&stage);
        thread::spawn(move || {
            while let Some(stage) = looking
                .upgrade()
                .filter(|stage| !stage.over.load(Ordering::Relaxed))
            {
                stage.look();
                drop(stage);
                thread::sleep(LOOK);
            }
        });
        stage
    }

    /// The Prometheus.
    pub(crate) fn prometheus(&self) -> &Prometheus {
        &self.prometheus
    }

    fn look(&self) {
        let answer: Value = serde_json::from_str(&self.prometheus.ask("/api/v1/alerts")).unwrap_or_default();
        let alerts = answer.pointer("/data/alerts").and_then(Value::as_array);
        let firing: Vec<Alert> = alerts.into_iter().flatten().filter_map(Alert::read).collect();
        let mut record = self.record.lock().unwrap_or_else(PoisonError::into_inner);
        for alert in &firing {
            let whose = alert.labels.get("instance").or_else(|| alert.labels.get("cls"));
            let who = format!("{}@{}", alert.name, whose.map_or("", String::as_str));
            record.fired.insert(who, alert.texts.clone());
        }
        *self.alerts.lock().unwrap_or_else(PoisonError::into_inner) = firing;
    }

    /// Whether an alert fires, see [`Alert::is`].
    pub(crate) fn fires(&self, called: &str) -> bool {
        self.alerts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .any(|alert| alert.is(called))
    }

    /// What fires now, or fired at any time.
    pub(crate) fn fired(&self) -> BTreeMap<String, String> {
        self.record
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .fired
            .clone()
    }

    /// Waits until all alerts fire, or none does; after how many seconds each did.
    #[track_caller]
    fn wait(&self, alerts: &[&str], firing: bool) -> Vec<f64> {
        let begun = Instant::now();
        let mut after = vec![None; alerts.len()];
        loop {
            for (after, called) in after.iter_mut().zip(alerts) {
                if after.is_none() && self.fires(called) == firing {
                    *after = Some(begun.elapsed().as_secs_f64());
                }
            }
            if after.iter().all(Option::is_some) {
                return after.into_iter().flatten().collect();
            }
            if begun.elapsed() > LIMIT {
                let pairs = alerts.iter().zip(after);
                let late: Vec<_> = pairs.filter(|pair| pair.1.is_none()).map(|pair| pair.0).collect();
                let what = if firing { "do not fire" } else { "do not resolve" };
                panic!(
                    "{late:?} {what} within {LIMIT:?}; what fires: {:#?}",
                    self.alerts.lock().unwrap_or_else(PoisonError::into_inner)
                );
            }
            thread::sleep(LOOK);
        }
    }

    /// Makes a cause and waits until alerts fire; takes it away and waits until they resolve.
    #[track_caller]
    pub(crate) fn episode<C>(&self, alerts: &[&str], cause: impl FnOnce() -> C, cure: impl FnOnce(C)) {
        self.wait(alerts, false);
        let begun = Instant::now();
        let made = cause();
        let making = begun.elapsed().as_secs_f64();
        let fired = self.wait(alerts, true);
        cure(made);
        let resolved = self.wait(alerts, false);
        let mut record = self.record.lock().unwrap_or_else(PoisonError::into_inner);
        for ((called, fired), resolved) in alerts.iter().zip(fired).zip(resolved) {
            record.rows.push(((*called).to_owned(), making + fired, resolved));
        }
    }

    /// Ends the looking, and tells what was found: alert, seconds until it fired, seconds until it resolved.
    pub(crate) fn end(&self) -> Vec<(String, f64, f64)> {
        self.over.store(true, Ordering::Relaxed);
        let mut rows = self
            .record
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .rows
            .clone();
        rows.sort_by(|one, other| one.0.cmp(&other.0));
        rows
    }
}

/// A server whose commits are safe, as those of people are, on which a database `app` is.
pub(crate) fn server(settings: &[(&str, &str)]) -> Cluster {
    let mut builder = Cluster::builder(pg_exporter_lab::newest_major()).set("fsync", "on");
    for (name, value) in settings {
        builder = builder.set(name, value);
    }
    let cluster = builder.start();
    cluster.create_database("app");
    cluster
}

/// How to run an exporter whose pages are all fresh.
pub(crate) fn exporter(url: &str) -> Builder {
    Exporter::builder(env!("CARGO_BIN_EXE_pg_exporter"))
        .url(url)
        .arg("--disable-cache")
}

/// A statement that is run again and again until this is dropped; whether it fails does not matter.
pub(crate) struct Repeat {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Repeat {
    pub(crate) fn start(mut session: Session, sql: &'static str, pause: Duration) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&over);
        let thread = thread::spawn(move || {
            while !until.load(Ordering::Relaxed) {
                let _ = session.answer_to(sql);
                thread::sleep(pause);
            }
        });
        Self {
            over,
            thread: Some(thread),
        }
    }
}

impl Drop for Repeat {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// Starts an exporter, and waits until its server is up.
#[track_caller]
pub(crate) fn ready(builder: &Builder) -> Exporter {
    let exporter = builder.start();
    exporter.wait_for_status("/up", 200, Duration::from_secs(60));
    exporter
}
