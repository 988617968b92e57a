//! What is answered of each target, and of the exporter itself.

use pg_exporter_lab::page::Page;
use pg_exporter_lab::prometheus::promtool_check;
use pg_exporter_lab::{Cluster, Pgbouncer, newest_major, wait_until};
use serde_json::Value;

use crate::support::{Fleet, SOON, server, target};

fn fleet() -> Fleet {
    server();
    let labels = ", labels: { cls: orders, env: prod }, tags: [edge]";
    let targets =
        target("one", server().port(), labels) + &target("two", server().port(), "") + &target("gone", 1, "");
    let fleet = Fleet::start(&targets);
    fleet.wait_for("/primary?target=one", 200);
    fleet.wait_for("/primary?target=two", 200);
    fleet
}

#[test]
fn a_targets_page_is_its_own() {
    let fleet = fleet();
    let one = fleet.page("one");
    assert_eq!(
        one.value("pg_up", &[("cls", "orders"), ("env", "prod")]),
        Some(1.0)
    );
    let without = one
        .samples
        .iter()
        .filter(|sample| sample.label("cls") != Some("orders"));
    assert_eq!(without.count(), 0, "its labels are on every series");
    assert!(one.value("pg_setting_max_connections", &[]).is_some());
    assert!(
        one.value("process_cpu_seconds_total", &[]).is_none(),
        "of the process there is another page"
    );
    let two = fleet.page("two");
    assert!(two.samples.iter().all(|sample| sample.label("cls").is_none()));
    assert_eq!(fleet.page("gone").value("pg_up", &[]), Some(0.0));
    let some = Page::parse(&fleet.get("/metrics?target=one&collect[]=pg_db").text());
    assert!(
        some.all("pg_db_numbackends").next().is_some()
            && some.all("pg_setting_max_connections").next().is_none()
    );
    let rest = Page::parse(&fleet.get("/metrics?target=one&exclude[]=pg_db").text());
    assert!(
        rest.all("pg_db_numbackends").next().is_none()
            && rest.all("pg_setting_max_connections").next().is_some()
    );
    for which in ["collect", "exclude"] {
        let unknown = fleet.get(&format!("/metrics?target=one&{which}[]=nope"));
        assert_eq!(unknown.status, 400, "{which}");
    }
    for accept in [
        "application/openmetrics-text; version=1.0.0",
        "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited",
    ] {
        let answer = fleet
            .exporter
            .request("GET", "/metrics?target=one", &[("Accept", accept)]);
        assert!(
            answer
                .header("content-type")
                .unwrap()
                .starts_with(accept.split(';').next().unwrap())
        );
    }
}

#[test]
fn roles_and_lag_are_of_the_target() {
    let primary = Cluster::start(newest_major());
    let standby = primary.standby();
    let targets = target("first", primary.port(), "") + &target("second", standby.port(), "");
    let fleet = Fleet::start(&targets);
    fleet.wait_for("/primary?target=first", 200);
    fleet.wait_for("/replica?target=second", 200);
    assert_eq!(fleet.get("/replica?target=first").status, 404);
    assert_eq!(fleet.get("/primary?target=second").status, 404);
    fleet.wait_for("/replica?lag=1GB&target=second", 200);
    assert_eq!(fleet.get("/replica?target=second&lag=soon").status, 400);
}

#[test]
fn the_exporters_own_page_is_about_all() {
    let fleet = fleet();
    fleet.page("one");
    wait_until("the scrape is told of", SOON, || {
        fleet
            .own_page()
            .value("pg_exporter_target_series", &[("target", "one")])
            > Some(100.0)
    });
    let answer = fleet.get("/metrics");
    let findings = promtool_check(&answer.text());
    assert!(findings.parses, "{findings:?}");
    let page = Page::parse(&answer.text());
    let of = |name: &str, target: &str| page.value(name, &[("target", target)]);
    assert_eq!(page.value("pg_exporter_targets", &[]), Some(3.0));
    assert_eq!(of("pg_exporter_target_up", "one"), Some(1.0));
    assert_eq!(of("pg_exporter_target_up", "gone"), Some(0.0));
    assert!(of("pg_exporter_target_scrape_duration_seconds", "one").is_some());
    assert!(of("pg_exporter_target_scrape_age_seconds", "one").unwrap() < 30.0);
    assert!(
        of("pg_exporter_target_scrape_age_seconds", "two").is_none(),
        "nobody has scraped it"
    );
    for (name, expected) in [("one", "primary"), ("two", "primary"), ("gone", "down")] {
        for state in ["unknown", "starting", "down", "primary", "replica"] {
            let wanted = [("target", name), ("state", state)];
            let is_it = page.value("pg_exporter_target_health_state", &wanted);
            assert_eq!(
                is_it,
                Some(f64::from(u8::from(state == expected))),
                "{name}: {state}"
            );
        }
    }
    assert!(of("pg_exporter_target_connections", "one") >= Some(1.0));
    assert_eq!(of("pg_exporter_target_connections", "gone"), Some(0.0));
    assert!(page.value("process_resident_memory_bytes", &[]).is_some());
    assert!(page.value("pg_up", &[]).is_none());
}

#[test]
fn discovery_tells_who_is_to_be_asked_for_what() {
    let fleet = fleet();
    let raw = |host: &str| {
        let request = format!("GET /sd HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        String::from_utf8(fleet.exporter.raw(request.as_bytes())).unwrap()
    };
    let answer = raw("exporter.example:9630");
    assert!(
        answer.contains("\r\ncontent-type: application/json\r\n"),
        "{answer}"
    );
    let body = answer.split("\r\n\r\n").nth(1).unwrap();
    let groups: Vec<Value> = serde_json::from_str(body).unwrap();
    let one = groups
        .iter()
        .find(|group| group["labels"]["instance"] == "one")
        .unwrap();
    assert_eq!(one["targets"][0], "exporter.example:9630");
    assert_eq!(one["labels"]["__param_target"], "one");
    assert_eq!(one["labels"]["env"], "prod");
    assert_eq!(groups.len(), 3);
    assert!(
        raw("a/b").starts_with("HTTP/1.1 400 "),
        "what is no host is not passed on"
    );
    let tag = fleet.get("/sd").header("etag").unwrap().to_owned();
    let again = [("If-None-Match", tag.as_str())];
    assert_eq!(fleet.exporter.request("GET", "/sd", &again).status, 304);
    fleet.rewrite(&target("one", server().port(), ""));
    wait_until("there is another answer", SOON, || {
        fleet.exporter.request("GET", "/sd", &again).status == 200
    });
}

#[test]
fn discovery_tells_the_address_that_the_exporter_is_given() {
    let targets = target("one", 1, ", labels: { instance: other }");
    let fleet = Fleet::start_with(&targets, |builder| {
        builder.arg("--web.external-url=https://exporter.example:9630")
    });
    for host in ["10.0.0.9:9630", "other.example"] {
        let request = format!("GET /sd HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        let answer = String::from_utf8(fleet.exporter.raw(request.as_bytes())).unwrap();
        let groups: Value = serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap();
        let expected = serde_json::json!([{
            "targets": ["exporter.example:9630"],
            "labels": { "instance": "other", "__param_target": "one" }
        }]);
        assert_eq!(groups, expected, "{host}");
    }
}

#[test]
fn people_see_all_in_one_table_and_each_on_its_page() {
    let fleet = fleet();
    let page = fleet.get("/").text();
    for part in [
        "href=\"./?target=one\"",
        "cls=orders env=prod",
        "3 of 3 targets",
        "Connection refused",
    ] {
        assert!(page.contains(part), "{part}\n{page}");
    }
    let some = fleet.get("/?filter=cls%3Dorders").text();
    assert!(
        some.contains("1 of 3 targets") && !some.contains("?target=two"),
        "{some}"
    );
    let down = fleet.get("/?state=down").text();
    assert!(down.contains("1 of 3 targets") && down.contains("?target=gone"));
    let page = fleet.get("/?target=one").text();
    for part in [
        "collector/pg_db?target=one",
        "explain?target=one",
        "name=\"target\" value=\"one\"",
        "./?target=one&#38;sort=name",
    ] {
        assert!(page.contains(part), "{part}\n{page}");
    }
    let collector = fleet.get("/collector/pg_db?target=one");
    assert!(collector.status == 200 && collector.text().contains("../?target=one"));
    assert!(fleet.get("/explain?target=one").text().contains("Collector: pg"));
    fleet.page("two");
    assert!(fleet.get("/stat?target=two").text().contains("pg_db"));
}

/// What the table says of a target under a heading; the first two columns have none of their own.
fn cell(page: &str, target: &str, heading: &str) -> String {
    let row = page
        .split(&format!("<tr data-key=\"t {target}\""))
        .nth(1)
        .unwrap();
    let row = row.split("</tr>").next().unwrap();
    let cell = row.split(&format!("data-label=\"{heading}\">")).nth(1).unwrap();
    cell.split('<').next().unwrap().trim().to_owned()
}

#[test]
fn the_table_tells_of_each_target_how_it_is() {
    let fleet = fleet();
    fleet.page("one");
    let major = newest_major().to_string();
    wait_until("the scrape is told of", SOON, || {
        // Thousands are apart.
        let series = cell(&fleet.get("/").text(), "one", "Series").replace(',', "");
        series.parse::<u32>().unwrap_or_default() > 100
    });
    let page = fleet.get("/").text();
    assert!(cell(&page, "one", "Version").starts_with(&major), "{page}");
    assert!(
        page.contains("<span class=\"badge good\">primary</span>"),
        "{page}"
    );
    assert!(page.contains("<span class=\"badge bad\">down</span>"), "{page}");
    assert!(cell(&page, "one", "Connections").parse::<u32>().unwrap() > 0);
    assert_eq!(cell(&page, "gone", "Connections"), "0");
    assert_ne!(cell(&page, "one", "Scraped"), "never");
    assert_eq!(cell(&page, "two", "Scraped"), "never");
    for (name, heading) in [("one", "Lag"), ("one", "Errors"), ("gone", "Errors")] {
        assert!(!cell(&page, name, heading).is_empty(), "{name}: {heading}");
    }
}

#[test]
fn a_bouncer_is_a_target_too() {
    let bouncer = Pgbouncer::start(server());
    let url = bouncer.stats_url();
    let fleet = Fleet::start(&format!(
        "targets:\n  - {{ name: bouncer, url: \"{url}\", connect_timeout: 5s }}\n"
    ));
    fleet.wait_for("/up?target=bouncer", 200);
    let page = fleet.page("bouncer");
    assert_eq!(page.value("pgbouncer_up", &[]), Some(1.0));
}
