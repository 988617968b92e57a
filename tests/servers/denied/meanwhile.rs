//! A function that is denied while two runs are at the same statement.

use std::thread;
use std::time::Duration;

use pg_exporter_lab::{Exporter, Page, majors};

use super::{server, url};
use crate::layer::Layer;
use crate::support::{exporter, failures};

/// `guarded` can do without a function, and takes 2 s once it runs. The others are what keeps their runs.
const COLLECTORS: &str = "
guarded:
  query: |
    SELECT 1 AS one, pg_catalog.date_part('epoch', pg_catalog.pg_conf_load_time()) AS loaded
    FROM (SELECT pg_catalog.pg_sleep(2) OFFSET 0) AS s
  optional: [pg_conf_load_time]
  timeout: 30
  metrics: [ one: { usage: GAUGE, description: One. }, loaded: { usage: GAUGE, description: When. } ]
first:
  query: SELECT 1 AS one FROM (SELECT pg_catalog.pg_sleep(1) OFFSET 0) AS s
  timeout: 30
  metrics: [ one: { usage: GAUGE, description: One. } ]
second:
  query: SELECT 1 AS one FROM (SELECT pg_catalog.pg_sleep(2) OFFSET 0) AS s
  timeout: 30
  metrics: [ one: { usage: GAUGE, description: One. } ]
";

fn page(exporter: &Exporter, with: &str) -> Page {
    let answer = exporter.get(&format!("/metrics?collect[]=guarded&collect[]={with}"));
    assert_eq!(answer.status, 200, "{}", answer.text());
    Page::parse(&answer.text())
}

/// The second of two runs hears that the function is denied while the first is at the statement without it.
#[test]
fn a_run_beside_another_one_loses_nothing() {
    let server = server(*majors().last().unwrap());
    let layer = Layer::new(COLLECTORS);
    let exporter = exporter(&url(&server))
        .args(["--disable-cache", "--no-builtin", "--config"])
        .arg(layer.path())
        .start();
    assert_eq!(page(&exporter, "first").value("guarded_one", &[]), Some(1.0));
    server.psql("revoke execute on function pg_conf_load_time() from public");
    let pages = thread::scope(|scope| {
        let first = scope.spawn(|| page(&exporter, "first"));
        thread::sleep(Duration::from_millis(600));
        let second = scope.spawn(|| page(&exporter, "second"));
        [first, second].map(|one| one.join().unwrap())
    });
    for (page, other) in pages.iter().zip(["first_one", "second_one"]) {
        assert_eq!(page.value(other, &[]), Some(1.0), "{}", exporter.stderr());
        assert_eq!(
            page.value("guarded_one", &[]),
            Some(1.0),
            "{other}: {}",
            exporter.stderr()
        );
        assert!(
            page.value("guarded_loaded", &[]).is_some_and(f64::is_nan),
            "{other}"
        );
        assert_eq!(failures(page), Vec::<String>::new());
    }
}
