//! The pages in every state of the target.

use pg_exporter_lab::{Exporter, Pgbouncer, free_port};

use super::browser::Turn;
use super::scene::{Scene, server};
use crate::support::{PROGRAM, SOON, on_server};

/// The note and value of a figure at the top of the page.
fn tile(turn: &Turn, label: &str) -> String {
    let script = format!(
        "const tile = [...document.querySelectorAll('.tile')].find(one => one.querySelector('dt').textContent == '{label}');
         return [...tile.querySelectorAll('dd')].map(one => one.textContent).filter(Boolean).join('; ')"
    );
    turn.text(&script)
}

#[test]
fn a_primary_shows_its_figures() {
    let scene = Scene::new();
    let turn = Turn::with(&scene.exporter);
    turn.open("/");
    let place = format!("127.0.0.1:{}/postgres", server().port());
    assert_eq!(turn.texts("h1"), [place.as_str()]);
    assert_eq!(turn.texts("main .state"), ["primary"]);
    assert!(
        turn.text("return document.body.innerText")
            .contains("PostgreSQL 1")
    );
    assert!(tile(&turn, "Role").starts_with("Primary; probed "));
    let limit = server().psql("show max_connections");
    let connections = tile(&turn, "Connections");
    assert!(connections.contains(&format!("; of {limit}, ")), "{connections}");
    // The exporter's own are left out, as in pg_activity.
    let used = connections.split(';').next().unwrap_or_default();
    assert!(used.parse::<u32>().is_ok(), "{connections}");
    // "42 s" on a new server, "1 min" or "1 min 5 s" on one that others have used.
    let uptime = tile(&turn, "Uptime");
    assert!(
        uptime.starts_with(|first: char| first.is_ascii_digit()),
        "{uptime}"
    );
    assert!(uptime.contains("; version 1"), "{uptime}");
    assert!(
        tile(&turn, "Collectors").contains("1 failing"),
        "{}",
        tile(&turn, "Collectors")
    );
    assert!(turn.holds("document.querySelector('.plot path.warn').getAttribute('d').startsWith('M')"));
    turn.end();
}

#[test]
fn a_replica_shows_its_lag() {
    let standby = server().standby();
    let exporter = Exporter::builder(PROGRAM)
        .url(&standby.url("postgres"))
        .env("PG_EXPORTER_CONNECT_TIMEOUT", "10s")
        .start();
    exporter.wait_for_status("/replica", 200, SOON);
    let _ = exporter.scrape();
    let turn = Turn::with(&exporter);
    turn.open("/");
    assert_eq!(turn.texts("main .state"), ["replica"]);
    let lag = tile(&turn, "Replay lag");
    assert!(lag.ends_with("to replay"), "{lag}");
    assert_eq!(turn.texts("tr[data-key=\"c pg_recv\"] .badge"), ["ok"]);
    turn.end();
}

#[test]
fn a_pgbouncer_is_called_so() {
    let pooler = Pgbouncer::start(server());
    let exporter = Exporter::builder(PROGRAM)
        .url(&pooler.admin_url())
        .env("PG_EXPORTER_CONNECT_TIMEOUT", "10s")
        .start();
    exporter.wait_for_status("/up", 200, SOON);
    let _ = exporter.scrape();
    let turn = Turn::with(&exporter);
    turn.open("/");
    assert_eq!(
        turn.texts("h1"),
        [format!("127.0.0.1:{}/pgbouncer", pooler.port())]
    );
    assert!(
        turn.text("return document.querySelector('.hero').innerText")
            .contains("pgbouncer 1.")
    );
    assert_eq!(turn.texts("tr[data-key=\"c pgbouncer_stat\"] .badge"), ["ok"]);
    let inactive = turn.texts("tr[data-key=\"c pg_db\"] td");
    assert_eq!(inactive, ["inactive for PostgreSQL"]);
    turn.end();
}

#[test]
fn before_the_first_scrape_there_is_a_page_already() {
    let exporter = on_server().start();
    let turn = Turn::with(&exporter);
    turn.open("/");
    assert_eq!(
        turn.texts("#scrapes ~ .card"),
        [
            "Nothing has been scraped yet. Prometheus, or anyone who opens the metrics, makes the exporter scrape."
        ]
    );
    assert!(
        turn.texts("tr[data-key^=\"c \"]").len() > 50,
        "all collectors are there"
    );
    assert!(
        tile(&turn, "Collectors").starts_with("0; ")
            && tile(&turn, "Collectors").contains(" waiting, 0 inactive")
    );
    turn.open("/collector/pg_table");
    let body = turn.text("return document.body.innerText");
    assert!(body.contains("Pending (planned at the next scrape"), "{body}");
    assert!(body.contains("pg_table_seq_scan"), "{body}");
    turn.end();
}

#[test]
fn a_target_that_is_down_says_why() {
    let port = free_port();
    let url = format!("postgresql://someone:secret-word@127.0.0.1:{}/app", port.number);
    let exporter = Exporter::builder(PROGRAM).url(&url).start();
    exporter.wait_for_status("/up", 503, SOON);
    let _ = exporter.scrape();
    let turn = Turn::with(&exporter);
    for (path, name) in [("/", "down"), ("/collector/pg_db", "down-collector")] {
        turn.open(path);
        turn.wait("document.body.innerText.includes('refused')");
        let html = turn.text("return document.documentElement.outerHTML");
        assert!(
            !html.contains("secret-word") && !html.contains("someone"),
            "{path}"
        );
        turn.picture(name);
    }
    turn.open("/");
    assert_eq!(turn.texts("main .state"), ["down"]);
    assert_eq!(turn.texts("tr[data-key=\"d app\"] .badge"), ["failed"]);
    assert!(turn.holds("document.querySelector('.plot path.bad').getAttribute('d').startsWith('M')"));
    turn.end();
}

#[test]
fn a_target_that_goes_leaves_what_was_known() {
    let primary = pg_exporter_lab::Cluster::start(pg_exporter_lab::newest_major());
    let exporter = Exporter::builder(PROGRAM)
        .url(&primary.url("postgres"))
        .env("PG_EXPORTER_CONNECT_TIMEOUT", "5s")
        .start();
    exporter.wait_for_status("/up", 200, SOON);
    let _ = exporter.scrape();
    drop(primary);
    exporter.wait_for_status("/up", 503, SOON);
    let _ = exporter.scrape();
    let turn = Turn::with(&exporter);
    turn.open("/");
    assert!(
        turn.text("return document.body.innerText")
            .contains("PostgreSQL 1"),
        "the version is known"
    );
    assert_eq!(turn.texts("tr[data-key=\"c pg_db\"] .badge"), ["not reached"]);
    assert_eq!(tile(&turn, "Series"), "0; of all collectors", "nothing is served");
    turn.picture("gone");
    turn.end();
}
