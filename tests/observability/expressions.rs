//! Every expression of every panel and rule on a real Prometheus over real servers, primaries and standbys of four majors,
//! and a pgbouncer, with something going on: it gives series exactly where the source says so.

mod lab;
mod pictures;

use std::collections::{BTreeMap, BTreeSet};

use pg_exporter_lab::turn;
use pg_exporter_observability::dashboards::{Panel, Server, Source, When, expressions};

use self::lab::{Lab, Node};
use crate::files::{all_rules, measured, sources};

/// Metrics of rules that no server here has, and why.
const ABSENT: [(&str, &str); 5] = [
    ("pg_exporter_query_failures_total", "no collector has failed"),
    (
        "pgbouncer_exporter_query_failures_total",
        "no collector has failed",
    ),
    (
        "pg_exporter_query_dropped_series_total",
        "no series is a duplicate",
    ),
    (
        "pg_exporter_web_config_last_reload_successful",
        "the exporter has no web configuration",
    ),
    (
        "pgbouncer_exporter_web_config_last_reload_successful",
        "the exporter has no web configuration",
    ),
];

/// Recorded series that may be empty here, and why.
const EMPTY: [(&str, &str); 1] = [("pg:instance:size_growth:bytes1d", "needs data of yesterday")];

#[test]
fn every_expression_gives_what_its_source_says() {
    let _turn = turn();
    let lab = Lab::start();
    let mut wrong = Vec::new();
    let mut table = String::from("| dashboard | panel | with data |\n|---|---|---|\n");
    for (name, source) in sources() {
        for panel in source.panels() {
            let found = check(&lab, &name, &source, panel, &mut wrong);
            table += &format!("| {name} | {} | {found} |\n", panel.title);
        }
    }
    measured("panels", &table);
    check_rules(&lab, &mut wrong);
    pictures::draw(&lab);
    assert!(
        wrong.is_empty(),
        "{} of the expressions:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// Where the panel has data: majors, or "fleet".
fn check(lab: &Lab, name: &str, source: &Source, panel: &Panel, wrong: &mut Vec<String>) -> String {
    let one = source.variables.iter().any(|variable| variable == "instance");
    let mut with = BTreeSet::new();
    for (expr, when) in expressions(panel) {
        for node in lab.nodes_for(name, one) {
            let asked = substitute(&expr, node);
            let rows = match lab.query(&asked) {
                Ok(rows) => rows,
                Err(error) => {
                    wrong.push(format!("{name}, {}: {error}: {asked}", panel.title));
                    continue;
                }
            };
            if !rows.is_empty() {
                with.insert(node.map_or("all together".to_owned(), |node| node.instance.clone()));
            }
            let whose = node.map_or("the fleet", |node| &node.instance);
            match expected(&when, node) {
                Some(true) if rows.is_empty() => {
                    wrong.push(format!("{name}, {}: nothing on {whose}: {asked}", panel.title));
                }
                Some(false) if !rows.is_empty() => {
                    wrong.push(format!(
                        "{name}, {}: {whose} has it against {when:?}: {asked}",
                        panel.title
                    ));
                }
                _ => {}
            }
            wrong.extend(
                duplicates(panel, &rows)
                    .map(|row| format!("{name}, {}: two rows {row}: {asked}", panel.title)),
            );
        }
    }
    let with: Vec<String> = with.into_iter().collect();
    if with.is_empty() {
        "none here".into()
    } else {
        with.join(", ")
    }
}

/// Rows of a table that are the same by the table's labels.
fn duplicates<'a>(
    panel: &'a Panel,
    rows: &'a [BTreeMap<String, String>],
) -> impl Iterator<Item = String> + 'a {
    let mut seen = BTreeSet::new();
    let keys = rows.iter().filter(|_| !panel.columns.is_empty()).map(|row| {
        let values = panel
            .labels
            .iter()
            .map(|label| row.get(label).map_or("", String::as_str));
        values.collect::<Vec<_>>().join("|")
    });
    keys.filter(move |key| !seen.insert(key.clone()))
}

/// Whether there must be series, must not be, or may be.
fn expected(when: &When, node: Option<&Node>) -> Option<bool> {
    let applies = node.is_none_or(|node| {
        when.from.is_none_or(|from| node.major >= from)
            && when.until.is_none_or(|until| node.major <= until)
            && match when.on {
                Some(Server::Primary) => !node.standby,
                Some(Server::Standby) => node.standby,
                None => true,
            }
    });
    // What holds on primaries may be there on a standby too: a cascade's, or what it has copied.
    let may = when.needs.is_some() || (when.on == Some(Server::Primary) && !applies);
    (!may).then_some(applies)
}

/// An expression with Grafana's variables replaced.
fn substitute(expr: &str, node: Option<&Node>) -> String {
    expr.replace("$instance", node.map_or(".*", |node| &node.instance))
        .replace("$relname", "public.pgbench_accounts")
        .replace("$job", ".*")
        .replace("$cls", ".*")
        .replace("$datname", ".*")
        .replace("$__rate_interval", "20s")
        .replace("$__range", "1m")
}

/// Recording rules give series, and alerts are about metrics that exist.
fn check_rules(lab: &Lab, wrong: &mut Vec<String>) {
    for rule in all_rules() {
        let name = rule.record.clone().or(rule.alert.clone()).unwrap_or_default();
        if let Err(error) = lab.query(&rule.expr) {
            wrong.push(format!("{name}: {error}"));
        }
        let may_be_empty = EMPTY.iter().any(|(known, _)| *known == name);
        if rule.record.is_some() && !may_be_empty && lab.query(&name).is_ok_and(|rows| rows.is_empty()) {
            wrong.push(format!("{name} is not recorded: {}", rule.expr));
        }
        let words = rule
            .expr
            .split(|character: char| !character.is_alphanumeric() && character != '_' && character != ':');
        for metric in words.filter(|word| word.starts_with("pg_") || word.starts_with("pgbouncer_")) {
            let absent = ABSENT.iter().any(|(known, _)| *known == metric);
            if !absent
                && lab
                    .query(&format!("{metric} or last_over_time({metric}[10m])"))
                    .is_ok_and(|rows| rows.is_empty())
            {
                wrong.push(format!("{name} is about {metric}, which nobody has"));
            }
        }
    }
}
