//! What is generated is current.

use pg_exporter_observability::dashboards::to_json;
use pg_exporter_observability::rules::{Rules, prometheus_rule};

use crate::files::{alerts, assert_current, found_before, rule_texts, sources};

#[test]
fn the_prometheus_rule_is_current_and_means_the_same() {
    let texts = rule_texts();
    let resource = prometheus_rule(&texts);
    assert_current("observability/kubernetes/prometheusrule.yml", &resource);

    let (_, spec) = resource.split_once("\nspec:\n").unwrap();
    let spec: String = spec
        .lines()
        .map(|line| format!("{}\n", line.strip_prefix("  ").unwrap_or(line)))
        .collect();
    let mut written = Rules::default();
    for text in &texts {
        written.groups.extend(Rules::parse(text).unwrap().groups);
    }
    let same = format!("{:?}", Rules::parse(&spec).unwrap()) == format!("{written:?}");
    assert!(same, "the resource has other groups than the files");
}

#[test]
fn dashboards_are_current() {
    for (name, source) in sources() {
        assert_current(
            &format!("observability/dashboards/{name}.json"),
            &to_json(&source),
        );
    }
}

/// A new alert, or a new panel, is measured before it is told of.
#[test]
fn what_was_measured_has_every_alert_and_every_panel() {
    let (fired, drawn) = (found_before("alerts"), found_before("panels"));
    let alerts = alerts()
        .into_iter()
        .map(|(alert, _)| (alert.clone(), fired.contains(&format!("| {alert} |"))));
    let panels = sources().into_iter().flat_map(|(name, source)| {
        let row = |title: &str| format!("| {name} | {title} |");
        source
            .panels()
            .map(|panel| (row(&panel.title), drawn.contains(&row(&panel.title))))
            .collect::<Vec<_>>()
    });
    let missing: Vec<String> = alerts
        .chain(panels)
        .filter(|(_, known)| !known)
        .map(|(what, _)| what)
        .collect();
    assert!(
        missing.is_empty(),
        "UPDATE_MEASURED=1 cargo test --test observability: {missing:?}"
    );
}
