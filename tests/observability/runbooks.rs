//! The runbooks' statements run on every major, and the exporter has the paths that they ask for.

use std::collections::BTreeSet;

use pg_exporter_lab::{Cluster, Exporter, cluster, majors, newest_major};

use crate::files::read;

/// The code blocks of a language, one string each.
fn blocks(language: &str) -> Vec<String> {
    let text = read("docs/runbooks.md");
    let begin = format!("```{language}\n");
    let parts = text.split(&begin).skip(1);
    parts
        .map(|part| part.split("```").next().unwrap().to_owned())
        .collect()
}

/// The first major that has what a block asks for, by its first line `-- from N on`.
fn first_major(block: &str) -> u32 {
    let first = block
        .lines()
        .next()
        .and_then(|line| line.strip_prefix("-- from "));
    first.map_or(10, |rest| rest.split(' ').next().unwrap().parse().unwrap())
}

#[test]
fn statements_run_on_every_major() {
    let blocks = blocks("sql");
    assert!(blocks.len() > 30, "only {} blocks", blocks.len());
    for major in majors() {
        let server = cluster::shared(major);
        for block in blocks.iter().filter(|block| first_major(block) <= major) {
            // One by one, so that the message names the statement.
            for statement in block.split_inclusive(";\n") {
                if let Err(error) = server.try_psql("postgres", statement) {
                    panic!("PostgreSQL {major}: {error}");
                }
            }
        }
    }
}

#[test]
fn paths_of_the_exporter_exist() {
    let server = Cluster::start(newest_major());
    // A collector without a row has no metrics.
    server.psql("select pg_create_physical_replication_slot('runbooks')");
    let exporter = Exporter::builder(env!("CARGO_BIN_EXE_pg_exporter"))
        .url(&server.url("postgres"))
        .start();
    exporter.wait_for_status("/primary", 200, std::time::Duration::from_secs(20));
    let page = exporter.scrape();
    let text = blocks("sh").concat();
    let word = |part: &str| part.split(['\'', ' ', '\n', ';', '"']).next().unwrap().to_owned();
    let paths: BTreeSet<String> = text
        .split(":9630")
        .skip(1)
        .map(word)
        .filter(|path| path.starts_with('/'))
        .collect();
    assert!(paths.len() > 10, "{paths:?}");
    for path in paths {
        let method = if path.starts_with("/reload") {
            "POST"
        } else {
            "GET"
        };
        let status = exporter.request(method, &path, &[]).status;
        let replica = path.starts_with("/replica");
        // A primary is no replica.
        assert_eq!(status, if replica { 404 } else { 200 }, "{path}");
    }
    // What a page is searched for is a name that it can have.
    for name in text.split("grep '^").skip(1).map(word) {
        assert!(page.help.contains_key(&name), "no metric {name}");
    }
}
