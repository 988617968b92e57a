//! How an open page keeps up to date.

use super::browser::Turn;
use super::scene::Scene;

#[test]
fn an_open_page_follows_and_keeps_its_place() {
    let scene = Scene::new();
    let turn = Turn::with(&scene.exporter);
    turn.open("/?sort=name&order=asc");
    assert_eq!(turn.text("return live.textContent"), "Live");
    turn.run(
        "window.mark = 1;
         document.querySelector('a[href=\"./collector/pg_table\"]').focus();
         window.scrollTo(0, 700);
         document.querySelector('tr[data-key=\"c pg_table\"]').mark = 1;",
    );
    assert!(turn.holds("document.querySelector('figcaption').textContent.startsWith('3 scrapes')"));
    let _ = scene.exporter.scrape();
    turn.wait("document.querySelector('figcaption').textContent.startsWith('4 scrapes')");
    let new = "aaa_new:\n  query: SELECT 1 AS n\n  metrics: [ n: { usage: GAUGE, description: One } ]\n";
    scene.definitions.write("new.yml", new);
    assert_eq!(scene.exporter.get("/reload").status, 200);
    let _ = scene.exporter.scrape();
    turn.wait("document.querySelector('tr[data-key=\"c aaa_new\"] .badge')?.textContent == 'ok'");
    assert!(
        turn.holds("window.mark == 1 && document.querySelector('tr[data-key=\"c pg_table\"]').mark == 1")
    );
    assert!(turn.holds("document.activeElement.getAttribute('href') == './collector/pg_table'"));
    assert!(turn.holds("window.scrollY >= 700"), "the place stays");
    scene.definitions.write("new.yml", "aaa_new: [");
    assert_eq!(scene.exporter.get("/reload").status, 500);
    turn.wait("document.querySelector('#configuration ~ .card .notice')?.textContent.includes('new.yml:1')");
    turn.end();
}

#[test]
fn details_of_a_collector_stay_open() {
    let scene = Scene::new();
    let turn = Turn::with(&scene.exporter);
    turn.open("/collector/pg_activity");
    turn.run(
        "document.querySelectorAll('details').forEach(one => { one.open = !one.open; one.mark = one.open })",
    );
    let executions = "document.querySelector('tr[data-key=\"e postgres\"]').textContent";
    turn.run(&format!("window.before = {executions}"));
    let _ = scene.exporter.scrape();
    turn.wait(&format!("{executions} != window.before"));
    assert!(turn.holds("[...document.querySelectorAll('details')].every(one => one.open === one.mark)"));
    turn.end();
}

#[test]
fn a_pause_and_a_hidden_page_ask_for_nothing() {
    let scene = Scene::new();
    let turn = Turn::with(&scene.exporter);
    turn.open("/");
    turn.run("window.asked = 0; const before = window.fetch; window.fetch = (...all) => (window.asked++, before(...all))");
    turn.click("#pause");
    assert_eq!(turn.text("return live.textContent"), "Paused");
    assert!(turn.holds("pause.getAttribute('aria-pressed') == 'true'"));
    let rest = "const done = arguments[0]; setTimeout(done, 6500)";
    turn.run_async(rest);
    assert_eq!(turn.run("return window.asked"), 0);
    turn.click("#pause");
    turn.wait("window.asked > 0");
    turn.run(
        "Object.defineProperty(document, 'hidden', { get: () => window.is_hidden, configurable: true });
         window.is_hidden = true; document.dispatchEvent(new Event('visibilitychange')); window.asked = 0",
    );
    turn.run_async(rest);
    assert_eq!(turn.run("return window.asked"), 0);
    turn.run("window.is_hidden = false; document.dispatchEvent(new Event('visibilitychange'))");
    turn.wait("window.asked > 0");
    turn.end();
}

#[test]
fn a_lost_connection_is_told() {
    let scene = Scene::new();
    let mut turn = Turn::with(&scene.exporter);
    turn.open("/");
    turn.cut();
    scene.exporter.terminate();
    turn.wait("document.documentElement.dataset.state == 'lost'");
    assert!(
        turn.text("return live.textContent")
            .starts_with("Connection lost at ")
    );
    assert!(
        turn.holds("document.querySelectorAll('tr').length > 20"),
        "what was known stays"
    );
    turn.picture("lost");
    turn.end();
}
