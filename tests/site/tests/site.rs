//! A site's own exporter against a real server.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use pg_exporter::catalog::{Catalog, Sources};
use pg_exporter::health::Health;
use pg_exporter::postgres::connect::Endpoint;
use pg_exporter::postgres::conninfo::{ConnInfo, ProcessEnvironment};
use pg_exporter::scrape::{
    Config, Encoding, Format, Request, RowHandlers, ScrapeThread, Scraper, Selection, Surroundings,
};
use pg_exporter::self_metrics::Telemetry;
use pg_exporter_lab::{Cluster, Exporter, newest_major, shared};
use shop_exporter::ShopTables;
use shop_exporter::files::ShopDatabase;

const PROGRAM: &str = env!("CARGO_BIN_EXE_shop_exporter");
const PATIENCE: Duration = Duration::from_secs(60);

fn server(database: &str) -> (&'static Cluster, String) {
    let server = shared(newest_major());
    server.psql(&format!("create database {database}"));
    server.psql_in(
        database,
        "create schema sales; create table sales.a (); create table sales.b (); create table c ()",
    );
    (server, format!("{}?sslmode=disable", server.url(database)))
}

#[test]
fn it_serves_its_own_collectors_under_its_own_defaults() {
    let (server, url) = server("site_serves");
    let exporter = Exporter::builder(PROGRAM)
        .url(&url)
        .arg("--connect-timeout=30s")
        .start();
    let page = exporter.scrape();
    assert_eq!(page.value("shop_up", &[]), Some(1.0), "{}", exporter.stderr());
    let tables = |schema| {
        let labels = [("datname", "site_serves"), ("schema", schema)];
        page.value("shop_tables_count", &labels)
    };
    assert_eq!((tables("sales"), tables("public")), (Some(2.0), Some(1.0)));
    let size: f64 = server
        .psql("select pg_database_size('site_serves')")
        .parse()
        .unwrap();
    let shown = page
        .value("shop_database_bytes", &[("datname", "site_serves")])
        .unwrap();
    assert!((shown - size).abs() < 1e6, "{shown} {size}");
    let foreign: Vec<_> = page
        .samples
        .iter()
        .filter(|sample| sample.name.starts_with("pg_"))
        .collect();
    assert!(
        foreign.is_empty(),
        "the shipped collectors are not in it: {foreign:?}"
    );
}

#[test]
fn flags_and_variables_win_over_its_defaults() {
    let (_server, url) = server("site_flags");
    let one = Exporter::builder(PROGRAM)
        .url(&url)
        .env("PG_EXPORTER_NAMESPACE", "other")
        .start();
    assert!(one.scrape().value("other_up", &[]).is_some());
    let two = Exporter::builder(PROGRAM)
        .url(&url)
        .arg("--namespace=third")
        .start();
    assert!(two.scrape().value("third_up", &[]).is_some());
}

#[test]
fn a_run_time_layer_tunes_what_was_written_in_rust() {
    let (_server, url) = server("site_layer");
    let file = std::env::temp_dir().join(format!("pg_exporter-site-{}.yml", std::process::id()));
    std::fs::write(
        &file,
        "shop_tables: { ttl: 77, metrics: [ count: { rename: number } ] }\n",
    )
    .unwrap();
    let run = Exporter::builder(PROGRAM)
        .url(&url)
        .arg("--config")
        .arg(&file)
        .arg("explain")
        .run();
    let page = Exporter::builder(PROGRAM)
        .url(&url)
        .arg("--config")
        .arg(&file)
        .arg("scrape")
        .run();
    std::fs::remove_file(&file).unwrap();
    assert!(
        run.stdout.contains("Collector: shop_tables\n") && run.stdout.contains("  TTL: 1m17s\n"),
        "{}",
        run.stdout
    );
    assert!(
        page.stdout
            .contains("shop_tables_number{datname=\"site_layer\",schema=\"sales\"} 2\n"),
        "{}",
        page.stdout
    );
}

/// What `ShopTables` would be if a layer had replaced it: the same branch and columns, another statement.
#[derive(Debug, pg_exporter::Row)]
#[collector(
    branch = "shop_tables",
    name = "shop_tables",
    query = "SELECT 'd' AS datname, 'x' AS schema, 1 AS count"
)]
#[expect(dead_code, reason = "there are no rows of it")]
struct Replaced<'row> {
    /// Name of the database.
    #[column(usage = "LABEL")]
    datname: &'row str,
    /// Name of the schema.
    #[column(usage = "LABEL")]
    schema: &'row str,
    /// Ordinary tables in the schema.
    #[column(usage = "GAUGE")]
    count: Option<f64>,
}

/// A scraper of the library, as the program makes it.
fn scraper(url: &str, rows: RowHandlers) -> Scraper {
    let info = ConnInfo::parse(url, &ProcessEnvironment::default()).unwrap();
    let endpoint = Endpoint::new(info, PATIENCE).with_max_connections(2);
    let config = Config {
        namespace: "shop".to_owned(),
        ..Config::default()
    };
    let sources = Sources {
        base: shop_exporter::collectors(),
        ..Sources::default()
    };
    let surroundings = Surroundings {
        telemetry: Arc::new(Telemetry::new().unwrap()),
        health: Health::new(PATIENCE, PATIENCE),
        rows,
    };
    let catalog = Arc::new(Catalog::open(sources).unwrap());
    let thread = ScrapeThread::start("scrape").unwrap();
    Scraper::start(&thread, endpoint, config, catalog, surroundings)
}

#[test]
fn rows_come_as_structs() {
    let (_server, url) = server("site_rows");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let rows = RowHandlers::default().on::<ShopTables<'_>>({
            let seen = Arc::clone(&seen);
            move |rows| {
                let counts = rows.iter().map(|row| row.count);
                seen.lock()
                    .unwrap()
                    .push((rows.database().to_owned(), counts.count()));
            }
        });
        let scraper = scraper(&url, rows);
        assert!(scraper.rows::<ShopTables<'_>>().await.unwrap().is_empty());
        assert!(
            scraper.rows::<Replaced<'_>>().await.unwrap().is_empty(),
            "the first call asks for them to be kept"
        );
        assert!(scraper.rows::<ShopDatabase<'_>>().await.unwrap().is_empty());
        let deadline = Instant::now() + PATIENCE;
        scraper
            .page(Request {
                deadline,
                format: Format::Text,
                encoding: Encoding::Identity,
                selection: Selection::default(),
            })
            .await
            .unwrap();
        let databases = scraper.rows::<ShopTables<'_>>().await.unwrap();
        assert_eq!((databases.len(), databases[0].database()), (1, "site_rows"));
        assert_eq!(*seen.lock().unwrap(), [("site_rows".to_owned(), 2)]);
        let replaced = scraper.rows::<Replaced<'_>>().await.unwrap();
        assert!(replaced.is_empty(), "another statement's rows: {replaced:?}");
        let mut rows: Vec<ShopTables<'_>> = databases[0].iter().collect();
        rows.sort_by_key(|row| row.schema);
        let expected = [
            ShopTables {
                datname: "site_rows",
                schema: "public",
                count: Some(1.0),
            },
            ShopTables {
                datname: "site_rows",
                schema: "sales",
                count: Some(2.0),
            },
        ];
        assert_eq!(rows, expected);
        let sizes = scraper.rows::<ShopDatabase<'_>>().await.unwrap();
        let sizes: Vec<ShopDatabase<'_>> = sizes[0].iter().collect();
        assert!(sizes[0].datname == "site_rows" && sizes[0].bytes > Some(1e6));
    });
}

/// An exporter that has served a database with many tables, with this layer over its collectors.
fn with_many_tables(name: &str, layer: Option<&str>) -> Exporter {
    let (server, url) = server(name);
    server.psql_in(
        name,
        "create schema big; do $$ begin for i in 1..1000 loop execute format('create table big.t%s ()', i); end loop; end $$",
    );
    let file = std::env::temp_dir().join(format!("{name}-{}.yml", std::process::id()));
    let mut builder = Exporter::builder(PROGRAM).url(&url).arg("--connect-timeout=30s");
    if let Some(layer) = layer {
        std::fs::write(&file, layer).unwrap();
        builder = builder.arg("--config").arg(&file);
    }
    let exporter = builder.start();
    assert_eq!(
        exporter.scrape().value("shop_tables_count", &[("schema", "big")]),
        Some(1000.0),
        "{}",
        exporter.stderr()
    );
    let _ = std::fs::remove_file(&file);
    exporter
}

/// What the site's own code says of such a database.
fn said_of(name: &str) -> String {
    format!("many tables in schema big of {name}")
}

/// The site's own code is told of the rows, on a thread of its own.
#[track_caller]
fn assert_told(name: &str, layer: Option<&str>) {
    let said = said_of(name);
    assert_eq!(with_many_tables(name, layer).line_of_log(&said), said);
}

#[test]
fn code_of_the_sites_own_reads_rows_as_they_come() {
    assert_told("site_on_rows", None);
}

#[test]
fn a_layer_that_tunes_keeps_rows_and_one_that_replaces_gives_none() {
    assert_told("site_tuned", Some("shop_tables: { ttl: 5 }\n"));
    let replaced = "shop_tables:\n  query: SELECT 'd' AS datname, 'big' AS schema, 1000 AS count\n  metrics:\n    \
                    - datname: { usage: LABEL, description: D }\n    - schema: { usage: LABEL, description: S }\n    - count: { usage: GAUGE, description: C }\n";
    let exporter = with_many_tables("site_replaced", Some(replaced));
    // Time for that thread, if it had anything to tell.
    std::thread::sleep(Duration::from_secs(5));
    assert!(!exporter.final_log().contains(&said_of("site_replaced")));
}
