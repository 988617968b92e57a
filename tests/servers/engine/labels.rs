//! Constant labels.

use super::{Own, database};
use crate::layer::Layer;
use crate::support::{exporter, value};

const TIMES: &str = "
times:
  query: SELECT 'x' AS name, 1 AS one, 2 AS spent
  metrics:
    - name: { usage: LABEL, description: Name. }
    - one: { usage: GAUGE, description: One. }
    - spent: { usage: HISTOGRAM, bucket: [1], description: Time. }
";

#[test]
fn constant_labels_are_on_every_series() {
    let cluster = database("constant");
    let own = Own::with(
        cluster,
        "constant",
        TIMES,
        &["--auto-discovery=false", "--label=env=prod,site=a \"b\" \\c"],
    );
    let page = own.scrape();
    for sample in page
        .samples
        .iter()
        .filter(|sample| !sample.name.starts_with("process_"))
    {
        assert_eq!(sample.label("env"), Some("prod"), "{}", sample.name);
        assert_eq!(sample.label("site"), Some("a \"b\" \\c"), "{}", sample.name);
    }
    assert_eq!(value(&page, "times_one", &[("name", "x"), ("env", "prod")]), 1.0);
    assert_eq!(
        value(&page, "times_spent_bucket", &[("le", "+Inf"), ("env", "prod")]),
        1.0
    );
    assert_eq!(value(&page, "pg_up", &[("env", "prod")]), 1.0);
}

#[test]
fn a_constant_label_that_a_collector_has_is_refused() {
    let cluster = database("refused");
    for label in ["name=x", "le=x", "datname=x", "query=x"] {
        let layer = Layer::new(TIMES);
        let ended = exporter(&cluster.url("refused"))
            .args([
                "--no-builtin",
                "--web.listen-address=127.0.0.1:0",
                "--label",
                label,
                "--config",
            ])
            .arg(layer.path())
            .run();
        assert!(!ended.status.success(), "{label}");
        let name = label.split_once('=').unwrap().0;
        assert!(
            ended.stderr.contains(name) && !ended.stderr.contains("panicked"),
            "{}",
            ended.stderr
        );
    }
}
