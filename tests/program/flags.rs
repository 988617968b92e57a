//! Every flag, short form and variable, by what it does.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use pg_exporter_lab::exporter::Builder;
use pg_exporter_lab::{Cluster, Exporter, Page, free_port, newest_major, wait_until};

use crate::support::{Folder, SOON, databases, definition, on_server, page_of, program, run, server, slow};

/// One setting, given in each way that there is for it.
fn ways<'a>(
    base: &'a Builder,
    arguments: &'a [&'a str],
    variables: &'a [(&'a str, &'a str)],
) -> impl Iterator<Item = (String, Builder)> + 'a {
    let by_argument = arguments.iter().map(|line| {
        let words = line.split(' ').map(str::to_owned);
        ((*line).to_owned(), base.clone().args(words))
    });
    let by_variable = variables
        .iter()
        .map(|(name, value)| (format!("{name}={value}"), base.clone().env(name, value)));
    by_argument.chain(by_variable)
}

#[test]
fn label() {
    let ways_of = [
        "--label=cls=pg-meta,ins=a",
        "-l cls=pg-meta -l ins=a",
        "--label cls=pg-meta,broken,ins=a,=x",
    ];
    for (way, builder) in ways(
        &on_server(),
        &ways_of,
        &[("PG_EXPORTER_LABEL", "cls=pg-meta,ins=a")],
    ) {
        let page = page_of(&builder);
        let lacks = page.samples.iter().find(|sample| {
            // What every process tells of itself is the same everywhere.
            !sample.name.starts_with("process_")
                && (sample.label("cls") != Some("pg-meta") || sample.label("ins") != Some("a"))
        });
        assert!(page.samples.len() > 300 && lacks.is_none(), "{way}: {lacks:?}");
    }
}

#[test]
fn tag() {
    let folder = Folder::new();
    let layer = folder.write(
        "tagged.yml",
        &definition("tagged", "SELECT 1 AS value", "  tags: [special]\n"),
    );
    let base = on_server().args(["--no-builtin", "-c", &layer]);
    assert_eq!(page_of(&base).value("tagged_value", &[("datname", "x")]), None);
    let has_it = |page: &Page| page.all("tagged_value").count() > 0;
    assert!(!has_it(&page_of(&base)), "not without the tag");
    for (way, builder) in ways(
        &base,
        &["--tag=special", "-t a,special"],
        &[("PG_EXPORTER_TAG", "special,b")],
    ) {
        assert!(has_it(&page_of(&builder)), "{way}");
    }
}

#[test]
fn disable_cache() {
    let hits = |builder: &Builder| {
        let exporter = builder.start();
        let _ = exporter.scrape();
        exporter
            .scrape()
            .value("pg_exporter_query_scrape_hit_count", &[("query", "pg_size")])
            .unwrap()
    };
    assert_eq!(hits(&on_server()), 1.0);
    let forms = ["--disable-cache", "-C", "--disable-cache=true"];
    for (way, builder) in ways(&on_server(), &forms, &[("PG_EXPORTER_DISABLE_CACHE", "true")]) {
        assert_eq!(hits(&builder), 0.0, "{way}");
    }
    let on = on_server().env("PG_EXPORTER_DISABLE_CACHE", "1");
    for (way, builder) in ways(
        &on,
        &["--no-disable-cache", "-C=false", "--disable-cache=false"],
        &[],
    ) {
        assert_eq!(hits(&builder), 1.0, "{way}: a flag wins over its variable");
    }
}

#[test]
fn disable_intro() {
    let forms = ["--disable-intro", "-m", "-m=true"];
    for (way, builder) in ways(&on_server(), &forms, &[("PG_EXPORTER_DISABLE_INTRO", "yes")]) {
        let page = page_of(&builder);
        assert!(page.value("pg_lsn", &[]).is_some(), "{way}");
        let own = page
            .samples
            .iter()
            .find(|s| s.name.starts_with("pg_exporter_") || s.name == "pg_up");
        assert!(own.is_none(), "{way}: {own:?}");
        assert!(page.all("process_resident_memory_bytes").count() == 1, "{way}");
    }
}

#[test]
fn auto_discovery() {
    assert_eq!(databases(&page_of(&on_server())), ["app", "other", "postgres"]);
    let off = ["--no-auto-discovery", "--auto-discovery=false", "-a=false"];
    for (way, builder) in ways(&on_server(), &off, &[("PG_EXPORTER_AUTO_DISCOVERY", "false")]) {
        assert_eq!(databases(&page_of(&builder)), ["postgres"], "{way}");
    }
    let on = on_server().env("PG_EXPORTER_AUTO_DISCOVERY", "false");
    for (way, builder) in ways(&on, &["--auto-discovery", "-a"], &[]) {
        assert_eq!(
            databases(&page_of(&builder)),
            ["app", "other", "postgres"],
            "{way}"
        );
    }
}

#[test]
fn exclude_and_include_databases() {
    let page = |builder: &Builder| databases(&page_of(builder)).join(" ");
    let out = ["--exclude-database=app", "-x app,template0"];
    for (way, builder) in ways(&on_server(), &out, &[("PG_EXPORTER_EXCLUDE_DATABASE", "x,app")]) {
        assert_eq!(page(&builder), "other postgres", "{way}");
    }
    for (way, builder) in ways(
        &on_server(),
        &["--include-database=app", "-i app"],
        &[("PG_EXPORTER_INCLUDE_DATABASE", "app")],
    ) {
        assert_eq!(page(&builder), "app postgres", "{way}");
    }
    assert_eq!(
        page(&on_server().args(["-i", "app,other", "-x", "app"])),
        "other postgres",
        "exclusion wins"
    );
    // The URL's own database is neither excluded nor found once more.
    let from_app = program().url(&server().url("app"));
    assert_eq!(
        page(&from_app),
        "app other",
        "the database postgres is left out by default"
    );
    assert_eq!(page(&from_app.arg("--exclude-database=")), "app other postgres");
}

#[test]
fn namespace() {
    for (way, builder) in ways(
        &on_server(),
        &["--namespace=mine", "-n mine"],
        &[("PG_EXPORTER_NAMESPACE", "mine")],
    ) {
        let page = page_of(&builder);
        assert_eq!(page.value("mine_up", &[]), Some(1.0), "{way}");
        assert_eq!(page.value("mine_exporter_up", &[]), Some(1.0), "{way}");
        assert_eq!(page.value("pg_up", &[]), None, "{way}");
        assert!(
            page.value("pg_lsn", &[]).is_some(),
            "{way}: collectors keep their names"
        );
    }
}

#[test]
fn fail_fast() {
    let nobody = free_port();
    let base = program().url(&format!("postgresql://127.0.0.1:{}/x", nobody.number));
    let base = base.arg("--web.listen-address=127.0.0.1:0");
    for (way, builder) in ways(
        &base,
        &["--fail-fast", "-f"],
        &[("PG_EXPORTER_FAIL_FAST", "true")],
    ) {
        let ended = builder.run();
        assert_eq!(ended.status.code(), Some(2), "{way}: {}", ended.stderr);
        assert!(
            ended.stderr.contains("the target cannot be reached"),
            "{way}: {}",
            ended.stderr
        );
    }
    // Without it the exporter starts, and waits for its target; with it as well, if the target is there.
    let lazy = program()
        .url(&format!("postgresql://127.0.0.1:{}/x", nobody.number))
        .start();
    assert_eq!(lazy.scrape().value("pg_up", &[]), Some(0.0));
    assert_eq!(
        page_of(&on_server().arg("--fail-fast")).value("pg_up", &[]),
        Some(1.0)
    );
}

#[test]
fn connect_timeout() {
    // The kernel connects for a listener that never does.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = program().url(&format!(
        "postgresql://127.0.0.1:{}/x",
        silent.local_addr().unwrap().port()
    ));
    let time = |builder: &Builder| {
        let exporter = builder.start();
        let begun = Instant::now();
        assert_eq!(exporter.scrape().value("pg_up", &[]), Some(0.0));
        begun.elapsed().as_secs_f64()
    };
    assert!((0.9..3.0).contains(&time(&base)), "a second by default");
    let short = ["--connect-timeout=200", "-T 200ms", "-T 0.2s"];
    for (way, builder) in ways(&base, &short, &[("PG_EXPORTER_CONNECT_TIMEOUT", "200")]) {
        let took = time(&builder);
        assert!((0.19..0.8).contains(&took), "{way}: {took}");
    }
}

#[test]
fn scrape_timeout() {
    let folder = Folder::new();
    let base = on_server().args(["-c", &folder.write("slow.yml", &slow(30.0))]);
    let short = ["--scrape-timeout=1", "--scrape-timeout 1000ms"];
    for (way, builder) in ways(&base, &short, &[("PG_EXPORTER_SCRAPE_TIMEOUT", "1s")]) {
        let exporter = builder.start();
        let begun = Instant::now();
        let page = exporter.scrape();
        let took = begun.elapsed().as_secs_f64();
        assert!((0.9..3.0).contains(&took), "{way}: {took}");
        assert_eq!(page.value("slow_value", &[]), None, "{way}");
        assert!(
            page.value("pg_lsn", &[]).is_some(),
            "{way}: what is there by then is served"
        );
    }
}

#[test]
fn health_interval() {
    let cluster = Cluster::start(newest_major());
    let base = program().url(&cluster.url("postgres"));
    let start = |builder: &Builder| {
        let exporter = builder.start();
        exporter.wait_for_status("/up", 200, SOON);
        exporter
    };
    let quick: Vec<Exporter> = ways(
        &base,
        &["--health-interval=100ms"],
        &[("PG_EXPORTER_HEALTH_INTERVAL", "0.1")],
    )
    .map(|(_, builder)| start(&builder))
    .collect();
    let lazy = start(&base.arg("--health-interval=60s"));
    cluster.stop();
    for exporter in &quick {
        exporter.wait_for_status("/up", 503, Duration::from_secs(2));
    }
    assert_eq!(lazy.get("/up").status, 200, "not asked again yet");
}

#[test]
fn parallel_and_max_connections() {
    let cluster = Cluster::start(newest_major());
    let names = ["a", "b", "c", "d"];
    names.iter().for_each(|name| cluster.create_database(name));
    let folder = Folder::new();
    let query = "SELECT 1 AS value, current_database()::text AS datname FROM pg_catalog.pg_sleep(0.5)";
    let layer = format!(
        "slow:\n  query: {query}\n  timeout: 5\n  metrics:\n    - datname: {{ usage: LABEL, description: Database. }}\n    \
         - value: {{ usage: GAUGE, description: A value. }}\n"
    );
    let base = program().url(&cluster.url("postgres")).args([
        "--no-builtin",
        "-c",
        &folder.write("slow.yml", &layer),
    ]);
    let measure = |builder: &Builder| {
        let exporter = builder.start();
        let begun = Instant::now();
        let page = exporter.scrape();
        assert_eq!(page.all("slow_value").count(), 5);
        (
            begun.elapsed().as_secs_f64(),
            page.value("pg_exporter_connections_open", &[]).unwrap(),
        )
    };
    for (way, builder) in ways(&base, &["--parallel=1"], &[("PG_EXPORTER_PARALLEL", "1")]) {
        assert!(measure(&builder).0 >= 2.5, "{way}");
    }
    for (way, builder) in ways(&base, &["--parallel=5"], &[("PG_EXPORTER_PARALLEL", "5")]) {
        let took = measure(&builder).0;
        assert!((0.5..2.0).contains(&took), "{way}: {took}");
    }
    for (way, builder) in ways(
        &base,
        &["--max-connections=3"],
        &[("PG_EXPORTER_MAX_CONNECTIONS", "3")],
    ) {
        assert!(measure(&builder).1 <= 2.0, "{way}: one is the probe's");
    }
}

#[test]
fn telemetry_path() {
    let ways_of = ["--web.telemetry-path=/pg/stats", "-P /pg/stats"];
    for (way, builder) in ways(
        &on_server(),
        &ways_of,
        &[("PG_EXPORTER_TELEMETRY_PATH", "/pg/stats")],
    ) {
        let exporter = builder.start();
        assert!(exporter.get("/pg/stats").text().contains("pg_up 1"), "{way}");
        assert_eq!(exporter.get("/metrics").status, 404, "{way}");
        assert!(exporter.get("/").text().contains("href=\"/pg/stats\""), "{way}");
    }
}

#[test]
fn disable_reload() {
    let status = |builder: &Builder| {
        builder
            .start()
            .request("POST", "/reload", &[("Content-Length", "0")])
            .status
    };
    assert_eq!(status(&on_server()), 200);
    for (way, builder) in ways(
        &on_server(),
        &["--web.disable-reload", "--web.disable-reload=true"],
        &[],
    ) {
        assert_eq!(status(&builder), 403, "{way}");
    }
}

#[test]
fn several_listen_addresses() {
    let more = [free_port(), free_port()];
    let addresses = more
        .iter()
        .map(|port| format!("--web.listen-address=127.0.0.1:{}", port.number));
    let exporter = on_server().args(addresses).start();
    for port in [exporter.port(), more[0].number, more[1].number] {
        let answer = pg_exporter_lab::http::request(port, "GET", "/metrics", &[]).unwrap();
        assert!(answer.text().contains("pg_up 1"), "port {port}");
    }
}

#[test]
fn builtin() {
    let folder = Folder::new();
    let layer = folder.write(
        "own.yml",
        &definition("own", "SELECT 42 AS value", "  tags: [cluster]\n"),
    );
    for off in ["--no-builtin", "--builtin=false"] {
        let page = page_of(&on_server().args([off, "--config", &layer]));
        assert_eq!(page.value("own_value", &[]), Some(42.0));
        assert_eq!(page.value("pg_lsn", &[]), None);
    }
    let page = page_of(&on_server().args(["-c", &layer]));
    assert_eq!(page.value("own_value", &[]), Some(42.0));
    assert!(page.value("pg_lsn", &[]).is_some());
}

#[test]
fn help_and_version() {
    for help in ["--help", "-h"] {
        let ended = run(&[help]);
        assert!(
            ended.status.success() && ended.stderr.is_empty(),
            "{}",
            ended.stderr
        );
        for flag in [
            "-u, --url",
            "-c, --config",
            "-l, --label",
            "-t, --tag",
            "-C, --disable-cache",
            "-m, --disable-intro",
            "-a, --auto-discovery",
            "-x, --exclude-database",
            "-i, --include-database",
            "-n, --namespace",
            "-f, --fail-fast",
            "-T, --connect-timeout",
            "-P, --web.telemetry-path",
            "--web.listen-address",
            "--web.config.file",
            "--web.systemd-socket",
            "-D, --dry-run",
            "-E, --explain",
            "--log.level",
            "--log.format",
            "--no-builtin",
            "--parallel",
            "--max-connections",
            "--scrape-timeout",
            "--health-interval",
            "--version",
            "-h, --help",
        ] {
            assert!(ended.stdout.contains(flag), "{flag} is not in {help}");
        }
        for subcommand in ["check", "schema", "scrape"] {
            assert!(
                ended
                    .stdout
                    .lines()
                    .any(|line| line.trim_start().starts_with(subcommand)),
                "{subcommand}"
            );
        }
    }
    let version = run(&["--version"]);
    assert!(version.status.success());
    for line in [
        format!("version: {}", env!("CARGO_PKG_VERSION")),
        "distribution: ".into(),
        "target: ".into(),
    ] {
        assert!(version.stdout.contains(&line), "{line} in {}", version.stdout);
    }
    wait_until("the version is the one that is served", SOON, || {
        version
            .stdout
            .trim_end()
            .ends_with(on_server().start().get("/version").text().trim_end())
    });
}
