//! Dashboards: a short source (`dashboards/*.yml`), and Grafana's JSON that is made of it.
//!
//! In expressions `@fleet`, `@instance` and `@database` stand for the selectors of the dashboard's variables.

mod grafana;
mod source;

pub use source::{Column, Kind, Panel, Query, Row, Server, Source, When};

/// The expressions of a panel, with when they give series.
#[must_use]
pub fn expressions(panel: &Panel) -> Vec<(String, When)> {
    let panels = panel.when.clone().unwrap_or_default();
    let queries = panel.queries.iter().map(|query| (&query.expr, &query.when));
    let columns = panel.columns.iter().map(|column| (&column.expr, &column.when));
    let single = panel.expr.iter().map(|expr| (expr, &None));
    single
        .chain(queries)
        .chain(columns)
        .map(|(expr, when)| (expand(expr), when.clone().unwrap_or_else(|| panels.clone())))
        .collect()
}

/// Grafana's JSON of a dashboard.
#[must_use]
pub fn to_json(source: &Source) -> String {
    let mut text = serde_json::to_string_pretty(&grafana::dashboard(source)).unwrap_or_default();
    text.push('\n');
    text
}

/// An expression with the selectors in place of their names.
fn expand(expr: &str) -> String {
    expr.replace("@fleet", r#"job=~"$job",cls=~"$cls""#)
        .replace("@instance", r#"job=~"$job",instance=~"$instance""#)
        .replace(
            "@database",
            r#"job=~"$job",instance=~"$instance",datname=~"$datname""#,
        )
}
