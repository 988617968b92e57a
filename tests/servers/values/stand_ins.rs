//! Extensions that the lab has not: objects of the same names and columns stand in for theirs, and an entry in `pg_extension`.

use pg_exporter_lab::Cluster;

use super::some_majors;
use crate::layer::Layer;
use crate::support::{exporter, value};

/// An extension without files: it is in the catalog only.
fn register(cluster: &Cluster, name: &str, schema: &str) {
    let has_oid_column = cluster.major() >= 12;
    let (column, oid) = if has_oid_column {
        ("oid, ", "(select max(oid)::int8 + 1 from pg_extension)::oid, ")
    } else {
        ("", "")
    };
    cluster.psql(&format!(
        "insert into pg_extension ({column}extname, extowner, extnamespace, extrelocatable, extversion)
         select {oid}'{name}', 10, oid, false, '1.0' from pg_namespace where nspname = '{schema}'"
    ));
}

#[test]
fn hypertables_nodes_and_waits_are_asked_for_without_their_schemas() {
    for major in some_majors(&[10, 15, 18]) {
        let cluster = Cluster::builder(major)
            .set("allow_system_table_mods", "on")
            .start();
        cluster.psql(
            "create role watcher login; grant pg_monitor to watcher;
             create schema \"Hidden\"; create schema open; grant usage on schema open to public;
             create table \"Hidden\".\"Data\" (a int); create table open.data (a int);
             create schema timescaledb_information; grant usage on schema timescaledb_information to public;
             create table timescaledb_information.hypertables (hypertable_schema name, hypertable_name name,
               num_dimensions int2, num_chunks int8, compression_enabled bool);
             grant select on timescaledb_information.hypertables to public;
             insert into timescaledb_information.hypertables values ('Hidden', 'Data', 1, 3, true), ('open', 'data', 2, 4, null);
             create schema \"Time scale\"; grant usage on schema \"Time scale\" to public;
             create function \"Time scale\".hypertable_size(regclass) returns bigint language sql as 'select 8192::bigint';
             create table pg_catalog.pg_dist_node (nodeid int, groupid int, nodename text, nodeport int, hasmetadata bool,
               isactive bool, metadatasynced bool, shouldhaveshards bool);
             grant select on pg_catalog.pg_dist_node to public;
             insert into pg_catalog.pg_dist_node values (1, 0, 'one', 5432, true, true, false, true);
             create schema \"Waits\"; grant usage on schema \"Waits\" to public;
             create table \"Waits\".pg_wait_sampling_profile (pid int, event_type text, event text, queryid int8, count int8);
             grant select on \"Waits\".pg_wait_sampling_profile to public;
             insert into \"Waits\".pg_wait_sampling_profile values (1, 'Lock', 'tuple', 0, 3), (2, 'Lock', 'tuple', 0, 4), (3, null, null, 0, 5)",
        );
        register(&cluster, "timescaledb", "Time scale");
        register(&cluster, "citus", "pg_catalog");
        register(&cluster, "pg_wait_sampling", "Waits");
        let layer = Layer::patient(&["pg_tsdb_hypertable", "pg_wait_event", "pg_citus_node"]);
        let url = format!("postgresql://watcher@127.0.0.1:{}/postgres", cluster.port());
        let exporter = exporter(&url).arg("--config").arg(layer.path()).start();
        let page = exporter.scrape();
        let of = |name: &str, label: &str, text: &str| value(&page, name, &[(label, text)]);
        // A table whose schema the role may not use costs nothing.
        for (relname, dimensions, chunks, compressed) in [
            ("\"Hidden\".\"Data\"", 1.0, 3.0, 1.0),
            ("open.data", 2.0, 4.0, 0.0),
        ] {
            let found = ["dimensions", "chunks", "compressed", "bytes"]
                .map(|column| of(&format!("pg_tsdb_hypertable_{column}"), "relname", relname));
            assert_eq!(
                found,
                [dimensions, chunks, compressed, 8192.0],
                "{major}, {relname}"
            );
        }
        let found = [
            "id",
            "group",
            "has_meta",
            "is_active",
            "meta_synced",
            "have_shards",
        ]
        .map(|column| of(&format!("pg_citus_node_{column}"), "node", "one:5432"));
        assert_eq!(found, [1.0, 0.0, 1.0, 1.0, 0.0, 1.0], "{major}");
        assert_eq!(of("pg_wait_event_count", "event", "tuple"), 7.0, "{major}");
        assert_eq!(of("pg_wait_event_count", "event", "Running"), 5.0, "{major}");
    }
}
