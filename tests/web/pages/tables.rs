//! Sorting and filtering, with a script and without.

use pg_exporter_lab::Nginx;

use super::browser::Turn;
use super::scene::Scene;

const NAMES: &str = "tr[data-key^=\"c \"] th";

/// The texts of a column of the table of collectors, by its place from 1.
fn column(turn: &Turn, place: usize) -> Vec<String> {
    turn.texts(&format!("tr[data-key^=\"c \"] > :nth-child({place})"))
}

/// Numbers of the column "Series"; inactive collectors have none.
fn series(turn: &Turn) -> Vec<u64> {
    column(turn, 4).iter().map(|text| text.parse().unwrap()).collect()
}

fn is_descending(numbers: &[u64]) -> bool {
    numbers.len() > 10 && numbers.is_sorted_by(|a, b| a >= b)
}

#[test]
fn links_and_the_form_sort_and_filter_without_a_script() {
    let scene = Scene::new();
    let turn = Turn::with(&scene.exporter);
    turn.allow_scripts(false);
    turn.open("/");
    assert!(
        turn.holds("document.getElementById('update').hidden"),
        "no script has run"
    );
    assert_eq!(
        turn.texts(NAMES).first().unwrap(),
        "broken",
        "trouble comes first"
    );
    turn.click("thead a[href*='sort=series']");
    assert!(is_descending(&series(&turn)), "{:?}", series(&turn));
    assert!(turn.holds("document.querySelector('[aria-sort=descending]').textContent == 'Series'"));
    turn.click("thead a[href*='sort=series']");
    let numbers = series(&turn);
    assert!(numbers.is_sorted() && numbers.len() > 10, "{numbers:?}");
    turn.click("thead a[href*='sort=name']");
    assert!(turn.texts(NAMES).is_sorted());
    turn.type_into("#filter", "pg_db\u{e007}");
    turn.wait("location.search.includes('filter=pg_db')");
    assert_eq!(turn.texts(NAMES), ["pg_db", "pg_db_confl"]);
    assert!(
        turn.holds("location.search.includes('sort=name')"),
        "the order stays"
    );
    turn.open("/?state=failed");
    assert_eq!(turn.texts(NAMES), ["broken"]);
    assert_eq!(turn.texts("[aria-current]"), ["Failing 1"]);
    turn.open("/?state=inactive&filter=pgbouncer_");
    let states = column(&turn, 2);
    assert!(
        states.iter().all(|state| state.starts_with("inactive ")),
        "{states:?}"
    );
    assert!(
        states.iter().any(|state| state == "inactive for pgbouncer"),
        "{states:?}"
    );
    turn.open("/?filter=missing%3C%2Fb");
    assert_eq!(turn.texts(NAMES), ["broken"], "errors are searched too");
    turn.open("/?filter=nothing+is+called+so");
    assert!(turn.texts(NAMES).is_empty());
    turn.end();
}

#[test]
fn a_script_does_the_same_in_place() {
    let scene = Scene::new();
    let turn = Turn::with(&scene.exporter);
    turn.open("/");
    turn.run("window.mark = 1");
    turn.click("thead a[href*='sort=series']");
    turn.wait("document.querySelector('[aria-sort=descending]')");
    assert!(is_descending(&series(&turn)), "{:?}", series(&turn));
    assert!(turn.holds("location.search == '?sort=series&order=desc'"));
    assert!(
        turn.holds("document.activeElement.textContent == 'Series'"),
        "focus stays"
    );
    turn.type_into("#filter", "pg_db");
    turn.wait("document.querySelectorAll('tr[data-key^=\"c \"]').length == 2");
    turn.type_into("#filter", "_confl");
    turn.wait("document.querySelectorAll('tr[data-key^=\"c \"]').length == 1");
    assert!(turn.holds("document.activeElement.id == 'filter' && filter.value == 'pg_db_confl'"));
    assert!(
        turn.holds(
            "location.search.includes('sort=series') && location.search.includes('filter=pg_db_confl')"
        )
    );
    turn.click(".chips li:last-child a");
    turn.wait("document.querySelector('.chips li:last-child [aria-current]')");
    assert!(turn.holds("window.mark == 1"), "the page was never loaded anew");
    turn.end();
}

#[test]
fn the_page_of_a_collector_is_a_click_away_and_back() {
    let scene = Scene::new();
    let turn = Turn::with(&scene.exporter);
    turn.open("/");
    turn.click("a[href='./collector/pg_db']");
    assert_eq!(turn.texts("h1"), ["pg_db"]);
    let body = turn.text("return document.body.innerText");
    for shown in [
        "pg_catalog.pg_database",
        "collectors/0610-pg_db.yml:",
        "numbackends",
        "pg_db_numbackends",
        "Backends connected.",
        "datname=\"postgres\"",
        "Active",
        "100 ms",
    ] {
        assert!(body.contains(shown), "{shown} in {body}");
    }
    let branches = turn.texts(".branch .badge");
    assert!(branches.len() > 2 && branches[0] == "installed" && branches[1] == "not installed");
    turn.picture("collector");
    turn.click(".crumbs a");
    assert!(turn.holds("location.pathname == '/'"));
    turn.open("/collector/broken");
    let body = turn.text("return document.body.innerText");
    assert!(
        body.contains("relation \"<b>missing</b>\" does not exist (SQLSTATE 42P01)"),
        "{body}"
    );
    assert!(body.contains("/failing.yml:2"), "{body}");
    turn.end();
}

#[test]
fn behind_a_proxy_that_adds_a_prefix_links_and_the_form_stay_below_it() {
    let scene = Scene::new();
    let upstream = format!("server 127.0.0.1:{};", scene.exporter.port());
    let nginx = Nginx::start(&upstream, "rewrite ^/pg(/.*)$ $1 break;");
    let turn = Turn::at(nginx.port());
    let all_below = "[...document.links].every(one => one.pathname.startsWith('/pg/'))";
    turn.open("/pg/");
    assert!(turn.holds(all_below));
    turn.click("a[href='./collector/pg_db']");
    assert_eq!(turn.texts("h1"), ["pg_db"]);
    assert!(turn.holds("location.pathname == '/pg/collector/pg_db'"));
    assert!(turn.holds(all_below));
    turn.click(".crumbs a");
    turn.type_into("#filter", "pg_db");
    turn.wait("document.querySelectorAll('tr[data-key^=\"c \"]').length == 2");
    assert!(turn.holds("location.pathname == '/pg/' && location.search.includes('filter=pg_db')"));
    turn.end();
}
