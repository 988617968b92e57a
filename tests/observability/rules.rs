//! The rules by themselves: Prometheus' own tool accepts them, each alert has a case that fires and one that must not, a
//! severity, a text with its value's place, and a section in the runbooks.

use std::collections::BTreeSet;
use std::process::Command;

use pg_exporter_lab::tool;

use crate::files::{alerts, all_rules, files, path, read};

#[track_caller]
fn promtool(arguments: &[&str], folder: &str) -> String {
    let output = Command::new(tool("promtool"))
        .args(arguments)
        .args(files(folder, "yml"))
        .current_dir(path(folder))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    said.into_owned()
}

#[test]
fn prometheus_accepts_the_rules() {
    let said = promtool(&["check", "rules"], "observability/rules");
    assert!(said.contains("SUCCESS"), "{said}");
}

#[test]
fn each_alert_fires_when_it_must_and_only_then() {
    promtool(&["test", "rules"], "observability/rules/tests");

    // Of each alert's group, one instance or cluster at least must fire, and one at least must not.
    let tests: String = files("observability/rules/tests", "yml")
        .iter()
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect();
    for (name, _) in alerts() {
        let (_, group) = tests
            .split_once(&format!("\n  - name: {name}\n"))
            .unwrap_or_else(|| panic!("no test of {name}"));
        let group = group.split("\n  - name: ").next().unwrap();
        assert!(
            group.contains(&format!("alertname=\"{name}\"")) || group.contains(&format!("alertname: {name}"))
        );
        let expected = group
            .lines()
            .filter(|line| line.contains("exp_samples: [{") || line.contains("exp_labels:"));
        let expected: String = expected.collect();
        assert!(!expected.is_empty(), "nothing fires in the test of {name}");
        let whose = |line: &str| {
            let label = if line.contains("cluster_id=\"") && name == "PgClusterLabelMissing" {
                "cluster_id=\""
            } else {
                "instance=\""
            };
            let (_, rest) = line.split_once(label)?;
            rest.split_once('"').map(|(value, _)| value.to_owned())
        };
        let series: BTreeSet<String> = group
            .lines()
            .filter(|line| line.contains("series: "))
            .filter_map(whose)
            .collect();
        let silent = series.iter().find(|instance| {
            let stem = instance.split('-').next().unwrap();
            !expected.contains(&format!("\"{instance}\""))
                && !expected.contains(&format!(": {instance}"))
                && stem != "bad"
        });
        assert!(
            silent.is_some(),
            "everything fires in the test of {name}: {series:?}"
        );
    }
}

#[test]
fn each_alert_says_what_it_is_about() {
    let runbooks = read("docs/runbooks.md");
    for (name, alert) in alerts() {
        let severity = alert.labels.get("severity").map(String::as_str);
        assert!(
            matches!(severity, Some("critical" | "warning" | "info")),
            "{name}: {severity:?}"
        );
        for text in ["summary", "description"] {
            let text = alert
                .annotations
                .get(text)
                .unwrap_or_else(|| panic!("{name} has no {text}"));
            assert!(text.contains("$labels."), "{name}: which? {text}");
            // A query gives its series in any order, and a text that changes is another notification.
            for all in text.split("{{ range ").skip(1) {
                let query = all.split("}}").next().unwrap();
                assert!(
                    query.contains("| sortByLabel `"),
                    "{name}: in which order? {text}"
                );
            }
        }
        let url = alert
            .annotations
            .get("runbook_url")
            .unwrap_or_else(|| panic!("{name} has no runbook"));
        assert!(
            url.ends_with(&format!("docs/runbooks.md#{}", name.to_lowercase())),
            "{name}: {url}"
        );
        let section = format!("\n### {name}\n*{}.* ", severity.unwrap());
        assert!(
            runbooks.contains(&section),
            "docs/runbooks.md has no section {section:?}"
        );
    }
    let names: BTreeSet<String> = alerts().into_iter().map(|(name, _)| name).collect();
    let sections = runbooks.lines().filter_map(|line| line.strip_prefix("### "));
    let unknown: Vec<&str> = sections.filter(|section| !names.contains(*section)).collect();
    assert!(unknown.is_empty(), "sections without an alert: {unknown:?}");
}

/// What an alert or a recording rule builds on is recorded before it.
#[test]
fn recorded_names_exist() {
    let mut known = BTreeSet::new();
    for rule in all_rules() {
        let words = rule
            .expr
            .split(|character: char| !character.is_alphanumeric() && !":_".contains(character));
        for word in words.filter(|word| word.starts_with("pg:")) {
            assert!(
                known.contains(word),
                "{word} is not recorded before {:?}",
                rule.record.or(rule.alert)
            );
        }
        known.extend(rule.record);
    }
}
