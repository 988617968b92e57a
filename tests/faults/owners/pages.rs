//! Settings that end sessions, or change what statements say: a page is what it is without them.

use std::time::Duration;

use pg_exporter_lab::{FaultProxy, majors, newest_major};

use super::{WITNESS, exporter, pooler, reset, set, start, url, whole_page};
use crate::settings::assert_whole;
use crate::support::{Layer, State, page_within, wrong_answers};
use crate::views::while_primary;

/// Settings by what they would do. Those that a server does not know are left out there.
pub(crate) const GROUPS: [&[&str]; 5] = [
    // They end a session, its transaction or its statements, or keep them waiting.
    &[
        "exit_on_error = on",
        "statement_timeout = 1",
        "lock_timeout = 1",
        "idle_session_timeout = 1",
        "idle_in_transaction_session_timeout = 1",
        "transaction_timeout = 1",
        "tcp_user_timeout = 1",
        "tcp_keepalives_idle = 1",
        "tcp_keepalives_interval = 1",
        "tcp_keepalives_count = 1",
        "client_connection_check_interval = 1",
        "default_transaction_isolation = serializable",
        "default_transaction_deferrable = on",
        "default_transaction_read_only = off",
    ],
    // They change what a statement says.
    &[
        "standard_conforming_strings = off",
        "quote_all_identifiers = on",
        "transform_null_equals = on",
        "array_nulls = off",
        "backslash_quote = off",
        "xmloption = document",
        "search_path = mallory, pg_catalog",
        "row_security = off",
        "restrict_nonsystem_relation_kind = 'view,foreign-table'",
        "default_text_search_config = 'simple'",
        "timezone_abbreviations = 'India'",
    ],
    // They change what its result says.
    &[
        "DateStyle = 'German, DMY'",
        "IntervalStyle = iso_8601",
        "TimeZone = 'Asia/Tokyo'",
        "bytea_output = escape",
        "extra_float_digits = -15",
        "client_encoding = LATIN1",
        "lc_numeric = 'C'",
        "lc_time = 'C'",
        "lc_monetary = 'C'",
        "xmlbinary = hex",
        "client_min_messages = debug5",
        "application_name = innocent",
    ],
    // They change how it is executed.
    &[
        "enable_hashjoin = off",
        "enable_mergejoin = off",
        "enable_indexscan = off",
        "enable_sort = off",
        "enable_hashagg = off",
        "enable_material = off",
        "random_page_cost = 1e10",
        "work_mem = '64kB'",
        "hash_mem_multiplier = 1",
        "from_collapse_limit = 1",
        "join_collapse_limit = 1",
        "geqo_threshold = 2",
        "plan_cache_mode = force_generic_plan",
        "jit_above_cost = 0",
        "stats_fetch_consistency = snapshot",
    ],
    &[
        "force_parallel_mode = regress",
        "debug_parallel_query = regress",
        "min_parallel_table_scan_size = 0",
        "parallel_setup_cost = 0",
        "parallel_tuple_cost = 0",
        "parallel_leader_participation = off",
        "max_parallel_workers_per_gather = 8",
        "stats_fetch_consistency = none",
        "gin_fuzzy_search_limit = 1",
        "temp_buffers = 100",
        "check_function_bodies = off",
        "debug_print_plan = on",
        "synchronous_commit = off",
    ],
];

/// Families whose series come and go by themselves.
const MOVING: [&str; 6] = [
    "pg_exporter",
    "process_",
    "pg_query",
    "pg_lock",
    "pg_wait",
    "pg_backend",
];

/// Nor does anything that he sets change a page, but for numbers that move by themselves.
#[test]
fn what_an_owner_sets_for_his_database_changes_no_page() {
    for major in [majors()[0], newest_major()] {
        let cluster = start(major);
        let layer = Layer::new(WITNESS);
        let url = url(&cluster, "mon");
        let clean = whole_page(&exporter(&url, &layer), "a clean page").series_but(&MOVING);
        assert!(clean.len() > 200, "{}", clean.len());
        for group in GROUPS {
            let known = cluster.psql("select string_agg(lower(name), ' ') from pg_settings");
            let known: Vec<_> = known.split(' ').collect();
            for setting in group {
                let name = setting.split(' ').next().unwrap_or_default().to_lowercase();
                if known.contains(&&*name) {
                    set(&cluster, setting);
                }
            }
            let exporter = exporter(&url, &layer);
            let page = whole_page(&exporter, group[0]);
            assert_eq!(page.value("witness_float", &[]), Some(1_234_567.891), "{group:?}");
            let found = page.series_but(&MOVING);
            for (name, expected) in &clean {
                assert_eq!(
                    found.get(name),
                    Some(expected),
                    "{major}, {group:?}: {name}\n{}",
                    exporter.stderr()
                );
            }
            let more: Vec<_> = found.keys().filter(|name| !clean.contains_key(*name)).collect();
            assert!(more.is_empty(), "{major}, {group:?}: {more:?}");
            assert_whole(&url, &format!("{major}: {group:?}"));
            reset(&cluster);
        }
    }
}

/// Where the server sends results as text, too.
#[test]
fn what_an_owner_sets_changes_no_page_through_a_pooler() {
    let cluster = start(newest_major());
    let layer = Layer::new(WITNESS);
    for mode in ["transaction", "statement"] {
        let page = || {
            let pooler = pooler(&cluster, &format!("pool_mode = {mode}"), "mon");
            whole_page(&exporter(&pooler.url("shop"), &layer), mode)
        };
        let clean = page();
        for group in [GROUPS[1], GROUPS[2]] {
            // Where a message is all there is, it is read before anything can be set.
            let is_late =
                |setting: &&&str| mode == "statement" && setting.starts_with("standard_conforming_strings");
            group
                .iter()
                .filter(|setting| !is_late(setting))
                .for_each(|setting| set(&cluster, setting));
            set(&cluster, "idle_in_transaction_session_timeout = 1");
            let page = page();
            assert_eq!(
                page.value("witness_float", &[]),
                Some(1_234_567.891),
                "{mode}, {group:?}"
            );
            assert_eq!(
                page.series_but(&MOVING),
                clean.series_but(&MOVING),
                "{mode}, {group:?}"
            );
            reset(&cluster);
        }
    }
}

/// What would end a session that waits for its next message, or its transaction, over a line that is not short.
const HASTY: [&[&str]; 4] = [
    &["idle_session_timeout = 1"],
    &["idle_in_transaction_session_timeout = 1"],
    &["transaction_timeout = 1"],
    &[
        "idle_session_timeout = 5",
        "idle_in_transaction_session_timeout = 5",
        "transaction_timeout = 5",
        "tcp_user_timeout = 1",
    ],
];

#[test]
fn no_session_ends_by_what_an_owner_sets() {
    for major in [majors()[0], newest_major()] {
        let cluster = start(major);
        let proxy = FaultProxy::start(cluster.port());
        proxy.latency(Duration::from_millis(10));
        let layer = Layer::new(WITNESS);
        let known = cluster.psql("select string_agg(name, ' ') from pg_settings where name like '%timeout'");
        for settings in HASTY {
            let known = |setting: &&&str| {
                known
                    .split(' ')
                    .any(|name| setting.starts_with(&format!("{name} ")))
            };
            settings
                .iter()
                .filter(known)
                .for_each(|setting| set(&cluster, setting));
            let exporter = exporter(&proxy.url("shop").replace("postgres@", "mon@"), &layer);
            let what = format!("{major}, {settings:?}");
            whole_page(&exporter, &what);
            while_primary(&exporter, || {
                for _ in 0..5 {
                    let (page, _) = page_within(&exporter, 20.0);
                    assert_eq!(
                        page.value("pg_up", &[]),
                        Some(1.0),
                        "{what}: {}",
                        exporter.stderr()
                    );
                    assert_eq!(
                        page.value("witness_float", &[]),
                        Some(1_234_567.891),
                        "{what}: {}",
                        exporter.stderr()
                    );
                }
            });
            let (page, _) = page_within(&exporter, 20.0);
            let lost = page.value("pg_exporter_query_failures_total", &[("reason", "connection")]);
            assert_eq!(lost, None, "{what}: {}", exporter.stderr());
            assert_eq!(
                wrong_answers(&exporter, State::Primary),
                Vec::<String>::new(),
                "{what}"
            );
            reset(&cluster);
        }
    }
}
