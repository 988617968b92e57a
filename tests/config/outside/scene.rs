//! A server with something of all that the files ask for.

use std::time::Duration;

use pg_exporter_lab::{Cluster, Exporter, Folder, Pgbouncer, Session};

use crate::support::program;

pub struct Scene {
    // In the order in which they are dropped.
    bouncer: Pgbouncer,
    _idle: Session,
    _standby: Cluster,
    cluster: Cluster,
}

impl Scene {
    pub fn start(major: u32) -> Self {
        let cluster = Cluster::start(major);
        cluster.create_database("shop");
        cluster.psql_in(
            "shop",
            "create table public.orders (id int primary key); insert into public.orders values (1), (2), (3); analyze public.orders",
        );
        cluster.psql(
            "create extension pg_stat_statements; create schema monitor; create table monitor.beat (at timestamptz);
             select pg_create_physical_replication_slot('outside', true)",
        );
        let standby = cluster.standby();
        cluster.wait_for(
            "select count(*) from pg_stat_replication where state = 'streaming'",
            "1",
        );
        // Until 14 a process collects the statistics, and what a session did is there when it has arrived.
        pg_exporter_lab::wait_until(
            "the rows that were written are counted",
            Duration::from_secs(30),
            || {
                cluster.psql_in(
                    "shop",
                    "select n_tup_ins from pg_stat_user_tables where relname = 'orders'",
                ) == "3"
            },
        );
        Self {
            bouncer: Pgbouncer::start(&cluster),
            _idle: cluster.session("shop"),
            _standby: standby,
            cluster,
        }
    }

    /// An exporter of a file's collectors alone, on all databases, or on pgbouncer where the file says so.
    pub fn exporter(&self, file: &str, directory: &Folder) -> Exporter {
        let url = if file.contains("pgbouncer") {
            self.bouncer.stats_url()
        } else {
            format!("{}?sslmode=disable", self.cluster.url("postgres"))
        };
        program(&url)
            .args([
                "--auto-discovery",
                "--no-builtin",
                "--disable-intro",
                "--disable-cache",
                "--config",
            ])
            .arg(directory.path())
            .start()
    }

    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }
}
