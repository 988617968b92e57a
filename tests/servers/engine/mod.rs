//! What the engine does, as the page shows it. The collectors are the tests' own.

mod connections;
mod databases;
mod durations;
mod failures;
mod labels;
mod limits;
mod partial;
mod predicates;
mod results;
mod schedule;
mod surroundings;

use pg_exporter_lab::{Cluster, Exporter, Page, majors, newest_major, shared};

use crate::layer::Layer;
use crate::support::{exporter, value};

/// An exporter of these collectors alone, on one database.
struct Own {
    exporter: Exporter,
    layer: Layer,
}

impl Own {
    fn start(cluster: &Cluster, database: &str, yaml: &str) -> Self {
        Self::with(cluster, database, yaml, &["--auto-discovery=false"])
    }

    fn with(cluster: &Cluster, database: &str, yaml: &str, more: &[&str]) -> Self {
        let layer = Layer::new(yaml);
        let builder = exporter(&cluster.url(database)).arg("--no-builtin").args(more);
        let exporter = builder.arg("--config").arg(layer.path()).start();
        Self { exporter, layer }
    }

    fn scrape(&self) -> Page {
        self.exporter.scrape()
    }
}

/// A database of a shared server, for one test.
fn database(name: &str) -> &'static Cluster {
    let cluster = shared(newest_major());
    cluster.create_database(name);
    cluster
}

/// A database on the oldest and the newest major.
fn databases(name: &str) -> impl Iterator<Item = &'static Cluster> {
    let majors = [majors()[0], newest_major()];
    majors.into_iter().map(move |major| {
        let cluster = shared(major);
        cluster.create_database(name);
        cluster
    })
}

/// A metric of the exporter about a collector on the one database that is watched.
fn about(page: &Page, name: &str, query: &str) -> f64 {
    value(page, &format!("pg_exporter_query_{name}"), &[("query", query)])
}
