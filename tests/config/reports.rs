//! `/explain` and `/stat` on a real server, and the same from the command line.

use std::time::Duration;

use pg_exporter_lab::{Folder, wait_until};

use crate::support::{clock, database, exporter, json, program, server};

const FUTURE: &str = "
later:
  query: SELECT 1 AS a
  min_version: 990000
  metrics: [ a: { usage: GAUGE, description: A } ]
";

#[test]
fn explain_says_what_runs_and_why_the_rest_does_not() {
    let url = database("explain");
    let directory = Folder::of(&[
        ("1.yml", &clock("one", "  tags: [cluster]\n  ttl: 10\n")),
        (
            "2.yml",
            &clock("two", "  tags: [\"extension:hstore\"]\n  skip: false\n"),
        ),
        ("3.yml", &clock("three", "  skip: true\n")),
        ("4.yml", &clock("four", "  tags: [primary]\n")),
        ("5.yml", FUTURE),
    ]);
    let exporter = exporter(&url, &directory);
    // Nothing has been scraped yet; a busy machine may take longer to plan than a request is kept waiting.
    wait_until("all is planned", Duration::from_secs(60), || {
        !exporter.get("/explain").text().contains("Status: Pending")
    });
    let text = exporter.get("/explain").text();
    assert!(
        !exporter.get("/stat").text().contains("Executions: 1"),
        "nothing was executed for it"
    );
    let version = server().psql("show server_version_num");
    let statuses: Vec<_> = text
        .lines()
        .filter_map(|line| line.strip_prefix("  Status: "))
        .collect();
    let later = format!("Inactive (server version {version} below 990000)");
    let expected = [
        "Active",
        "Inactive (extension hstore is not installed in explain)",
        "Skipped",
        "Active (primary only)",
        &*later,
    ];
    assert_eq!(statuses, expected, "{text}");
    let first = "Collector: one\n  Query: SELECT extract(epoch FROM clock_timestamp()) AS at\n  Tags: [cluster]\n  TTL: 10s\n  \
                 Timeout: 30s\n  Version: 0-999999\n  Status: Active\n\n";
    assert!(text.starts_with(first), "{text}");

    let answer = exporter.request("GET", "/explain", &[("Accept", "application/json")]);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let list = json(&answer.text());
    assert_eq!(
        (&list[0]["collector"], &list[0]["ttl_seconds"]),
        (&"one".into(), &10.0.into())
    );
    assert_eq!(list[1]["databases"][0]["database"], "explain");

    // The same words from the command line.
    for arguments in [["explain", "--format=text"], ["--explain", "--no-builtin"]] {
        let run = program(&url)
            .args(["--no-builtin", "--config"])
            .arg(directory.path())
            .args(arguments)
            .run();
        assert_eq!(
            (run.status.code(), run.stdout.as_str()),
            (Some(0), text.as_str()),
            "{}",
            run.stderr
        );
    }
}

#[test]
fn explain_shows_databases_apart_where_they_differ() {
    database("explain_with");
    let url = database("explain_without");
    server().psql_in("explain_with", "create extension pg_stat_statements");
    let directory = Folder::of(&[
        (
            "1.yml",
            &clock("one", "  tags: [\"extension:pg_stat_statements\"]\n"),
        ),
        ("2.yml", &clock("once", "  tags: [cluster]\n")),
    ]);
    let run = program(&url)
        .args([
            "--auto-discovery",
            "--include-database=explain_with",
            "--no-builtin",
            "--config",
        ])
        .arg(directory.path())
        .args(["explain"])
        .run();
    let expected = "  Status:\n    explain_without: Inactive (extension pg_stat_statements is not installed in explain_without)\n    \
                    explain_with: Active\n";
    assert!(run.stdout.contains(expected), "{}\n{}", run.stdout, run.stderr);
    assert!(
        run.stdout.ends_with("  Status: Active\n"),
        "what runs once differs nowhere: {}",
        run.stdout
    );
}

#[test]
fn stat_counts_executions_failures_and_hits() {
    let url = database("stat");
    let failing = clock("failing", "").replace("clock_timestamp()", "secret_function('hunter2')");
    let directory = Folder::of(&[("1.yml", &clock("cached", "  ttl: 3600\n")), ("2.yml", &failing)]);
    let exporter = exporter(&url, &directory);
    for _ in 0..3 {
        let _ = exporter.scrape();
    }
    let text = exporter.get("/stat").text();
    assert!(text.starts_with("Collector Statistics:\n  cached:\n    Executions: 1\n    Successes: 1\n    Failures: 0\n    Avg Duration: "), "{text}");
    assert!(
        text.contains("    Cache Hits: 2\n") && text.contains("    Last Execution: 20"),
        "{text}"
    );
    assert!(text.contains("    Last Error: missing_object 42883: "), "{text}");
    let list = json(&exporter.get("/stat?format=json").text());
    assert_eq!(
        (&list[1]["collector"], &list[1]["failures"]),
        (&"failing".into(), &1.into())
    );
    assert_eq!(list[1]["last_error"]["sqlstate"], "42883");
    wait_until(
        "the page for people links to both",
        Duration::from_secs(10),
        || {
            let page = exporter.get("/").text();
            page.contains(r#"href="./explain""#) && page.contains(r#"href="./stat""#)
        },
    );
    let run = program(&url)
        .args(["--no-builtin", "--config"])
        .arg(directory.path())
        .args(["stat", "--format=json"])
        .run();
    assert_eq!(json(&run.stdout)[0]["executions"], 1, "{}", run.stderr);
}

/// `collect[]` and `exclude[]` choose what is told of, as text and as JSON, in the order of execution; both ways of writing them.
#[test]
fn reports_are_of_what_is_chosen() {
    let url = database("chosen");
    let names = ["one", "two", "three"];
    let files = names.map(|name| (format!("{name}.yml"), clock(name, "")));
    let files: Vec<_> = files.iter().map(|(file, text)| (&**file, &**text)).collect();
    let directory = Folder::of(&files);
    let exporter = exporter(&url, &directory);
    let _ = exporter.scrape();
    let all = ["one", "three", "two"];
    let chosen = [
        ("", &all[..]),
        ("collect[]=two", &["two"]),
        ("collect%5B%5D=two&collect[]=one", &["one", "two"]),
        ("exclude[]=one", &["three", "two"]),
        ("collect[]=one&collect[]=two&exclude[]=two", &["one"]),
    ];
    for (query, expected) in chosen {
        for path in ["/explain", "/stat"] {
            let list = json(&exporter.get(&format!("{path}?format=json&{query}")).text());
            let list: Vec<_> = list
                .as_array()
                .unwrap()
                .iter()
                .map(|one| one["collector"].clone())
                .collect();
            assert_eq!(list, expected, "{path}?{query}");
        }
        let text = exporter.get(&format!("/explain?{query}")).text();
        let told = text.lines().filter_map(|line| line.strip_prefix("Collector: "));
        assert_eq!(told.collect::<Vec<_>>(), expected, "{text}");
        let text = exporter.get(&format!("/stat?{query}")).text();
        let is_name = |line: &&str| line.starts_with("  ") && !line.starts_with("    ");
        let told = text
            .lines()
            .filter(is_name)
            .map(|line| line.trim().trim_end_matches(':'));
        assert_eq!(told.collect::<Vec<_>>(), expected, "{text}");
    }
}

#[test]
fn a_dump_loads_back_to_the_same() {
    let url = database("dump");
    let dump = program(&url).arg("dump").run();
    assert_eq!(dump.status.code(), Some(0), "{}", dump.stderr);
    let directory = Folder::of(&[("dump.yml", &dump.stdout)]);
    let again = program(&url)
        .args(["--no-builtin", "--config"])
        .arg(directory.path())
        .arg("dump")
        .run();
    assert_eq!(again.stdout, dump.stdout);
    let old_name = program(&url).arg("--dry-run").run();
    assert_eq!(old_name.stdout, dump.stdout);
}
