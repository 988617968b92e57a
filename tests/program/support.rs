//! What the tests share: the program, a server with two databases, a folder for files.

use std::sync::OnceLock;
use std::time::Duration;

use pg_exporter_lab::exporter::{Builder, Ended};
use pg_exporter_lab::{Cluster, Exporter, Page, newest_major};

pub(crate) use pg_exporter_lab::Folder;

/// For what happens within a second on a machine with nothing else to do.
pub(crate) const SOON: Duration = Duration::from_secs(20);

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_pg_exporter");

/// The program without any argument or variable.
pub(crate) fn program() -> Builder {
    Exporter::builder(PROGRAM)
}

/// The program on the shared server, with time to connect: the machine may be busy.
pub(crate) fn on_server() -> Builder {
    program()
        .url(&server().url("postgres"))
        .env("PG_EXPORTER_CONNECT_TIMEOUT", "5s")
}

/// A server with the databases `app` and `other`, which no test changes.
pub(crate) fn server() -> &'static Cluster {
    static SERVER: OnceLock<Cluster> = OnceLock::new();
    SERVER.get_or_init(|| {
        let server = Cluster::start(newest_major());
        server.create_database("app");
        server.create_database("other");
        server
    })
}

/// Runs the program with some arguments to its end.
pub(crate) fn run(arguments: &[&str]) -> Ended {
    program().args(arguments.iter().copied()).run()
}

/// One setting, given in each way that there is for it.
pub(crate) fn ways<'a>(
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

/// A page of an exporter of a target that is up.
#[track_caller]
pub(crate) fn page_of(builder: &Builder) -> Page {
    builder.start().scrape()
}

/// The databases that an exporter's page tells of, by the exporter's own metrics.
pub(crate) fn databases(page: &Page) -> Vec<&str> {
    let all = page.all("pg_exporter_server_scrape_total_count");
    let mut names: Vec<_> = all.filter_map(|sample| sample.label("datname")).collect();
    names.sort_unstable();
    names
}

/// A definition of a collector that yields `NAME_value 1`, with more lines for it.
pub(crate) fn definition(name: &str, query: &str, more: &str) -> String {
    format!(
        "{name}:\n  query: {query}\n{more}  metrics:\n    \
         - value: {{ usage: GAUGE, description: A value. }}\n"
    )
}

/// A collector of the URL's database that takes so many seconds.
pub(crate) fn slow(seconds: f64) -> String {
    let query = format!("SELECT 1 AS value FROM pg_catalog.pg_sleep({seconds})");
    definition("slow", &query, "  tags: [cluster]\n  timeout: -1\n")
}
