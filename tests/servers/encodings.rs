//! Names in any encoding, or in none: databases, roles, tables, publications, users of a pooler. Everything is served, each
//! database is connected to by its bytes, and two names are never one series.

mod named;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::os::unix::ffi::OsStringExt as _;
use std::process::{Child, Command, Stdio};

use pg_exporter_lab::page::Sample;
use pg_exporter_lab::{
    Cluster, Exporter, Page, Pgbouncer, majors, majors_among, newest_major, tool, wait_until,
};

use self::named::{DATABASES, Named, OF_ANY_FORM, OF_OTHER_SCRIPTS};
use crate::layer::{Layer, patience};
use crate::support::{PATIENCE, assert_healthy, exporter, failures, label_values};

/// Every table that there is beside the system's, with the database's name as that database shows it; and the same for
/// columns that are sent as text.
const TABLES: &str = "
tables:
  query: |
    SELECT pg_catalog.current_database() AS datname, c.relname, c.oid::pg_catalog.regclass AS shown, 1 AS one
    FROM pg_catalog.pg_class AS c WHERE c.relkind = 'r' AND c.oid >= 16384::pg_catalog.oid
  timeout: 30
  metrics:
    - datname: { usage: LABEL, description: Database. }
    - relname: { usage: LABEL, description: Table. }
    - shown:   { usage: LABEL, description: The same as a statement would name it. }
    - one:     { usage: GAUGE, description: One. }
binary:
  query: |
    SELECT pg_catalog.current_database() AS datname, c.relname, 1 AS one
    FROM pg_catalog.pg_class AS c WHERE c.relkind = 'r' AND c.oid >= 16384::pg_catalog.oid
  timeout: 30
  metrics:
    - datname: { usage: LABEL, description: Database. }
    - relname: { usage: LABEL, description: Table. }
    - one:     { usage: GAUGE, description: One. }
";

/// A name as an SQL expression, in a database without an encoding.
fn expression(name: &[u8]) -> String {
    let mut digits = String::new();
    for byte in name {
        write!(digits, "{byte:02x}").unwrap();
    }
    format!("convert_from(decode('{digits}', 'hex'), 'SQL_ASCII')")
}

fn percent(name: &[u8]) -> String {
    name.iter().fold(String::new(), |mut text, byte| {
        write!(text, "%{byte:02x}").unwrap();
        text
    })
}

/// psql in a database of any name. It hands texts on as they are.
fn psql(port: u16, user: &[u8], database: &[u8]) -> Command {
    let mut psql = Command::new(tool("psql"));
    let escaped = |name: &[u8]| {
        name.iter()
            .flat_map(|byte| match byte {
                b'\'' | b'\\' => vec![b'\\', *byte],
                byte => vec![*byte],
            })
            .collect::<Vec<u8>>()
    };
    let quoted = |name: &[u8]| [b"'", &*escaped(name), b"'"].concat();
    let place = [
        format!("host=127.0.0.1 port={port} client_encoding=SQL_ASCII user=").as_bytes(),
        &quoted(user),
        b" dbname=",
        &quoted(database),
    ]
    .concat();
    psql.env_clear()
        .args(["-X", "-w", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d"])
        .arg(OsString::from_vec(place));
    psql
}

fn run(cluster: &Cluster, database: &[u8], sql: &[u8]) {
    let mut psql = psql(cluster.port(), b"postgres", database);
    let ended = psql
        .arg("-c")
        .arg(OsString::from_vec(sql.to_vec()))
        .output()
        .unwrap();
    assert!(
        ended.status.success(),
        "{}",
        String::from_utf8_lossy(&ended.stderr)
    );
}

/// What stands in double quotes for a name.
fn doubled(name: &[u8]) -> Vec<u8> {
    let double = |byte: &u8| vec![*byte; if *byte == b'"' { 2 } else { 1 }];
    name.iter().flat_map(double).collect()
}

fn create(cluster: &Cluster, databases: &[Named]) {
    cluster.psql("create database ascii encoding 'SQL_ASCII' template template0 lc_collate 'C' lc_ctype 'C'");
    for one in databases {
        if one.name != b"ascii" {
            let expression = expression(one.name);
            let encoding = one.encoding;
            cluster.psql_in("ascii", &format!(
                "select format('create database %I encoding ''{encoding}'' template template0 lc_collate ''C'' lc_ctype ''C''', {expression}) \\gexec"
            ));
        }
        let table = doubled(one.table);
        run(
            cluster,
            one.name,
            &[b"create table \"", &*table, b"\" (a int)"].concat(),
        );
        // Cut to 63 bytes, it may be cut within a character.
        run(
            cluster,
            one.name,
            &[b"create publication \"p", &*table, b"\""].concat(),
        );
    }
}

fn prepare(cluster: &Cluster) {
    create(cluster, &DATABASES);
    // Shared names: two that are one if what is no UTF-8 is left out, and one of them may let the exporter in.
    for role in [&b"r\xf6le"[..], b"r\xf8le", "röle".as_bytes()] {
        let role = expression(role);
        cluster.psql_in("ascii", &format!(
            "do $$ begin execute format('create role %I login superuser connection limit 40', {role}); end $$"
        ));
    }
}

/// Databases, and tables with their database, as the page has them.
fn found(page: &Page, metric: &str) -> BTreeSet<(String, String)> {
    let label = |sample: &Sample, name: &str| sample.label(name).unwrap_or_default().to_owned();
    let all = page.all(metric);
    all.map(|sample| (label(sample, "datname"), label(sample, "relname")))
        .collect()
}

fn check(page: &Page, databases: &[Named], place: &str) {
    let pair = |one: &Named| (one.label.to_owned(), one.table_label.to_owned());
    let expected: BTreeSet<_> = databases.iter().map(pair).collect();
    for metric in ["tables_one", "binary_one"] {
        assert_eq!(found(page, metric), expected, "{metric}, {place}");
    }
    let labels: BTreeSet<_> = databases.iter().map(|one| one.label.to_owned()).collect();
    let discovered: BTreeSet<_> = label_values(page, "pg_exporter_server_scrape_total_count", "datname")
        .into_iter()
        .collect();
    assert!(discovered.is_superset(&labels), "{discovered:?}, {place}");
    assert_eq!(failures(page), Vec::<String>::new(), "{place}");
    let dropped: Vec<_> = page
        .all("pg_exporter_query_dropped_series_total")
        .filter(|sample| sample.label("reason") == Some("duplicate") && sample.value > 0.0)
        .collect();
    assert!(dropped.is_empty(), "{dropped:?}, {place}");
}

/// An exporter of all databases but some, whose page has all of those.
fn served(place: &str, but: &str, layer: &Layer, databases: &[Named]) -> Exporter {
    let exporter = exporter(place)
        .args(["--auto-discovery", "--disable-cache"])
        .arg(format!("--exclude-database={but}"))
        .arg("--config")
        .arg(layer.path())
        .start();
    let page = exporter.scrape();
    let said = format!("{place}\n{}", exporter.stderr());
    assert_eq!(page.value("pg_up", &[]), Some(1.0), "{said}");
    check(&page, databases, &said);
    exporter
}

#[test]
fn names_are_bytes() {
    for major in majors_among(&[10, 14, 18]) {
        let cluster = Cluster::start(major);
        prepare(&cluster);
        let layer = Layer::new(&format!("{}{TABLES}", patience(&["pg_role", "pg_session"])));
        let url = |user: &str, database: &[u8]| {
            let place = format!("127.0.0.1:{}/{}", cluster.port(), percent(database));
            format!("postgresql://{user}@{place}")
        };
        let places = DATABASES.iter().map(|one| url("postgres", one.name));
        let roles = [
            url("r%f6le", b"caf\xe9"),
            url("r%c3%b6le", b"euc_kr"),
            url("r%f8le", b"postgres"),
        ];
        for place in places.chain(roles) {
            let exporter = served(&place, "template0,template1", &layer, &DATABASES);
            assert_eq!(exporter.get("/primary").status, 200);
            assert_eq!(exporter.get("/explain").status, 200);
        }
    }
}

/// From the URL's database each of the others is found, and each is reached by its name.
fn are_reached_from_each_other(major: u32, databases: &[Named]) {
    let cluster = Cluster::start(major);
    create(&cluster, databases);
    let layer = Layer::new(&format!("{}{TABLES}", patience(&[])));
    for one in databases {
        let place = format!("127.0.0.1:{}/{}", cluster.port(), percent(one.name));
        let url = format!("postgresql://postgres@{place}");
        served(&url, "postgres,template0,template1", &layer, databases);
    }
}

#[test]
fn names_of_other_scripts() {
    are_reached_from_each_other(newest_major(), &OF_OTHER_SCRIPTS);
}

#[test]
fn names_of_any_form() {
    for major in majors_among(&[10, 18]) {
        are_reached_from_each_other(major, &OF_ANY_FORM);
    }
}

/// A client of a pooler that stays.
struct Client(Child);

impl Client {
    fn start(pgbouncer: &Pgbouncer, user: &[u8], database: &[u8]) -> Self {
        let mut psql = psql(pgbouncer.port(), user, database);
        psql.args(["-c", "select pg_sleep(100)"]);
        psql.stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        Self(psql.spawn().unwrap())
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn names_are_bytes_through_a_pooler_and_on_its_console() {
    let cluster = Cluster::start(*majors().last().unwrap());
    prepare(&cluster);
    // Whoever comes is postgres on the server.
    let pgbouncer = Pgbouncer::start_with(&cluster, "auth_type = any");
    let layer = Layer::new(&format!("{}{TABLES}", patience(&[])));
    for database in [&b"caf\xe9"[..], b"latin1", "café".as_bytes(), b"euc_kr"] {
        let exporter = exporter(&pgbouncer.url(&percent(database)))
            .args([
                "--auto-discovery",
                "--disable-cache",
                "--exclude-database=template0,template1",
                "--config",
            ])
            .arg(layer.path())
            .start();
        let page = exporter.scrape();
        assert_eq!(page.value("pg_up", &[]), Some(1.0), "{}", exporter.stderr());
        check(
            &page,
            &DATABASES,
            &format!("through pgbouncer, {database:?}\n{}", exporter.stderr()),
        );
    }
    let labels = page_of_the_console(&cluster);
    assert_eq!(
        labels,
        ["r\u{fffd}le[f6]", "r\u{fffd}le[f8]", "röle"]
            .map(str::to_owned)
            .into()
    );
}

/// The users of a database's pools as the console's page has them.
fn page_of_the_console(cluster: &Cluster) -> BTreeSet<String> {
    let users = [&b"r\xf6le"[..], b"r\xf8le", "röle".as_bytes()];
    let mut lines = b"\"postgres\" \"\"\n\"pgbadmin\" \"\"\n\"pgbstats\" \"\"\n".to_vec();
    for user in users {
        lines.extend([b"\"", user, b"\" \"\"\n"].concat());
    }
    let file = std::env::temp_dir().join(format!("pg_exporter-users-{}.txt", std::process::id()));
    std::fs::write(&file, lines).unwrap();
    let settings = format!(
        "auth_file = {}\n[databases]\nlatin1 = host=127.0.0.1 port={}",
        file.display(),
        cluster.port()
    );
    let pgbouncer = Pgbouncer::start_with(cluster, &settings);
    std::fs::remove_file(&file).unwrap();
    let _clients: Vec<_> = users
        .iter()
        .map(|user| Client::start(&pgbouncer, user, b"latin1"))
        .collect();
    let are_there = || pgbouncer.admin("show pools").matches("latin1|").count() == 3;
    wait_until("three pools are there", PATIENCE, are_there);
    let layer = Layer::patient(&["pgbouncer_client", "pgbouncer_server"]);
    let exporter = exporter(&pgbouncer.stats_url())
        .arg("--config")
        .arg(layer.path())
        .start();
    let page = exporter.scrape();
    assert_healthy(&exporter, &page);
    let dropped = page.all("pgbouncer_exporter_query_dropped_series_total");
    assert_eq!(dropped.map(|sample| sample.value).sum::<f64>(), 0.0);
    let pools = page.all("pgbouncer_pool_active_clients");
    let pools = pools.filter(|sample| sample.label("datname") == Some("latin1"));
    pools
        .map(|sample| sample.label("user").unwrap_or_default().to_owned())
        .collect()
}
