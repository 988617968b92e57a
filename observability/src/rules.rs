//! The rule files: read, and put into the form of the Prometheus operator.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

/// A rule file.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// Its groups; rules of a group are evaluated one after another.
    pub groups: Vec<Group>,
}

/// A group of rules.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// Its rules.
    pub rules: Vec<Rule>,
}

/// A recording rule (`record`) or an alerting rule (`alert`).
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The name of the series that is recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<String>,
    /// The name of the alert.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alert: Option<String>,
    /// The expression, in PromQL.
    pub expr: String,
    /// How long it must hold until the alert fires, as Prometheus writes durations; at once when absent.
    #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
    pub holds: Option<String>,
    /// Labels of the alert: `severity`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// `summary`, `description`, `runbook_url`; templates.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

impl Rules {
    /// Reads the text of a rule file.
    ///
    /// # Errors
    /// With the place of the mistake.
    pub fn parse(text: &str) -> Result<Self, String> {
        serde_yaml::from_str(text).map_err(|error| error.to_string())
    }

    /// All rules, in order.
    pub fn all(&self) -> impl Iterator<Item = &Rule> {
        self.groups.iter().flat_map(|group| &group.rules)
    }
}

/// The rule files' texts as one resource of the Prometheus operator. The text of each is kept, comments too, and moved to
/// the right.
#[must_use]
pub fn prometheus_rule(texts: &[String]) -> String {
    let mut resource = String::from(
        "# Generated from observability/rules: do not edit. `UPDATE_GOLDEN=1 cargo test --test observability generated`\n\
         apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata:\n  name: pg-exporter\n  labels:\n    \
         app.kubernetes.io/name: pg-exporter\nspec:\n  groups:\n",
    );
    for text in texts {
        let groups = text.lines().skip_while(|line| *line != "groups:").skip(1);
        for line in groups {
            // A line of spaces only would be one that editors and linters mark.
            let indent = if line.is_empty() { "" } else { "  " };
            let _ = writeln!(resource, "{indent}{line}");
        }
    }
    resource
}
