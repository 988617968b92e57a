//! A collector compiled in and the same file read at run time give the same page.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use pg_exporter_lab::{Exporter, Folder, Pgbouncer, newest_major, shared};

use crate::layer::{Layer, patience};
use crate::scene::{SKIPPED, scene};
use crate::support::exporter;

/// A copy of the shipped definitions, with the tuning of the tests.
fn copy(tuning: &str) -> Folder {
    let copy = Folder::new();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("collectors");
    for entry in fs::read_dir(shipped).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_file() {
            fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
        }
    }
    copy.write("9999-tuning.yml", tuning);
    copy
}

#[test]
fn compiled_and_loaded_collectors_give_the_same_page() {
    let scene = scene(newest_major());
    // It leaves out the exporter that asks, and there are two.
    let skipped: Vec<_> = SKIPPED
        .into_iter()
        .filter(|name| *name != "pg_backend_io")
        .collect();
    compare("primary", &scene.primary.url("postgres"), &skipped, 1000);
    compare("standby", &scene.standby.url("postgres"), &skipped, 1000);
    let pgbouncer = Pgbouncer::start(shared(newest_major()));
    compare(
        "pgbouncer",
        &pgbouncer.stats_url(),
        &["pgbouncer_client", "pgbouncer_server"],
        50,
    );
}

/// `least` is how many series must have been compared with their values.
fn compare(name: &str, url: &str, skipped: &[&str], least: usize) {
    let tuning = patience(skipped);
    let (copy, layer) = (copy(&tuning), Layer::new(&tuning));
    let start = |more: &[&str], config: &Path| {
        let builder = exporter(url)
            .args(["--disable-cache", "--disable-intro"])
            .args(more);
        builder.arg("--config").arg(config).start()
    };
    let (compiled, loaded) = (start(&[], &layer.path()), start(&["--no-builtin"], copy.path()));
    let deadline = Instant::now() + Duration::from_secs(30);
    // Numbers change between two scrapes, and so do the waits of sessions: until no difference is left.
    loop {
        match difference(&compiled, &loaded) {
            Ok(compared) => return assert!(compared >= least, "{name}: only {compared} series stood still"),
            Err(what) => assert!(Instant::now() < deadline, "{name}: {what}"),
        }
    }
}

/// The page's lines apart from the process' own, each with its value apart.
fn lines(exporter: &Exporter) -> Vec<(String, String)> {
    let text = exporter.get("/metrics").text();
    let is_process = |line: &&str| {
        line.trim_start_matches("# HELP ")
            .trim_start_matches("# TYPE ")
            .starts_with("process_")
    };
    let split = |line: &str| match line.rsplit_once(' ') {
        Some((series, value)) if !line.starts_with('#') => (series.to_owned(), value.to_owned()),
        _ => (line.to_owned(), String::new()),
    };
    text.lines().filter(|line| !is_process(line)).map(split).collect()
}

/// Heads and series must be equal in their order, and the text of every value that is the same in the scrapes before
/// and after. Yields how many values were compared.
fn difference(compiled: &Exporter, loaded: &Exporter) -> Result<usize, String> {
    let (before, middle, after) = (lines(compiled), lines(loaded), lines(compiled));
    let series =
        |lines: &[(String, String)]| lines.iter().map(|(series, _)| series.clone()).collect::<Vec<_>>();
    if series(&before) != series(&middle) || series(&before) != series(&after) {
        let strange = middle
            .iter()
            .find(|(line, _)| before.iter().all(|(known, _)| known != line));
        return Err(format!(
            "{} and {} lines; {strange:?}",
            before.len(),
            middle.len()
        ));
    }
    let mut compared = 0;
    for ((before, middle), after) in before.iter().zip(&middle).zip(&after) {
        if before.1 == after.1 && !before.1.is_empty() {
            if middle.1 != before.1 {
                return Err(format!(
                    "{}: compiled {}, loaded {}",
                    before.0, before.1, middle.1
                ));
            }
            compared += 1;
        }
    }
    Ok(compared)
}
