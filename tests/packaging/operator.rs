//! What the chart renders for the Prometheus Operator, by the operator's own definitions: no key that there is not, no form that it
//! refuses.

use serde_json::{Value, json};

use crate::chart::{chart, rendered};
use crate::support::{Folder, Output, files, of_kind, output, tool, validate};

fn checked(objects: &[Value]) -> Output {
    let folder = Folder::new();
    let file = folder.write("objects.json", &json!(objects).to_string());
    output(tool("operator-check").arg(file))
}

#[test]
fn each_values_file_renders_what_the_operator_takes() {
    let chart = chart();
    let mut objects = Vec::new();
    for values in files("packaging/helm/pg-exporter/ci", "-values.yaml") {
        objects.extend(validate(&rendered(&chart, "release", &values)));
    }
    for kind in ["ServiceMonitor", "PodMonitor", "PrometheusRule"] {
        assert!(!of_kind(&objects, kind).is_empty(), "no values file has a {kind}");
    }
    let found = checked(&objects);
    assert!(found.success, "{}{}", found.stdout, found.stderr);
}

/// The check itself finds what it is there for.
#[test]
fn what_the_operator_refuses_is_found() {
    let monitor = |endpoint: &Value| {
        json!({
            "apiVersion": "monitoring.coreos.com/v1",
            "kind": "PodMonitor",
            "metadata": { "name": "one" },
            "spec": { "selector": {}, "podMetricsEndpoints": [endpoint] },
        })
    };
    let wrong = [
        (monitor(&json!({ "port": "web", "intervall": "5s" })), "intervall"),
        (monitor(&json!({ "port": "web", "interval": "fast" })), "interval"),
        (monitor(&json!({ "port": 9630 })), "port"),
        (
            json!({ "apiVersion": "monitoring.coreos.com/v1", "kind": "PodMonitors" }),
            "PodMonitors",
        ),
    ];
    for (object, named) in wrong {
        let found = checked(std::slice::from_ref(&object));
        assert!(
            !found.success && found.stdout.contains(named),
            "{object}: {}{}",
            found.stdout,
            found.stderr
        );
    }
}
