//! The dashboards' JSON fits Grafana's own types, as `@grafana/schema` has them: no field that Grafana does not know, none of
//! another type, none missing.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

use pg_exporter_lab::tool;
use pg_exporter_observability::dashboards::to_json;
use serde_json::Value;

use crate::files::sources;

/// Where the options of a kind of panel are described.
const KINDS: [(&str, &str); 6] = [
    ("stat", "stat/panelcfg/x/StatPanelCfg"),
    ("timeseries", "timeseries/panelcfg/x/TimeSeriesPanelCfg"),
    ("table", "table/panelcfg/x/TablePanelCfg"),
    ("bargauge", "bargauge/panelcfg/x/BarGaugePanelCfg"),
    ("heatmap", "heatmap/panelcfg/x/HeatmapPanelCfg"),
    ("piechart", "piechart/panelcfg/x/PieChartPanelCfg"),
];

/// What the compiler says about a program; nothing when it fits.
fn compile(program: &str) -> String {
    let mut child = Command::new(tool("grafana-check"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(program.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.success(), said.is_empty(), "{said}");
    said.into_owned()
}

/// Declares the dashboards as values of Grafana's types. JSON has strings and numbers where TypeScript has enumerations. The
/// query of an annotation is the data source's own.
fn program(dashboards: &[Value]) -> String {
    let mut program = String::from("import type { Dashboard } from '@grafana/schema';\n");
    for (kind, place) in KINDS {
        let _ = writeln!(
            program,
            "import type {{ Options as {kind} }} from '@grafana/schema/dist/esm/raw/composable/{place}_types.gen';"
        );
    }
    program.push_str(
        "type Json<T> = T extends string ? `${T}` : T extends object ? { [K in keyof T]: Json<T[K]> } : T;\n\
         type Board = Json<Omit<Dashboard, 'annotations'>> & { annotations: unknown };\n",
    );
    for (number, dashboard) in dashboards.iter().enumerate() {
        let _ = writeln!(program, "const board{number}: Board = {dashboard:#};");
        // The options of a kind are the same in all its panels.
        let mut options = BTreeMap::new();
        for panel in dashboard["panels"].as_array().unwrap() {
            for panel in std::iter::once(panel).chain(panel["panels"].as_array().into_iter().flatten()) {
                options.insert(panel["type"].as_str().unwrap(), &panel["options"]);
            }
        }
        options.remove("row");
        for (kind, options) in options {
            let _ = writeln!(
                program,
                "const options{number}_{kind}: Json<{kind}> = {options:#};"
            );
        }
    }
    program
}

#[test]
fn dashboards_fit_grafanas_types() {
    let json = |source| serde_json::from_str::<Value>(&to_json(source)).unwrap();
    let mut dashboards: Vec<Value> = sources().iter().map(|(_, source)| json(source)).collect();
    let said = compile(&program(&dashboards));
    assert!(said.is_empty(), "{said}");

    // It would say so.
    dashboards[0]["graphTooltip"] = "shared".into();
    dashboards[1]["panels"][1]["gridPos"]["width"] = 3.into();
    let said = compile(&program(&dashboards));
    assert!(
        said.contains("graphTooltip") || said.contains("DashboardCursorSync"),
        "{said}"
    );
    assert!(said.contains("width"), "{said}");
}
