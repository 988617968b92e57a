//! The servers that are scraped.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _, stdin};
use std::process::{Command, Stdio};

use pg_exporter_lab::cluster::Builder;
use pg_exporter_lab::{Cluster, tool};

use crate::Result;

/// Databases of the large server; the exporter is pointed at the first and discovers the others.
const DATABASES: [&str; 3] = ["bench1", "bench2", "bench3"];
/// Tables per database.
const TABLES: usize = 333;

/// A server, started by this run or by another.
#[derive(Debug)]
pub struct Server {
    /// Connection URL.
    pub url: String,
    /// Process id of the postmaster.
    pub postmaster: u32,
    /// Ours to stop, if this run started it.
    _cluster: Option<Cluster>,
}

impl Server {
    /// A server with three databases of 333 tables, each with rows, two indexes, a sequence and statistics of use, and
    /// with statements of an ordinary role.
    pub fn large(major: u32) -> Self {
        let cluster = start(major);
        eprintln!("preparing {} databases of {TABLES} tables", DATABASES.len());
        cluster.psql("create role app login; grant pg_write_all_data, pg_read_all_data to app");
        for database in DATABASES {
            cluster.create_database(database);
            cluster.psql_in(database, "create extension pg_stat_statements");
            cluster.psql_in(database, &definitions());
            // Each call of psql is a session: its end hands the statistics over.
            cluster.psql_in(database, &use_by_application());
            cluster.psql_in(database, "vacuum analyze");
        }
        cluster.psql("checkpoint");
        Self::new(cluster, DATABASES[0])
    }

    /// A server as `initdb` makes it, with the extension that statement statistics need.
    pub fn empty(major: u32) -> Self {
        let cluster = start(major);
        cluster.psql("create extension pg_stat_statements");
        Self::new(cluster, "postgres")
    }

    /// A server with so many databases of so many tables each, all copies of the first.
    pub fn many(major: u32, databases: usize, tables: usize) -> Self {
        let cluster = start(major);
        eprintln!("preparing {databases} databases of {tables} tables");
        cluster.create_database("many1");
        let mut sql = String::new();
        for table in 1..=tables {
            let _ = writeln!(
                sql,
                "create table t{table} (id int primary key, n int); insert into t{table} select n, n from generate_series(1, 50) n;"
            );
        }
        cluster.psql_in("many1", &sql);
        cluster.psql_in("many1", "vacuum analyze");
        for number in 2..=databases {
            cluster.psql(&format!("create database many{number} template many1"));
        }
        cluster.psql("checkpoint");
        Self::new(cluster, "many1")
    }

    /// A server that another run holds, as `POSTMASTER_PID@URL`.
    ///
    /// # Errors
    /// When it is not of that form.
    pub fn given(text: &str) -> Result<Self> {
        let parts = text
            .split_once('@')
            .and_then(|(pid, url)| Some((pid.parse().ok()?, url)));
        let (postmaster, url) = parts.ok_or_else(|| format!("{text}: should be POSTMASTER_PID@URL"))?;
        Ok(Self {
            url: url.to_owned(),
            postmaster,
            _cluster: None,
        })
    }

    fn new(cluster: Cluster, database: &str) -> Self {
        // The option is for exporters that insist on TLS otherwise.
        let url = format!("{}?sslmode=disable", cluster.url(database));
        Self {
            url,
            postmaster: cluster.pid(),
            _cluster: Some(cluster),
        }
    }

    /// A server with so many databases that hold tables and no rows; [`grow`](Self::grow) makes more.
    pub fn schemas(major: u32, tables: usize, max_connections: u32) -> Self {
        let cluster = builder(major)
            .set("max_connections", &max_connections.to_string())
            .start();
        cluster.create_database("schema1");
        let sql: String = (1..=tables)
            .map(|table| format!("create table t{table} (id bigserial primary key, note text);\n"))
            .collect();
        cluster.psql_in("schema1", &sql);
        Self::new(cluster, "schema1")
    }

    /// Makes copies of the database of the URL until there are so many.
    ///
    /// # Errors
    /// When the server does not answer, or refuses.
    pub fn grow(&self, databases: usize) -> Result<()> {
        let there = "select count(*) from pg_database where datname ~ '^schema[0-9]+$'";
        let there: usize = self.ask(there)?.parse()?;
        let sql: String = (there + 1..=databases)
            .map(|number| format!("create database schema{number} template schema1;\n"))
            .collect();
        let maintenance = self.url.replace("/schema1?", "/postgres?");
        script(&maintenance, &format!("{sql}checkpoint;"))?;
        Ok(())
    }

    /// The server's version, as it tells it.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn version(&self) -> Result<String> {
        self.ask("show server_version")
    }

    /// What the server answers to a script, without alignment.
    ///
    /// # Errors
    /// When it does not answer, or a statement fails.
    pub fn ask(&self, sql: &str) -> Result<String> {
        let (answer, complaints) = script(&self.url, sql)?;
        if complaints.is_empty() {
            Ok(answer.trim().to_owned())
        } else {
            Err(complaints.into())
        }
    }
}

/// Runs a script through psql, which goes on behind a statement that fails. What came, and what was complained of.
pub fn script(url: &str, sql: &str) -> Result<(String, String)> {
    let mut psql = Command::new(tool("psql"))
        .args(["-XAtqw", url])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    if let Some(mut input) = psql.stdin.take() {
        let sql = sql.to_owned();
        // psql that ended before it read everything tells why by itself.
        std::thread::spawn(move || input.write_all(sql.as_bytes()));
    }
    let output = psql.wait_with_output()?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok((text(&output.stdout), text(&output.stderr)))
}

/// Prints where the servers are, and keeps them until the end of standard input.
pub fn hold(large: &Server, empty: &Server) -> Result<()> {
    let argument = |server: &Server| format!("{}@{}", server.postmaster, server.url);
    println!("--large '{}' --empty '{}'", argument(large), argument(empty));
    stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

fn start(major: u32) -> Cluster {
    builder(major).start()
}

fn builder(major: u32) -> Builder {
    Cluster::builder(major)
        .set("shared_buffers", "128MB")
        // What it does by itself would be counted as the cost of a scrape.
        .set("autovacuum", "off")
        .set("checkpoint_timeout", "1h")
        .set("bgwriter_lru_maxpages", "0")
}

fn definitions() -> String {
    let mut sql = String::from(
        "create function note_length(text) returns int language plpgsql as 'begin return length($1); end';\n",
    );
    for table in 1..=TABLES {
        let rows = 50 + table * 7 % 400;
        let _ = write!(
            sql,
            "create table orders_{table:03} (id bigserial primary key, customer int, amount numeric, note text);
             create index on orders_{table:03} (customer, amount);
             insert into orders_{table:03} (customer, amount, note)
                 select n % 50, n * 1.17, repeat('n', n % 90) from generate_series(1, {rows}) n;\n"
        );
    }
    sql
}

/// Statements of a role that is no superuser, so that they count in the statement statistics, too.
fn use_by_application() -> String {
    let mut sql = String::from("set role app;\n");
    for table in 1..=TABLES {
        for round in 0..6 {
            let _ = write!(
                sql,
                "select count(*) from orders_{table:03};
                 select max(note_length(note)) from orders_{table:03} where id < {round}0;
                 update orders_{table:03} set amount = amount + 1 where id = {round};\n"
            );
        }
        let _ = writeln!(sql, "delete from orders_{table:03} where id = 7;");
    }
    sql
}
