//! Every flag, short form and variable, by what it does.

use pg_exporter_lab::exporter::Builder;
use pg_exporter_lab::{Page, free_port};

use crate::support::{Folder, databases, definition, on_server, page_of, program, run, server, ways};

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
    for (way, builder) in ways(
        &on_server(),
        &["--exclude-database=/^a.{1,2}$/,x", "-x /pp/"],
        &[("PG_EXPORTER_EXCLUDE_DATABASE", "x, /^a/ ,y")],
    ) {
        assert_eq!(page(&builder), "other postgres", "{way}");
    }
    for (way, builder) in ways(
        &on_server(),
        &["--include-database=/th/", "-i x -i /^(o|p)/"],
        &[("PG_EXPORTER_INCLUDE_DATABASE", "/other|nothing/")],
    ) {
        assert_eq!(page(&builder), "other postgres", "{way}");
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
        assert!(exporter.get("/").text().contains("href=\"./pg/stats\""), "{way}");
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

/// Units of 1.x pass flags whether there is a file or not.
#[test]
fn an_empty_path_is_none() {
    for arguments in [
        &["--web.config.file="][..],
        &["--web.config.file", ""],
        &["--config="],
    ] {
        let exporter = on_server().args(arguments.iter().copied()).start();
        assert_eq!(exporter.get("/version").status, 200, "{arguments:?}");
        let checked = program().args(["check"]).args(arguments.iter().copied()).run();
        assert_eq!(
            checked.status.code(),
            Some(0),
            "{arguments:?}: {}",
            checked.stderr
        );
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
            "--max-result-rows",
            "--max-result-bytes",
            "--max-label-bytes",
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
    let served = on_server().start().get("/version").text();
    assert!(version.stdout.trim_end().ends_with(served.trim_end()), "{served}");
}
