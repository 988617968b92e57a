//! What the scene is made of.

/// What a site provides for pg_table_bloat and pg_index_bloat.
pub const BLOAT_VIEWS: &str = "
    create view pg_table_bloat as select current_database() as datname, 'public'::name as nspname,
        'customers'::name as relname, 8192::bigint as size, 0.25::float8 as ratio;
    create view pg_index_bloat as select current_database() as datname, 'public'::name as nspname,
        'customers_pkey'::name as relname, 16384::bigint as size, 0.5::float8 as ratio;";

/// Database postgres: extensions, roles, a site's schema.
pub fn postgres(major: u32) -> String {
    let shmem =
        "create function monitor.pg_shmem() returns setof pg_shmem_allocations language sql security definer
                 as 'select * from pg_shmem_allocations';";
    format!(
        "create extension pg_stat_statements;
         create role app_user login;
         create schema monitor;
         create table monitor.heartbeat (id text primary key, ts timestamptz, lsn numeric, txid bigint);
         insert into monitor.heartbeat values ('main', '2024-01-02 03:04:05.5+00', 123456789, 42);
         {}",
        if major >= 13 { shmem } else { "" }
    )
}

/// Database app: tables, partitions, a publication, a sequence, a function.
pub fn app(major: u32) -> String {
    let default = "create table events_rest partition of events default;
                   insert into events select '2023-05-05' from generate_series(1, 7);
                   analyze events_rest;";
    format!(
        "create table customers (id serial primary key, name text);
         insert into customers (name) select 'customer ' || n from generate_series(1, 100) n;
         create table events (at date) partition by range (at);
         create table events_2024 partition of events for values from ('2024-01-01') to ('2025-01-01');
         insert into events select '2024-05-05' from generate_series(1, 3);
         create publication app_pub for table customers;
         create function twice(i int) returns int language plpgsql as 'begin return 2 * i; end';
         grant execute on function twice to app_user;
         analyze;
         {}",
        if major >= 11 { default } else { "" }
    )
}

/// Runs on primary and standby: a function, and a statement often enough, as a role that is no superuser.
pub fn calls(_major: u32) -> String {
    let statement = "select 'tracked' as what, twice(21);";
    format!("set role app_user; {}", statement.repeat(6))
}

/// Tables for operations that stop half way: twenty pages of one row each, and an index expression that waits for an
/// advisory lock at one row.
pub const MAINTENANCE: &str = "
    create table vacuumed (i int, filler text) with (fillfactor = 10, autovacuum_enabled = off);
    insert into vacuumed select n, repeat('x', 900) from generate_series(1, 20) n;
    create function gate(i int) returns int language plpgsql immutable as
        'begin if i = 500 then perform pg_advisory_xact_lock_shared(4242); end if; return i; end';
    create table indexed as select n as i, repeat('x', 200) as filler from generate_series(1, 1000) n;
    create table clustered as select n as i from generate_series(1, 1000) n;
    create index on clustered (gate(i));";
