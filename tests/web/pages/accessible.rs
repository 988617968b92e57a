//! For everybody, on every screen: axe-core's judgement, and widths down to 320 pixels.

use std::fs;

use pg_exporter_lab::tool;
use serde_json::Value;

use super::browser::{DESKTOP, PHONE, Turn};
use super::scene::Scene;

const PAGES: [(&str, &str); 4] = [
    ("home", "/"),
    ("filtered", "/?state=failed&filter=broken&databases=all"),
    ("collector", "/collector/pg_db"),
    ("unknown", "/collector/nothing"),
];

/// What axe-core finds serious or critical, a line each.
fn violations(turn: &Turn, axe: &str) -> Vec<String> {
    turn.run(axe);
    let found =
        turn.run_async("const done = arguments[0]; axe.run().then(done, error => done(String(error)))");
    let passes = found["passes"].as_array().map_or(0, Vec::len);
    assert!(passes > 20, "axe-core has looked at the page: {found}");
    let grave = found["violations"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| matches!(one["impact"].as_str(), Some("serious" | "critical")));
    let line = |one: &Value| format!("{}: {} in {}", one["id"], one["help"], one["nodes"]);
    grave.map(line).collect()
}

#[test]
fn axe_finds_nothing_serious_and_nothing_overflows() {
    let scene = Scene::new();
    let turn = Turn::with(&scene.exporter);
    let axe = fs::read_to_string(tool("axe-core")).unwrap();
    for (name, path) in PAGES {
        for (scheme, dark) in [("light", false), ("dark", true)] {
            turn.prefer_dark(dark);
            for (screen, (width, height)) in [("desktop", DESKTOP), ("phone", PHONE)] {
                turn.resize(width, height);
                turn.open(path);
                let found = violations(&turn, &axe);
                assert!(found.is_empty(), "{path}, {scheme}, {screen}: {found:#?}");
                let widest = turn.run("return document.documentElement.scrollWidth");
                assert!(
                    widest.as_u64().unwrap() <= u64::from(width),
                    "{path}, {screen}: {widest} wide"
                );
                turn.picture(&format!("{name}-{scheme}-{screen}"));
            }
        }
    }
    let not_found = turn.console();
    assert!(
        not_found.iter().all(|line| line.contains("404")),
        "{not_found:#?}"
    );
    turn.end();
}

#[test]
fn a_keyboard_reaches_all_and_shows_where_it_is() {
    let scene = Scene::new();
    let turn = Turn::with(&scene.exporter);
    turn.open("/");
    turn.type_into("body", "\u{e004}");
    assert_eq!(
        turn.text("return document.activeElement.textContent"),
        "Skip to content"
    );
    assert!(
        turn.holds("document.activeElement.getBoundingClientRect().left >= 0"),
        "it shows"
    );
    let outline = "getComputedStyle(document.activeElement).outlineStyle";
    assert_eq!(turn.text(&format!("return {outline}")), "solid");
    let in_order = "[...document.querySelectorAll('a, button, input:not([type=hidden]), summary')].every(one => one.tabIndex == 0)";
    assert!(turn.holds(in_order));
    turn.end();
}
