//! Pictures of the dashboards with the lab's data, drawn by a page of our own: Grafana itself is no package. Made when
//! `PG_EXPORTER_PICTURES` names a folder.

use std::path::PathBuf;

use pg_exporter_lab::Chromium;
use pg_exporter_observability::dashboards::to_json;
use serde_json::{Map, Value, json};

use super::lab::{Lab, Node};
use super::substitute;
use crate::files::{read, sources};

/// Draws each dashboard; what the browser complains about fails the test.
pub(crate) fn draw(lab: &Lab) {
    let Some(folder) = std::env::var_os("PG_EXPORTER_PICTURES").map(PathBuf::from) else {
        return;
    };
    let folder = std::fs::canonicalize(folder).unwrap();
    let browser = Chromium::start();
    browser.resize(1600, 900);
    browser.go(&format!("http://127.0.0.1:{}/", lab.exporter().port()));
    browser.screenshot(&folder.join("page.png"));
    for (name, source) in sources() {
        let dashboard: Value = serde_json::from_str(&to_json(&source)).unwrap();
        let one = source.variables.iter().any(|variable| variable == "instance");
        // Of many servers the newest primary, which has most.
        let nodes = lab.nodes_for(&name, one);
        let node = nodes.iter().flatten().rfind(|node| !node.standby).copied();
        let data = json!({ "data": data(lab, &dashboard, node), "dashboard": dashboard,
            "of": node.map_or(String::new(), |node| format!(": {}", node.instance)) });
        let page = read("tests/observability/expressions/page.html");
        let text = data.to_string().replace("</", "<\\/");
        let file = std::env::temp_dir().join(format!("pgx-drawing-{}-{name}.html", std::process::id()));
        std::fs::write(&file, page.replace("/*DATA*/null", &text)).unwrap();
        browser.go(&format!("file://{}", file.display()));
        browser.screenshot(&folder.join(format!("{name}.png")));
        let complaints = browser.console();
        std::fs::remove_file(&file).unwrap();
        assert!(complaints.is_empty(), "{name}: {complaints:?}");
    }
}

/// The answers to all panels' queries, by the panel's number.
fn data(lab: &Lab, dashboard: &Value, node: Option<&Node>) -> Value {
    let mut data = Map::new();
    let panels = dashboard["panels"].as_array().unwrap();
    let inside = panels
        .iter()
        .flat_map(|panel| panel["panels"].as_array().into_iter().flatten());
    for panel in panels.iter().chain(inside).filter(|panel| panel["type"] != "row") {
        let targets = panel["targets"].as_array().unwrap();
        let answers = targets.iter().map(|target| {
            let expr = substitute(target["expr"].as_str().unwrap(), node);
            lab.answer(&expr, target["range"] == true)
        });
        data.insert(panel["id"].to_string(), answers.collect());
    }
    Value::Object(data)
}
