//! What the exporter may do to the server it scrapes.

use pg_exporter_lab::{Cluster, newest_major};

use super::setup::Folder;
use crate::support::on_server;

#[test]
fn a_collector_cannot_write() {
    let folder = Folder::new();
    let server = Cluster::start(newest_major());
    server.psql("CREATE TABLE kept (n int)");
    // A statement that only seems to read: the definition compiler refuses the others.
    server.psql(
        "CREATE FUNCTION keep() RETURNS int LANGUAGE sql AS 'INSERT INTO public.kept VALUES (1) RETURNING n'",
    );
    let definition = |name: &str, query: &str| {
        format!(
            "{name}:\n  query: \"{query}\"\n  metrics: [{{ value: {{ usage: GAUGE, description: x }} }}]\n"
        )
    };
    let text = definition("inserts", "SELECT keep() AS value")
        + &definition("reads", "SELECT count(*) AS value FROM kept");
    let path = folder.write("collectors.yml", &text);
    let exporter = on_server()
        .url(&server.url("postgres"))
        .args(["--no-builtin", "--config", &path])
        .start();
    let page = exporter.scrape();
    assert_eq!(page.value("reads_value", &[]), Some(0.0));
    assert_eq!(page.value("inserts_value", &[]), None);
    assert!(exporter.logs("read-only transaction"), "{}", exporter.stderr());
    assert_eq!(server.psql("SELECT count(*) FROM kept"), "0");
}
