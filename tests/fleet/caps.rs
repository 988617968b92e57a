//! What one target may have of the process: bytes and series of its page. Above that it loses what is above, by its own metrics,
//! and no other target loses anything.

use pg_exporter_lab::{Layer, Page, wait_until};

use crate::support::{Fleet, SOON, server, target};

/// What one result may have on the wire.
const RESULT: usize = 1 << 20;

/// What the lines of all results of a target may have together.
const PAGE: usize = 4 * RESULT;

/// Collectors whose results are large in the databases that say so.
const LARGE: usize = 8;

/// Rows of each of them there; a row has somewhat more than 1,000 bytes.
const ROWS: usize = 900;

const FAT: [&str; 2] = ["fat-1", "fat-2"];

const WELL: [&str; 2] = ["well-1", "well-2"];

/// Collectors of so many rows as the comment of their database says; elsewhere of two.
fn layer() -> Layer {
    let rows = "CASE pg_catalog.current_database() WHEN 'fleet_fat' THEN (SELECT pg_catalog.shobj_description(d.oid, 'pg_database')::int \
                FROM pg_catalog.pg_database d WHERE d.datname = 'fleet_fat') ELSE 2 END";
    let one = |number: usize| {
        let query = format!(
            "SELECT n::pg_catalog.text || pg_catalog.repeat('x', 1000) AS label, n AS value \
             FROM pg_catalog.generate_series(1, {rows}) AS n"
        );
        format!(
            "large_{number}: {{ query: {query:?}, tags: [cluster], timeout: 30, metrics: [ \
             {{ label: {{ usage: LABEL, description: Text. }} }}, {{ value: {{ usage: GAUGE, description: Value. }} }} ] }}\n"
        )
    };
    let yaml: String = (0..LARGE).map(one).collect();
    Layer::new(&yaml)
}

/// The large collectors that a page has, all rows of them, and those that it counts as too large.
fn large(page: &Page, rows: usize) -> (Vec<usize>, Vec<usize>) {
    let has = |number: &usize| match page.all(&format!("large_{number}_value")).count() {
        0 => false,
        count => {
            assert_eq!(count, rows, "large_{number}: all of it or nothing");
            true
        }
    };
    let failed = |number: &usize| {
        let query = format!("large_{number}");
        let wanted = [("query", query.as_str()), ("reason", "too_large")];
        page.value("pg_exporter_query_failures_total", &wanted) > Some(0.0)
    };
    (
        (0..LARGE).filter(has).collect(),
        (0..LARGE).filter(failed).collect(),
    )
}

/// Bytes and page of a target, which is up and has all that is small.
fn page(fleet: &Fleet, name: &str) -> (usize, Page) {
    let answer = fleet.get(&format!("/metrics?target={name}"));
    assert_eq!(answer.status, 200, "{name}: {}", answer.text());
    let page = Page::parse(&answer.text());
    assert_eq!(page.value("pg_up", &[]), Some(1.0), "{name}");
    assert!(page.value("pg_setting_max_connections", &[]).is_some(), "{name}");
    assert_eq!(
        fleet.get(&format!("/primary?target={name}")).status,
        200,
        "{name}"
    );
    (answer.body.len(), page)
}

#[test]
fn a_page_of_too_many_bytes_loses_what_is_above_and_costs_nobody_else() {
    server().create_database("fleet_fat");
    let comment = |rows: usize| server().psql(&format!("comment on database fleet_fat is '{rows}'"));
    comment(ROWS);
    let of = |name: &str| target(name, server().port(), "");
    let fat = FAT.map(|name| of(name).replace("dbname: postgres", "dbname: fleet_fat"));
    let layer = layer();
    let fleet = Fleet::start_with(&(WELL.map(of).concat() + &fat.concat()), |builder| {
        builder.args([
            layer.flag(),
            format!("--max-result-bytes={RESULT}"),
            "--disable-cache".to_owned(),
        ])
    });
    FAT.iter()
        .chain(&WELL)
        .for_each(|name| fleet.wait_for(&format!("/primary?target={name}"), 200));
    for _ in 0..3 {
        for name in FAT {
            let (bytes, page) = page(&fleet, name);
            let (shown, failed) = large(&page, ROWS);
            // Each target has its own bound: what others have is nothing to it.
            assert_eq!(shown.len(), PAGE / (ROWS * 1030), "{name}: {shown:?}");
            assert!(
                (0..LARGE).all(|number| shown.contains(&number) != failed.contains(&number)),
                "{name} has {shown:?}, and says that {failed:?} are too large"
            );
            let small = page.samples.len() * 200;
            assert!((PAGE / 2..PAGE + small).contains(&bytes), "{name}: {bytes} bytes");
        }
        for name in WELL {
            let (shown, failed) = large(&page(&fleet, name).1, 2);
            assert_eq!((shown.len(), failed.len()), (LARGE, 0), "{name}");
        }
    }
    let told = |name: &str| fleet.get(&format!("/?target={name}")).text();
    assert!(
        told("fat-1").contains("all collectors and databases together would have more than 4194304 bytes")
    );
    assert!(!told("well-1").contains("would have more than"));
    // Collectors fail, and neither the scrape nor the server.
    let own = fleet.own_page();
    let of = |metric: &str, name: &str| {
        own.value(&format!("pg_exporter_target_{metric}"), &[("target", name)])
            .unwrap()
    };
    for name in FAT.iter().chain(&WELL) {
        assert_eq!(
            (of("up", name), of("scrape_errors_total", name)),
            (1.0, 0.0),
            "{name}"
        );
    }
    for (fat, well) in FAT.iter().zip(&WELL) {
        assert!(of("series", fat) > of("series", well) + (3 * ROWS) as f64);
    }
    // What was too large is there as soon as it is not.
    comment(2);
    for name in FAT {
        wait_until("all of them are there", SOON, || {
            large(&page(&fleet, name).1, 2).0.len() == LARGE
        });
    }
}

#[test]
fn series_above_the_cap_are_dropped_of_their_target_alone() {
    server().create_database("fleet_long");
    let layer = Layer::new(
        "long: { query: \"SELECT n::pg_catalog.text AS label, n AS value FROM pg_catalog.generate_series(1, \
         CASE pg_catalog.current_database() WHEN 'fleet_long' THEN 500 ELSE 10 END) AS n\", tags: [cluster], max_series: 10, metrics: [ \
         { label: { usage: LABEL, description: Text. } }, { value: { usage: GAUGE, description: Value. } } ] }\n",
    );
    let of = |name: &str| target(name, server().port(), "");
    let long = of("long").replace("dbname: postgres", "dbname: fleet_long");
    let fleet = Fleet::start_with(&(WELL.map(of).concat() + &long), |builder| {
        builder.arg(layer.flag())
    });
    for (name, dropped) in [("long", true), (WELL[0], false), (WELL[1], false)] {
        fleet.wait_for(&format!("/primary?target={name}"), 200);
        let page = page(&fleet, name).1;
        assert_eq!(page.all("long_value").count(), 10, "{name}");
        let counted = page.value("pg_exporter_query_dropped_series_total", &[("query", "long")]);
        assert_eq!(counted > Some(0.0), dropped, "{name}: {counted:?}");
    }
}
