//! What each collector's statement does on a server: `EXPLAIN (ANALYZE, BUFFERS)` of all of them, on three servers.

use pg_exporter::catalog::compiled::COLLECTORS;
use pg_exporter::schema::{Collector, Tag};
use serde_json::{Deserializer, Value};

use crate::Result;
use crate::options::Options;
use crate::server::{Server, script};
use crate::table::Table;

/// Executions of each statement, of which the quickest counts.
const EXECUTIONS: usize = 5;

/// Stands in front of what a statement's executions gave.
const MARK: &str = "@@@";

/// A session as the exporter has it.
const SESSION: &str = "
    set search_path = pg_catalog, pg_temp; set jit = off; set work_mem = '32MB';
    set default_transaction_read_only = on; set statement_timeout = '60s';";

/// What a statement took.
#[derive(Clone, Debug, Default)]
struct Plan {
    milliseconds: f64,
    /// Blocks found in the buffers or read into them.
    blocks: u64,
    /// Blocks written into temporary files.
    temporary: u64,
    /// As the server complained.
    complaint: Option<String>,
}

/// Prints the table, and writes it into the document.
///
/// # Errors
/// When a server does not answer.
pub fn run(options: &Options, large: &Server, empty: &Server) -> Result<()> {
    let wide = Server::many(options.major, 1, 10_000);
    wide.ask("create extension pg_stat_statements")?;
    let collectors = those_for(empty.ask("show server_version_num")?.parse()?);
    let mut table = Table::new(&[
        "statement",
        "empty: ms",
        "blocks",
        "large: ms",
        "blocks",
        "10,000 tables: ms",
        "blocks",
        "temporary blocks",
    ]);
    let mut plans = Vec::new();
    for server in [empty, large, &wide] {
        plans.push(explain(server, &collectors)?);
    }
    for (number, collector) in collectors.iter().enumerate() {
        let on_each: Vec<Plan> = plans
            .iter()
            .map(|plans| plans.get(number).cloned().unwrap_or_default())
            .collect();
        if let Some(complaint) = on_each.iter().find_map(|plan| plan.complaint.as_deref()) {
            println!("{}: {complaint}", collector.branch);
            continue;
        }
        let figures = on_each
            .iter()
            .flat_map(|plan| [format!("{:.2}", plan.milliseconds), plan.blocks.to_string()]);
        let temporary = on_each
            .iter()
            .map(|plan| plan.temporary)
            .max()
            .unwrap_or_default();
        let mut row = vec![collector.branch.to_string()];
        row.extend(figures);
        row.push(temporary.to_string());
        table.push(row);
    }
    table.print();
    crate::write(options, "plans", &table)
}

/// What a primary of that version runs that has no extension but the one on statements.
fn those_for(version: u32) -> Vec<&'static Collector> {
    let is_unfit = |tag: &Tag| match tag {
        Tag::Extension(name) | Tag::ExtensionFrom(name, _) => name != "pg_stat_statements",
        Tag::Cluster | Tag::Primary | Tag::Not(_) => false,
        _ => true,
    };
    let fits =
        |collector: &&Collector| collector.fits_version(version) && !collector.tags.iter().any(is_unfit);
    COLLECTORS.iter().filter(fits).collect()
}

/// The plans of all statements in order, in one session.
fn explain(server: &Server, collectors: &[&Collector]) -> Result<Vec<Plan>> {
    let mut sql = SESSION.to_owned();
    for collector in collectors {
        let query = collector
            .query
            .replace("@extschema:pg_stat_statements@", "public");
        let explain = format!("explain (analyze, buffers, timing off, summary on, format json) {query};\n");
        sql.push_str(&format!("\n\\echo {MARK}\n{}", explain.repeat(EXECUTIONS)));
    }
    // What fails says so where the figures would be.
    let (answer, complaints) = script(&server.url, &sql)?;
    let mut complaints = complaints.lines().filter(|line| line.contains("ERROR"));
    let plan = |said: &str| match least(said) {
        Some(plan) => plan,
        None => Plan {
            complaint: Some(complaints.nth(EXECUTIONS - 1).unwrap_or("no plan").to_owned()),
            ..Plan::default()
        },
    };
    Ok(answer.split(MARK).skip(1).map(plan).collect())
}

/// The quickest of a statement's executions.
fn least(said: &str) -> Option<Plan> {
    let documents = Deserializer::from_str(said).into_iter::<Value>();
    let plans = documents.flatten().filter_map(|document| plan(document.get(0)?));
    plans.min_by(|one, other| one.milliseconds.total_cmp(&other.milliseconds))
}

fn plan(document: &Value) -> Option<Plan> {
    let root = document.get("Plan")?;
    let blocks = |name: &str| root.get(name).and_then(Value::as_u64).unwrap_or_default();
    Some(Plan {
        milliseconds: document.get("Execution Time")?.as_f64()?,
        blocks: blocks("Shared Hit Blocks") + blocks("Shared Read Blocks"),
        temporary: blocks("Temp Written Blocks"),
        complaint: None,
    })
}
