-- What PostgreSQL 19 has and 18 has not, by names and types of its documentation, as objects of the same names on 18. The catalogs that
-- 19 has more columns of are renamed, and a view with these columns stands in for each.
alter table pg_catalog.pg_subscription rename to pg_subscription_18;
create view pg_catalog.pg_subscription as
    select * from (values
        (1::oid, 5::oid, 'orders'::name, true, true, 90000, false),
        (2::oid, 5::oid, 'stock'::name, true, false, 0, false)
    ) as s (oid, subdbid, subname, subenabled, subretaindeadtuples, submaxretention, subretentionactive);
alter view pg_catalog.pg_stat_subscription rename to pg_stat_subscription_18;
create view pg_catalog.pg_stat_subscription as
    select * from (values
        (1::oid, 'orders'::name, 'apply'::text, 4711, null::int, null::oid, '0/20'::pg_lsn, '0/10'::pg_lsn,
         to_timestamp(100), to_timestamp(101), to_timestamp(102))
    ) as s (subid, subname, worker_type, pid, leader_pid, relid, received_lsn, latest_end_lsn,
            last_msg_send_time, last_msg_receipt_time, latest_end_time);
alter view pg_catalog.pg_stat_subscription_stats rename to pg_stat_subscription_stats_18;
create view pg_catalog.pg_stat_subscription_stats as
    select * from (values
        (1::oid, 'orders'::name, 1::int8, 2::int8, 3::int8, 4::int8, 5::int8, 6::int8, 7::int8, 8::int8, 9::int8, 10::int8, 11::int8,
         to_timestamp(103))
    ) as s (subid, subname, apply_error_count, sync_table_error_count, sync_seq_error_count, confl_insert_exists,
            confl_update_origin_differs, confl_update_exists, confl_update_deleted, confl_update_missing,
            confl_delete_origin_differs, confl_delete_missing, confl_multiple_unique_conflicts, stats_reset);
alter view pg_catalog.pg_stat_wal rename to pg_stat_wal_18;
create view pg_catalog.pg_stat_wal as
    select 21::int8 as wal_records, 22::int8 as wal_fpi, 23::numeric as wal_bytes, 24::numeric as wal_fpi_bytes,
        25::int8 as wal_buffers_full, to_timestamp(104) as stats_reset;
create view pg_catalog.pg_stat_recovery as
    select false as promote_triggered, '0/30'::pg_lsn as last_replayed_read_lsn, '0/40'::pg_lsn as last_replayed_end_lsn,
        2 as last_replayed_tli, '0/50'::pg_lsn as replay_end_lsn, 3 as replay_end_tli, to_timestamp(105) as recovery_last_xact_time,
        to_timestamp(106) as current_chunk_start_time, 'pause requested'::text as pause_state;
create view pg_catalog.pg_stat_lock as
    select * from (values
        ('relation'::text, 31::int8, 1500::float8, 32::int8, to_timestamp(107)),
        ('tuple'::text, 0::int8, 0::float8, 0::int8, null::timestamptz)
    ) as s (locktype, waits, wait_time, fastpath_exceeded, stats_reset);
create view pg_catalog.pg_stat_autovacuum_scores as
    select * from (values
        (1::oid, 1.5::float8, 0.1::float8, 0.2::float8, 1.5::float8, 0.3::float8, 0.4::float8, true, false, false),
        (2::oid, 0.5::float8, 0.5::float8, 0.1::float8, 0.2::float8, 0.1::float8, 1.2::float8, false, true, false)
    ) as s (relid, score, xid_score, mxid_score, vacuum_score, vacuum_insert_score, analyze_score, do_vacuum, do_analyze, for_wraparound);
create table mine (a int primary key);
create view pg_catalog.pg_stat_progress_repack as
    select 51 as pid, 5::oid as datid, current_database() as datname, 'mine'::regclass::oid as relid, 'REPACK'::text as command,
        'index scanning heap'::text as phase, 'mine_pkey'::regclass::oid as repack_index_relid, 52::int8 as heap_tuples_scanned,
        53::int8 as heap_tuples_inserted, 54::int8 as heap_tuples_updated, 55::int8 as heap_tuples_deleted, 4::int8 as heap_blks_total,
        1::int8 as heap_blks_scanned, 56::int8 as index_rebuild_count
    union all
    select 57, 6, 'elsewhere', 1247, 'VACUUM FULL', 'initializing', 0, 0, 0, 0, 0, 0, 0, 0
    union all
    select 58, 6, 'elsewhere', 1247, 'CLUSTER', 'seq scanning heap', 2, 0, 0, 0, 0, 0, 0, 0;
alter view pg_catalog.pg_stat_progress_vacuum rename to pg_stat_progress_vacuum_18;
create view pg_catalog.pg_stat_progress_vacuum as
    select p.*, 'failsafe'::text as mode, 'autovacuum_wraparound'::text as started_by
    from jsonb_populate_record(null::pg_catalog.pg_stat_progress_vacuum_18,
        jsonb_build_object('pid', 61, 'datname', current_database(), 'relid', 'mine'::regclass::oid)) as p;
alter view pg_catalog.pg_stat_progress_analyze rename to pg_stat_progress_analyze_18;
create view pg_catalog.pg_stat_progress_analyze as
    select p.*, 'manual'::text as started_by
    from jsonb_populate_record(null::pg_catalog.pg_stat_progress_analyze_18,
        jsonb_build_object('pid', 62, 'datname', 'elsewhere', 'relid', 'mine'::regclass::oid)) as p;
alter view pg_catalog.pg_stat_progress_basebackup rename to pg_stat_progress_basebackup_18;
create view pg_catalog.pg_stat_progress_basebackup as
    select 63 as pid, 'initializing'::text as phase, null::int8 as backup_total, 0::int8 as backup_streamed, 0::int8 as tablespaces_total,
        0::int8 as tablespaces_streamed, 'incremental'::text as backup_type;
alter view pg_catalog.pg_replication_slots rename to pg_replication_slots_18;
create view pg_catalog.pg_replication_slots as
    select s.*, case slot_name when 'late' then 'wal_not_flushed' end as slotsync_skip_reason from pg_catalog.pg_replication_slots_18 as s;
alter view pg_catalog.pg_stat_replication_slots rename to pg_stat_replication_slots_18;
create view pg_catalog.pg_stat_replication_slots as
    select s.*, 71::int8 as mem_exceeded_count, 72::int8 as slotsync_skip_count, to_timestamp(108) as slotsync_last_skip
    from pg_catalog.pg_stat_replication_slots_18 as s;
create function pg_catalog.pg_get_multixact_stats(out num_mxids int8, out num_members int8, out members_size int8, out oldest_multixact xid)
    language sql as $$ select 81::int8, 82::int8, 83::int8, '84'::xid $$;
create view pg_catalog.pg_dsm_registry_allocations as
    select * from (values
        ('queue'::text, 'segment'::text, 1024::int8), ('table'::text, 'hash'::text, 4096::int8), ('half'::text, 'area'::text, null::int8)
    ) as s (name, type, size);
create view pg_catalog.pg_publication_sequences as
    select * from (values
        ('all'::name, 'public'::name, 'a'::name), ('all'::name, 'public'::name, 'b'::name), ('some'::name, 'public'::name, 'a'::name)
    ) as s (pubname, schemaname, sequencename);
create table reset (a serial primary key);
create function reset_too() returns int language sql as 'select 1';
create function pg_catalog.pg_stat_get_stat_reset_time(oid) returns timestamptz language sql as
    $$ select to_timestamp(110 + length(relname)) from pg_class where oid = $1 and relname ~ '^reset' $$;
create function pg_catalog.pg_stat_get_function_stat_reset_time(oid) returns timestamptz language sql as
    $$ select to_timestamp(130) from pg_proc where oid = $1 and proname = 'reset_too' $$;
-- Version 1.13 of the extension.
create schema "Statements";
create extension pg_stat_statements schema "Statements";
alter function "Statements".pg_stat_statements(boolean) rename to pg_stat_statements_12;
create view "Statements".entries as
    select s.*, 91::int8 as generic_plan_calls, 92::int8 as custom_plan_calls
    from "Statements".pg_stat_statements_12(true) as s;
create function "Statements".pg_stat_statements(boolean) returns setof "Statements".entries language sql as
    'select * from "Statements".entries';
update pg_extension set extversion = '1.13' where extname = 'pg_stat_statements';
