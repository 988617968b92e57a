//! A primary and a standby on which something happens that every collector sees.

pub mod sql;

use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, OnceLock};

use pg_exporter_lab::{Cluster, Session, tool};

/// The servers; what happens on them goes on until the test process ends.
#[derive(Debug)]
pub struct Scene {
    pub primary: Cluster,
    pub standby: Cluster,
    _sessions: Mutex<Vec<Session>>,
    _backups: [Backup; 2],
}

/// Collectors that are skipped by default and run on the scene: the first five see something there.
pub const SKIPPED: [&str; 10] = [
    "pg_origin",
    "pg_shmem",
    "pg_heartbeat",
    "pg_table_bloat",
    "pg_index_bloat",
    "pg_backend_io",
    "pg_persistence",
    "pg_seq_end",
    "pg_role",
    "pg_tls_certificate",
];

/// The scene of a major, made when first asked for. Tests look at it and change nothing.
pub fn scene(major: u32) -> &'static Scene {
    static SCENES: [OnceLock<Scene>; 32] = [const { OnceLock::new() }; 32];
    SCENES[major as usize].get_or_init(|| Scene::make(major))
}

impl Scene {
    fn make(major: u32) -> Self {
        let primary = Cluster::start(major);
        prepare(&primary);
        replicate(&primary);
        let standby = primary.standby();
        for cluster in [&primary, &standby] {
            cluster.psql_in("app", &sql::calls(major));
            cluster.wait_for(
                "select count(*) > 0 from pg_stat_statements where userid <> 10 and calls > 4",
                "t",
            );
        }
        standby.psql("select pg_create_physical_replication_slot('cascade', true)");
        let mut sessions = vec![idle(&primary), idle(&standby)];
        if major >= 12 {
            sessions.extend(maintenance(&primary));
        }
        let backups = [Backup::start(&primary), Backup::start(&standby)];
        Self {
            primary,
            standby,
            _sessions: Mutex::new(sessions),
            _backups: backups,
        }
    }

    /// Both servers, and whether they are in recovery.
    pub fn servers(&self) -> [(&Cluster, bool); 2] {
        [(&self.primary, false), (&self.standby, true)]
    }
}

/// Databases and what is in them.
fn prepare(primary: &Cluster) {
    let major = primary.major();
    primary.psql_in("template1", sql::BLOAT_VIEWS);
    primary.psql_in(
        "postgres",
        &format!("{} {}", sql::BLOAT_VIEWS, sql::postgres(major)),
    );
    primary.create_database("app");
    primary.create_database("copy");
    primary.psql_in("app", &sql::app(major));
}

/// A subscription of database copy to database app, through a slot of its name.
fn replicate(primary: &Cluster) {
    primary.psql_in(
        "app",
        "select pg_create_logical_replication_slot('copy_sub', 'pgoutput')",
    );
    primary.psql("select pg_create_physical_replication_slot('spare')");
    primary.psql_in(
        "copy",
        &format!(
            "create table customers (id int primary key, name text);
             create subscription copy_sub connection 'host=127.0.0.1 port={} dbname=app user=postgres'
             publication app_pub with (create_slot = false, slot_name = 'copy_sub')",
            primary.port()
        ),
    );
    pg_exporter_lab::wait_until("the subscription is ready", crate::support::PATIENCE, || {
        primary.psql_in("copy", "select distinct srsubstate from pg_subscription_rel") == "r"
    });
}

fn idle(cluster: &Cluster) -> Session {
    let mut session = cluster.session("app");
    session.exec("begin");
    session.exec("select count(*) from customers");
    session
}

/// A VACUUM, a CREATE INDEX and a VACUUM FULL that wait in the middle of their work: the first for a page that a
/// cursor holds, the others for a function that waits for an advisory lock.
fn maintenance(primary: &Cluster) -> Vec<Session> {
    primary.psql(sql::MAINTENANCE);
    let mut gate = primary.session("postgres");
    gate.exec("select pg_advisory_lock(4242)");
    let mut cursor = primary.session("postgres");
    cursor.exec("begin");
    cursor.exec("declare held cursor for select * from vacuumed");
    cursor.exec("fetch 5 from held");
    let mut sessions = vec![gate, cursor];
    for statement in [
        "vacuum (freeze) vacuumed",
        "create index on indexed (gate(i))",
        "vacuum full clustered",
    ] {
        let mut session = primary.session("postgres");
        session.send(statement);
        sessions.push(session);
    }
    for (view, state) in [
        ("vacuum", "heap_blks_scanned > 0"),
        ("create_index", "tuples_done > 0 or blocks_done > 0"),
        ("cluster", "phase = 'rebuilding index'"),
    ] {
        primary.wait_for(
            &format!("select count(*) from pg_stat_progress_{view} where {state}"),
            "1",
        );
    }
    sessions
}

/// A base backup that will not end: the server sends 32 kB per second of it.
#[derive(Debug)]
pub struct Backup(Child);

impl Backup {
    pub fn start(cluster: &Cluster) -> Self {
        let command = if cluster.major() >= 15 {
            "BASE_BACKUP (LABEL 'lab', PROGRESS, CHECKPOINT 'fast', WAIT false, MAX_RATE 32)"
        } else {
            "BASE_BACKUP LABEL 'lab' PROGRESS FAST NOWAIT MAX_RATE 32"
        };
        let url = format!("{}?replication=true", cluster.url("postgres"));
        let mut psql = Command::new(tool("psql"));
        psql.env_clear().args(["-X", "-w", "-d", &url, "-c", command]);
        let child = psql
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let backup = Self(child);
        cluster.wait_for(
            "select count(*) from pg_stat_replication where state = 'backup'",
            "1",
        );
        backup
    }
}

impl Drop for Backup {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
