//! What each function tells that collectors can do without.

/// What is lost of a primary without a function: metrics, or series by what tells them apart.
pub(super) const OF_A_PRIMARY: &[(&str, &[&str])] = &[
    ("pg_backend_pid", &[]),
    ("pg_conf_load_time", &["pg_conf_reload_time", "pg_reload_time"]),
    ("pg_control_checkpoint", &[]),
    ("pg_control_system", &["pg_meta_info cluster_id"]),
    (
        "pg_current_wal_flush_lsn",
        &["pg_flush_lsn", "pg_wal_unflushed_bytes"],
    ),
    (
        "pg_current_wal_insert_lsn",
        &["pg_insert_lsn", "pg_wal_unflushed_bytes"],
    ),
    (
        "pg_current_wal_lsn",
        &[
            "pg_lsn",
            "pg_repl_flush_diff",
            "pg_repl_lsn",
            "pg_repl_replay_diff",
            "pg_repl_sent_diff",
            "pg_repl_write_diff",
            "pg_slot_retained_bytes",
            "pg_write_lsn",
        ],
    ),
    (
        "pg_database_size",
        &[
            "pg_size_bytes postgres",
            "pg_size_bytes template0",
            "pg_size_bytes template1",
        ],
    ),
    ("pg_get_userbyid", &[]),
    (
        "pg_has_role",
        &[
            "pg_meta_info conf_path",
            "pg_meta_info data_dir",
            "pg_meta_info extensions",
            "pg_meta_info hba_path",
        ],
    ),
    (
        "pg_get_replication_slots",
        &["pg_xmin_age_xids slot", "pg_xmin_age_xids slot_catalog"],
    ),
    (
        "pg_indexes_size",
        &["pg_table_size_bytes", "pg_table_size_indexsize"],
    ),
    ("pg_last_wal_replay_lsn", &[]),
    ("pg_lock_status", &[]),
    ("pg_postmaster_start_time", &["pg_boot_time", "pg_uptime"]),
    ("pg_prepared_xact", &["pg_xmin_age_xids prepared"]),
    (
        "pg_relation_size",
        &["pg_table_size_bytes", "pg_table_size_relsize"],
    ),
    ("pg_sequence_last_value", &["pg_seq_last_value"]),
    (
        "pg_size_bytes",
        &[
            "pg_setting_effective_cache_size",
            "pg_setting_maintenance_work_mem",
            "pg_setting_max_slot_wal_keep_size",
            "pg_setting_max_wal_size",
            "pg_setting_min_wal_size",
            "pg_setting_segment_size",
            "pg_setting_shared_buffers",
            "pg_setting_shared_memory_size",
            "pg_setting_wal_keep_size",
            "pg_setting_wal_segment_size",
            "pg_setting_work_mem",
        ],
    ),
    (
        "pg_stat_get_activity",
        &["pg_xmin_age_xids backend", "pg_xmin_age_xids standby"],
    ),
    ("pg_stat_get_analyze_count", &["pg_table_analyze_count"]),
    ("pg_stat_get_autoanalyze_count", &["pg_table_autoanalyze_count"]),
    ("pg_stat_get_autovacuum_count", &["pg_table_autovacuum_count"]),
    (
        "pg_stat_get_blocks_fetched",
        &[
            "pg_index_idx_blks_read",
            "pg_seq_blks_read",
            "pg_table_heap_blks_read",
            "pg_table_idx_blks_read",
        ],
    ),
    (
        "pg_stat_get_blocks_hit",
        &[
            "pg_index_idx_blks_hit",
            "pg_index_idx_blks_read",
            "pg_seq_blks_hit",
            "pg_seq_blks_read",
            "pg_table_heap_blks_hit",
            "pg_table_heap_blks_read",
            "pg_table_idx_blks_hit",
            "pg_table_idx_blks_read",
        ],
    ),
    ("pg_stat_get_dead_tuples", &["pg_table_n_dead_tup"]),
    ("pg_stat_get_function_self_time", &["pg_func_self_time"]),
    ("pg_stat_get_function_stat_reset_time", &[]),
    ("pg_stat_get_function_total_time", &["pg_func_total_time"]),
    ("pg_stat_get_ins_since_vacuum", &["pg_table_n_ins_since_vacuum"]),
    (
        "pg_stat_get_last_analyze_time",
        &[
            "pg_vacuum_last_never_analyzed_tables",
            "pg_vacuum_last_oldest_analyze_seconds",
        ],
    ),
    (
        "pg_stat_get_last_autoanalyze_time",
        &[
            "pg_vacuum_last_never_analyzed_tables",
            "pg_vacuum_last_oldest_analyze_seconds",
        ],
    ),
    (
        "pg_stat_get_last_autovacuum_time",
        &[
            "pg_vacuum_last_never_vacuumed_tables",
            "pg_vacuum_last_oldest_vacuum_seconds",
        ],
    ),
    (
        "pg_stat_get_last_vacuum_time",
        &[
            "pg_vacuum_last_never_vacuumed_tables",
            "pg_vacuum_last_oldest_vacuum_seconds",
        ],
    ),
    ("pg_stat_get_live_tuples", &["pg_table_n_live_tup"]),
    ("pg_stat_get_mod_since_analyze", &["pg_table_n_mod_since_analyze"]),
    (
        "pg_stat_get_numscans",
        &[
            "pg_index_idx_scan",
            "pg_table_idx_scan",
            "pg_table_seq_scan",
            "pg_table_tbl_scan",
        ],
    ),
    ("pg_stat_get_progress_info", &[]),
    (
        "pg_stat_get_replication_slot",
        &[
            "pg_slot_spill_bytes",
            "pg_slot_spill_count",
            "pg_slot_spill_txns",
            "pg_slot_stream_bytes",
            "pg_slot_stream_count",
            "pg_slot_stream_txns",
            "pg_slot_total_bytes",
            "pg_slot_total_txns",
        ],
    ),
    ("pg_stat_get_stat_reset_time", &[]),
    ("pg_stat_get_subscription_stats", &[]),
    ("pg_stat_get_total_analyze_time", &["pg_table_analyze_time"]),
    (
        "pg_stat_get_total_autoanalyze_time",
        &["pg_table_autoanalyze_time"],
    ),
    ("pg_stat_get_total_autovacuum_time", &["pg_table_autovacuum_time"]),
    ("pg_stat_get_total_vacuum_time", &["pg_table_vacuum_time"]),
    (
        "pg_stat_get_tuples_deleted",
        &["pg_table_n_tup_del", "pg_table_n_tup_mod"],
    ),
    (
        "pg_stat_get_tuples_fetched",
        &[
            "pg_index_idx_tup_fetch",
            "pg_table_idx_tup_fetch",
            "pg_table_tup_read",
        ],
    ),
    ("pg_stat_get_tuples_hot_updated", &["pg_table_n_tup_hot_upd"]),
    (
        "pg_stat_get_tuples_inserted",
        &["pg_table_n_tup_ins", "pg_table_n_tup_mod"],
    ),
    (
        "pg_stat_get_tuples_newpage_updated",
        &["pg_table_n_tup_newpage_upd"],
    ),
    (
        "pg_stat_get_tuples_returned",
        &[
            "pg_index_idx_tup_read",
            "pg_table_seq_tup_read",
            "pg_table_tup_read",
        ],
    ),
    (
        "pg_stat_get_tuples_updated",
        &["pg_table_n_tup_mod", "pg_table_n_tup_upd"],
    ),
    ("pg_stat_get_vacuum_count", &["pg_table_vacuum_count"]),
    ("pg_stat_get_wal_receiver", &[]),
    (
        "pg_total_relation_size",
        &["pg_table_size_bytes", "pg_table_size_toastsize"],
    ),
    ("pg_walfile_name", &[]),
    ("ts_stat", &["pg_size_bytes wal"]),
];

/// The same of a standby that has replayed all it has received.
pub(super) const OF_A_STANDBY: &[(&str, &[&str])] = &[
    ("pg_conf_load_time", &["pg_conf_reload_time", "pg_reload_time"]),
    ("pg_is_wal_replay_paused", &["pg_is_wal_replay_paused"]),
    ("pg_last_wal_receive_lsn", &["pg_lag", "pg_receive_lsn"]),
    (
        "pg_last_wal_replay_lsn",
        &[
            "pg_lag",
            "pg_lsn",
            "pg_replay_lsn",
            "pg_replication_lag_bytes",
            "pg_replication_lag_seconds",
        ],
    ),
    ("pg_last_xact_replay_timestamp", &["pg_last_replay_time"]),
    ("pg_postmaster_start_time", &["pg_boot_time", "pg_uptime"]),
    (
        "pg_stat_get_wal_receiver",
        &[
            "pg_recv_flush_lsn",
            "pg_recv_flush_tli",
            "pg_recv_init_lsn",
            "pg_recv_init_tli",
            "pg_recv_msg_recv_time",
            "pg_recv_msg_send_time",
            "pg_recv_pid",
            "pg_recv_reported_lsn",
            "pg_recv_reported_time",
            "pg_recv_state",
            "pg_recv_time",
            "pg_recv_write_lsn",
            "pg_replication_lag_bytes",
            "pg_replication_lag_message_age_seconds",
            "pg_replication_lag_seconds",
            "pg_wal_receiver_running",
        ],
    ),
];
