//! The source's form.

use std::collections::BTreeMap;

use serde::Deserialize;

/// A dashboard.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// What links lead to: `/d/UID`.
    pub uid: String,
    /// Its title.
    pub title: String,
    /// What it is for.
    pub description: String,
    /// Variables in the order of their choice: `job`, `cls`, `instance`, `datname`, `relname`. The data source is one always.
    pub variables: Vec<String>,
    /// The metric whose labels the variables take their values from.
    pub of: String,
    /// Its rows.
    pub rows: Vec<Row>,
}

/// A row with a title, which can be folded.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// Its title.
    pub title: String,
    /// Whether it is folded until one opens it.
    #[serde(default)]
    pub folded: bool,
    /// Its panels, from left to right, then down.
    pub panels: Vec<Panel>,
}

/// A panel: `expr`, `queries` or, of a table, `columns`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Panel {
    /// Its title.
    pub title: String,
    /// How it is drawn.
    pub kind: Kind,
    /// Width in 24ths of the screen.
    #[serde(default = "eight")]
    pub width: u32,
    /// Height in Grafana's units; by its kind when absent.
    pub height: Option<u32>,
    /// Its one expression.
    pub expr: Option<String>,
    /// The legend of that, a template of labels. A figure with a legend shows that and not its value.
    pub legend: Option<String>,
    /// Its expressions, where there are several.
    #[serde(default)]
    pub queries: Vec<Query>,
    /// A table's columns of values.
    #[serde(default)]
    pub columns: Vec<Column>,
    /// A table's columns of labels, which make a row.
    #[serde(default)]
    pub labels: Vec<String>,
    /// Grafana's name of the unit.
    pub unit: Option<String>,
    /// Least value of the axis.
    pub min: Option<f64>,
    /// Greatest value of the axis.
    pub max: Option<f64>,
    /// Digits behind the point.
    pub decimals: Option<u32>,
    /// Colours by value: `green, orange 0.8, red 0.95`.
    pub thresholds: Option<String>,
    /// Words for values.
    #[serde(default)]
    pub words: BTreeMap<String, String>,
    /// Whether series are put one upon another.
    #[serde(default)]
    pub stack: bool,
    /// What it shows, where the title does not say it all.
    pub description: Option<String>,
    /// When its expressions give series; always when absent.
    pub when: Option<When>,
}

/// How a panel is drawn.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A figure.
    Stat,
    /// Lines over time.
    Timeseries,
    /// Rows now.
    Table,
    /// Bars now.
    Bargauge,
    /// Colours over time, of a histogram.
    Heatmap,
    /// Shares now.
    Piechart,
}

/// An expression with its legend.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Query {
    /// PromQL.
    pub expr: String,
    /// A template of labels.
    pub legend: String,
    /// When it gives series; as the panel when absent.
    pub when: Option<When>,
}

/// A column of values.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// Its title.
    pub title: String,
    /// PromQL; one row per set of the table's labels.
    pub expr: String,
    /// Grafana's name of the unit.
    pub unit: Option<String>,
    /// Colours by value.
    pub thresholds: Option<String>,
    /// Words for values.
    #[serde(default)]
    pub words: BTreeMap<String, String>,
    /// When it gives series; as the panel when absent.
    pub when: Option<When>,
}

/// When an expression gives series.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct When {
    /// From this major of PostgreSQL on.
    pub from: Option<u32>,
    /// Up to this major.
    pub until: Option<u32>,
    /// On these servers only.
    pub on: Option<Server>,
    /// What else it takes: a reason, after which it may be empty on any server.
    pub needs: Option<String>,
}

/// A kind of server.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Server {
    /// Primaries.
    Primary,
    /// Standbys.
    Standby,
}

impl When {
    /// The condition in words; empty when there is none.
    #[must_use]
    pub fn words(&self) -> String {
        let mut words = Vec::new();
        if let Some(from) = self.from {
            words.push(format!("PostgreSQL {from} and later."));
        }
        if let Some(until) = self.until {
            words.push(format!("PostgreSQL up to {until}."));
        }
        match self.on {
            Some(Server::Primary) => words.push("Primaries only.".into()),
            Some(Server::Standby) => words.push("Standbys only.".into()),
            None => {}
        }
        if let Some(needs) = &self.needs {
            words.push(format!("Needs {needs}."));
        }
        words.join(" ")
    }
}

fn eight() -> u32 {
    8
}

impl Source {
    /// Reads the text of a source.
    ///
    /// # Errors
    /// With the place of the mistake.
    pub fn parse(text: &str) -> Result<Self, String> {
        serde_yaml::from_str(text).map_err(|error| error.to_string())
    }

    /// All panels, in order.
    pub fn panels(&self) -> impl Iterator<Item = &Panel> {
        self.rows.iter().flat_map(|row| &row.panels)
    }
}
