//! Which shipped branches no server of the lab can prove, each with its reason: one that comes to this list is seen in review.

use pg_exporter::catalog::compiled::COLLECTORS;
use pg_exporter::schema::{LOCK_FILE, Locks, Source};

/// Nobody had a server of these versions when this was written.
const VERSIONS: &str = "no server of its versions was asked";

const UNPROVEN: &[(&str, &str)] = &[
    ("pg_aurora_replica", "not for PostgreSQL"),
    ("pg_citus_node", "extension citus is not installed"),
    ("pg_dsm_registry", VERSIONS),
    ("pg_lock_stat", VERSIONS),
    ("pg_maintenance", VERSIONS),
    ("pg_multixact", VERSIONS),
    ("pg_published_seq", VERSIONS),
    ("pg_query_plan", VERSIONS),
    ("pg_recovery_state", VERSIONS),
    ("pg_repacking", VERSIONS),
    ("pg_slot_sync", VERSIONS),
    ("pg_stats_reset", VERSIONS),
    ("pg_sub_19", VERSIONS),
    ("pg_sub_conflict_19", VERSIONS),
    ("pg_sub_worker_19", VERSIONS),
    ("pg_tsdb_hypertable", "extension timescaledb is not installed"),
    ("pg_vacuum_score", VERSIONS),
    ("pg_wait_event", "extension pg_wait_sampling is not installed"),
    ("pg_wait_event_1s", "extension pg_wait_sampling is not installed"),
    ("pg_wal_19", VERSIONS),
    ("pgbouncer_database_108", VERSIONS),
    ("pgbouncer_database_123", VERSIONS),
    ("pgbouncer_database_124", VERSIONS),
    ("pgbouncer_peer", VERSIONS),
    ("pgbouncer_pool_108", VERSIONS),
    ("pgbouncer_pool_116", VERSIONS),
    ("pgbouncer_pool_124", VERSIONS),
    ("pgbouncer_stat_123", VERSIONS),
    ("pgbouncer_stat_124", VERSIONS),
    ("pgbouncer_stat_125", VERSIONS),
    ("pgbouncer_state", VERSIONS),
];

#[test]
fn what_cannot_be_proven_is_listed() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("collectors");
    let text = std::fs::read(folder.join(LOCK_FILE)).unwrap();
    let locks = Locks::read(&[Source::new(format!("collectors/{LOCK_FILE}"), text)]);
    let mut unproven: Vec<(&str, &str)> = COLLECTORS
        .iter()
        .filter(|collector| collector.origin.proven.is_empty())
        .map(|collector| {
            (
                &*collector.branch,
                locks.unproven(collector).unwrap_or("nothing is recorded"),
            )
        })
        .collect();
    unproven.sort_unstable();
    assert_eq!(unproven, UNPROVEN);
}
