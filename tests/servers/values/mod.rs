//! Values, compared with the catalogs and with what was done.

mod activity;
mod alerts;
mod archiver;
mod conflicts;
mod control;
mod counters;
mod mended;
mod nineteen;
mod objects;
mod own;
mod pgbouncer;
mod progress;
mod quirks;
mod replication;
mod settings;
mod shop;
mod site;
mod sizes;
mod slots;
mod stand_ins;
mod standby;
mod statements;
mod tables;

use pg_exporter_lab::majors_among as some_majors;
use pg_exporter_lab::{Cluster, Exporter};

use crate::layer::Layer;
use crate::support::exporter;

/// Watches one database, without cache; none of its connections are in other databases.
pub fn watch(cluster: &Cluster, database: &str, layer: &Layer) -> Exporter {
    exporter(&cluster.url(database))
        .args(["--disable-cache", "--auto-discovery=false", "--config"])
        .arg(layer.path())
        .start()
}
