//! Grafana's JSON: the dashboard model as `@grafana/schema` has it.

use serde_json::{Map, Value, json};

use super::source::{Column, Kind, Panel, Row, Source};
use super::{When, expand};

/// The data source that the variable of that name chooses.
fn datasource() -> Value {
    json!({ "type": "prometheus", "uid": "${datasource}" })
}

/// A dashboard.
pub(super) fn dashboard(source: &Source) -> Value {
    json!({
        "uid": source.uid,
        "title": source.title,
        "description": source.description,
        "tags": ["postgresql", "pg_exporter"],
        "schemaVersion": 39,
        "version": 1,
        "editable": true,
        "graphTooltip": 1,
        "refresh": "30s",
        "timezone": "browser",
        "time": { "from": "now-3h", "to": "now" },
        "links": links(source),
        "templating": { "list": variables(source) },
        "annotations": { "list": [restarts(source)] },
        "panels": panels(source),
    })
}

fn links(source: &Source) -> Vec<Value> {
    let mut links = vec![json!({
        "type": "dashboards", "title": "PostgreSQL", "tags": ["pg_exporter"], "icon": "external link", "tooltip": "",
        "asDropdown": false, "includeVars": true, "keepTime": true, "targetBlank": false, "url": "",
    })];
    if source.variables.iter().any(|name| name == "instance") {
        links.push(json!({
            "type": "link", "title": "The exporter's page", "url": "http://${instance}/", "icon": "info", "tags": [],
            "tooltip": "Collectors, their last errors, their statements", "asDropdown": false, "includeVars": false,
            "keepTime": false, "targetBlank": true,
        }));
    }
    links
}

/// Each restart is a line through all plots.
fn restarts(source: &Source) -> Value {
    let chosen = if source.variables.iter().any(|name| name == "instance") {
        "@instance"
    } else {
        "@fleet"
    };
    json!({
        "name": "Restarts", "datasource": datasource(), "enable": true, "iconColor": "red",
        "target": { "refId": "Restarts", "expr": expand(&format!("changes(pg_boot_time{{{chosen}}}[2m]) > 0")) },
    })
}

fn variables(source: &Source) -> Vec<Value> {
    let mut list = vec![json!({
        "name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus", "hide": 0,
        "regex": "", "refresh": 1, "multi": false, "includeAll": false, "skipUrlSync": false, "options": [],
    })];
    let mut before: Vec<String> = Vec::new();
    for name in &source.variables {
        let query = format!("label_values({}{{{}}}, {name})", source.of, before.join(","));
        // One instance and one table at a time: their dashboards are about one.
        let several = !matches!(name.as_str(), "instance" | "relname");
        let mut variable = json!({
            "name": name, "label": name, "type": "query", "hide": 0, "datasource": datasource(),
            "query": { "query": query, "refId": name }, "refresh": 2, "regex": "", "sort": 1, "multi": several,
            "includeAll": several, "skipUrlSync": false, "options": [],
        });
        if let (true, Some(variable)) = (several, variable.as_object_mut()) {
            // Servers without the label too.
            variable.insert("allValue".into(), json!(".*"));
            variable.insert(
                "current".into(),
                json!({ "selected": true, "text": "All", "value": "$__all" }),
            );
        }
        list.push(variable);
        before.push(format!("{name}=~\"${name}\""));
    }
    list
}

/// Where the next panel goes.
#[derive(Default)]
struct Place {
    x: u32,
    y: u32,
    /// Height of the tallest panel of this line.
    tall: u32,
}

impl Place {
    fn take(&mut self, width: u32, height: u32) -> Value {
        if self.x + width > 24 {
            self.end_line();
        }
        let taken = json!({ "x": self.x, "y": self.y, "w": width, "h": height });
        self.x += width;
        self.tall = self.tall.max(height);
        taken
    }

    fn end_line(&mut self) {
        self.y += self.tall;
        self.x = 0;
        self.tall = 0;
    }
}

fn panels(source: &Source) -> Vec<Value> {
    let (mut list, mut place, mut id) = (Vec::new(), Place::default(), 0);
    let mut next = || {
        id += 1;
        id
    };
    for row in &source.rows {
        place.end_line();
        let at = place.take(24, 1);
        place.end_line();
        let head = next();
        let inside: Vec<Value> = row
            .panels
            .iter()
            .map(|one| {
                panel(
                    one,
                    next(),
                    &place.take(one.width, one.height.unwrap_or(height(one.kind))),
                )
            })
            .collect();
        list.push(head_of(row, head, &at, &inside));
        if !row.folded {
            list.extend(inside);
        }
    }
    list
}

/// A folded row holds its panels; an open one stands in front of them.
fn head_of(row: &Row, id: u32, at: &Value, inside: &[Value]) -> Value {
    let held = if row.folded { inside } else { &[] };
    json!({ "type": "row", "id": id, "title": row.title, "collapsed": row.folded, "gridPos": at, "panels": held })
}

fn height(kind: Kind) -> u32 {
    match kind {
        Kind::Stat => 4,
        Kind::Table => 10,
        _ => 8,
    }
}

fn panel(panel: &Panel, id: u32, at: &Value) -> Value {
    let when = panel.when.as_ref().map(When::words).unwrap_or_default();
    let description = [panel.description.as_deref().unwrap_or_default(), &when].join(" ");
    let mut made = json!({
        "id": id, "title": panel.title, "description": description.trim(), "gridPos": at, "datasource": datasource(),
        "type": kind(panel.kind), "options": options(panel),
        "fieldConfig": { "defaults": defaults(panel), "overrides": overrides(panel) },
    });
    if let Some(made) = made.as_object_mut() {
        made.insert("targets".into(), json!(targets(panel)));
        if !panel.columns.is_empty() {
            made.insert("transformations".into(), json!(transformations(panel)));
        }
    }
    made
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Stat => "stat",
        Kind::Timeseries => "timeseries",
        Kind::Table => "table",
        Kind::Bargauge => "bargauge",
        Kind::Heatmap => "heatmap",
        Kind::Piechart => "piechart",
    }
}

fn targets(panel: &Panel) -> Vec<Value> {
    let single = panel
        .expr
        .iter()
        .map(|expr| (expr, panel.legend.as_deref().unwrap_or("{{instance}}")));
    let queries = panel
        .queries
        .iter()
        .map(|query| (&query.expr, query.legend.as_str()));
    let columns = panel.columns.iter().map(|column| (&column.expr, ""));
    let range = matches!(panel.kind, Kind::Timeseries | Kind::Heatmap | Kind::Stat);
    let format = match panel.kind {
        Kind::Table => "table",
        Kind::Heatmap => "heatmap",
        _ => "time_series",
    };
    let all = single.chain(queries).chain(columns).zip(letters());
    all.map(|((expr, legend), letter)| {
        json!({
            "refId": letter, "expr": expand(expr), "legendFormat": legend, "datasource": datasource(),
            "range": range, "instant": !range, "format": format, "editorMode": "code",
        })
    })
    .collect()
}

fn letters() -> impl Iterator<Item = String> {
    ('A'..='Z').map(String::from)
}

/// Rows of the same labels become one; columns get their names.
fn transformations(panel: &Panel) -> Vec<Value> {
    let mut names = Map::new();
    let mut order = Map::new();
    for (number, label) in panel.labels.iter().enumerate() {
        order.insert(label.clone(), json!(number));
    }
    for (number, (column, letter)) in panel.columns.iter().zip(letters()).enumerate() {
        let field = if panel.columns.len() == 1 {
            "Value".to_owned()
        } else {
            format!("Value #{letter}")
        };
        order.insert(field.clone(), json!(panel.labels.len() + number));
        names.insert(field, json!(column.title));
    }
    vec![
        json!({ "id": "merge", "options": {} }),
        json!({ "id": "organize", "options": {
            "excludeByName": { "Time": true }, "indexByName": order, "renameByName": names } }),
    ]
}

fn defaults(panel: &Panel) -> Value {
    let mut defaults = Map::new();
    let colour = match panel.kind {
        Kind::Stat | Kind::Bargauge => "thresholds",
        _ => "palette-classic",
    };
    defaults.insert("color".into(), json!({ "mode": colour }));
    insert(&mut defaults, "unit", panel.unit.as_ref());
    insert(&mut defaults, "min", panel.min.as_ref());
    insert(&mut defaults, "max", panel.max.as_ref());
    insert(&mut defaults, "decimals", panel.decimals.as_ref());
    defaults.insert(
        "thresholds".into(),
        thresholds(panel.thresholds.as_deref().unwrap_or("green")),
    );
    defaults.insert("mappings".into(), json!(mappings(&panel.words)));
    if panel.kind == Kind::Timeseries {
        let stacking = if panel.stack { "normal" } else { "none" };
        let limits = if panel.thresholds.is_some() { "line" } else { "off" };
        defaults.insert(
            "custom".into(),
            json!({
                "drawStyle": "line", "lineWidth": 1, "fillOpacity": if panel.stack { 30 } else { 8 },
                "showPoints": "never", "spanNulls": false, "stacking": { "mode": stacking, "group": "A" },
                "thresholdsStyle": { "mode": limits },
            }),
        );
    }
    Value::Object(defaults)
}

fn insert<T: serde::Serialize>(into: &mut Map<String, Value>, key: &str, value: Option<&T>) {
    if let Some(value) = value {
        into.insert(key.into(), json!(value));
    }
}

/// `green, orange 0.8, red 0.95`
fn thresholds(text: &str) -> Value {
    let step = |step: &str| {
        let (colour, value) = step.trim().split_once(' ').unwrap_or((step.trim(), ""));
        json!({ "color": colour, "value": value.trim().parse::<f64>().ok() })
    };
    json!({ "mode": "absolute", "steps": text.split(',').map(step).collect::<Vec<_>>() })
}

fn mappings(words: &std::collections::BTreeMap<String, String>) -> Vec<Value> {
    if words.is_empty() {
        return Vec::new();
    }
    let option = |(number, (value, word)): (usize, (&String, &String))| {
        (value.clone(), json!({ "text": word, "index": number }))
    };
    let options: Map<String, Value> = words.iter().enumerate().map(option).collect();
    vec![json!({ "type": "value", "options": options })]
}

/// Units, colours and words of a table's columns; names of servers lead to their dashboard and to their exporter's page.
fn overrides(panel: &Panel) -> Vec<Value> {
    let mut list: Vec<Value> = panel.columns.iter().filter_map(override_of).collect();
    if panel.kind == Kind::Table && panel.labels.iter().any(|label| label == "instance") {
        list.push(json!({
            "matcher": { "id": "byName", "options": "instance" },
            "properties": [{ "id": "links", "value": [
                { "title": "This instance", "url": "/d/pg-instance?var-instance=${__value.text}&${__url_time_range}" },
                { "title": "Its exporter's page", "url": "http://${__value.text}/", "targetBlank": true },
            ] }],
        }));
    }
    list
}

fn override_of(column: &Column) -> Option<Value> {
    let mut properties = Vec::new();
    if let Some(unit) = &column.unit {
        properties.push(json!({ "id": "unit", "value": unit }));
    }
    if let Some(colours) = &column.thresholds {
        properties.push(json!({ "id": "thresholds", "value": thresholds(colours) }));
        properties.push(json!({ "id": "custom.cellOptions", "value": { "type": "color-text" } }));
        properties.push(json!({ "id": "color", "value": { "mode": "thresholds" } }));
    }
    if !column.words.is_empty() {
        properties.push(json!({ "id": "mappings", "value": mappings(&column.words) }));
    }
    let matcher = json!({ "id": "byName", "options": column.title });
    (!properties.is_empty()).then(|| json!({ "matcher": matcher, "properties": properties }))
}

fn options(panel: &Panel) -> Value {
    let last = json!({ "calcs": ["lastNotNull"], "fields": "", "values": false });
    match panel.kind {
        Kind::Stat => json!({
            "reduceOptions": last, "colorMode": "value", "graphMode": "area", "justifyMode": "auto",
            "orientation": "auto", "textMode": if panel.legend.is_some() { "name" } else { "auto" }, "wideLayout": true, "showPercentChange": false,
            "percentChangeColorMode": "standard",
        }),
        Kind::Timeseries => json!({
            "legend": { "showLegend": true, "displayMode": "list", "placement": "bottom", "calcs": [] },
            "tooltip": { "mode": "multi", "sort": "desc" },
        }),
        Kind::Table => json!({ "showHeader": true, "cellHeight": "sm", "frameIndex": 0 }),
        Kind::Bargauge => json!({
            "reduceOptions": last, "orientation": "horizontal", "displayMode": "basic", "valueMode": "text",
            "showUnfilled": true, "minVizHeight": 16, "minVizWidth": 8, "maxVizHeight": 300, "namePlacement": "auto",
            "sizing": "auto",
            "legend": { "showLegend": false, "displayMode": "list", "placement": "bottom", "calcs": [] },
        }),
        Kind::Heatmap => json!({
            "calculate": false, "cellGap": 1, "color": { "mode": "scheme", "scheme": "Oranges", "steps": 32,
                "exponent": 0.5, "fill": "dark-orange", "reverse": false },
            "filterValues": { "le": 1e-9 }, "legend": { "show": true }, "showValue": "never",
            "tooltip": { "mode": "single", "yHistogram": false, "showColorScale": true }, "yAxis": { "unit": "s" },
            "rowsFrame": { "layout": "auto" }, "exemplars": { "color": "rgba(255,0,255,0.7)" },
        }),
        Kind::Piechart => json!({
            "reduceOptions": last, "orientation": "auto", "pieType": "donut", "sort": "desc", "displayLabels": ["name", "value"],
            "legend": { "showLegend": false, "displayMode": "list", "placement": "right", "calcs": [], "values": [] },
            "tooltip": { "mode": "single", "sort": "none" },
        }),
    }
}
