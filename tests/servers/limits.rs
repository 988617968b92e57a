//! Where there is more than a collector shows, it shows the most important: as many as it says, and those.

use pg_exporter_lab::{Cluster, majors_among, newest_major};

use crate::agree::{Check, agree};
use crate::layer::Layer;
use crate::support::{assert_healthy, exporter, label_values};

/// 150 statements, the nth called n + 4 times, by a role that is no superuser.
const STATEMENTS: &str = "
    create role caller; set role caller;
    do $$
    begin
        for n in 1..150 loop
            for round in 1..n + 4 loop
                execute 'select 1 as statement_' || n;
            end loop;
        end loop;
    end $$;";

/// 140 functions, of which the first is the slowest and is called most often.
const FUNCTIONS: &str = "
    do $$
    begin
        for n in 1..140 loop
            execute format('create function f%s() returns int language plpgsql as
                            ''begin perform count(*) from generate_series(1, %s); return 1; end''', n, 14100 - n * 100);
        end loop;
    end $$;
    do $$ begin for n in 1..140 loop execute format('select f%s()', n); end loop; end $$;";

/// 70 default partitions, the nth with n rows.
const DEFAULT_PARTITIONS: &str = "
    do $$
    begin
        for n in 1..70 loop
            execute format('create table p%s (a int) partition by list (a)', n);
            execute format('create table p%s_rest partition of p%s default', n, n);
            execute format('insert into p%s select generate_series(1, %s)', n, n);
        end loop;
    end $$;
    analyze;";

/// Sequences that run out: 40 of them, the nth has used n + 50 of 100. Roles that expire: 140.
const ENDS: &str = "
    do $$
    begin
        for n in 1..40 loop
            execute format('create sequence s%s minvalue 0 maxvalue 100', n);
            perform setval('s' || n, 50 + n);
        end loop;
        for n in 1..140 loop
            execute format('create role r%s login valid until %L', n, timestamptz '2040-01-01' - n * interval '1 day');
        end loop;
    end $$;";

/// What the site's views of bloat say: 70 relations, the nth of n bytes.
const BLOAT: &str = "
    create view pg_table_bloat as
        select current_database() as datname, 'public' as nspname, 't' || n as relname, n as size, 0.5 as ratio
        from generate_series(1, 70) n;
    create view pg_index_bloat as select * from pg_table_bloat;";

#[test]
fn the_most_important_are_shown() {
    for major in majors_among(&[11, 13, 17, 18]) {
        let cluster = Cluster::start(major);
        cluster.psql("create extension pg_stat_statements");
        cluster.set("pg_stat_statements.track", "all");
        cluster.reload();
        cluster.wait_for("show pg_stat_statements.track", "all");
        for sql in [STATEMENTS, FUNCTIONS, DEFAULT_PARTITIONS, ENDS, BLOAT] {
            cluster.psql(sql);
        }
        cluster.wait_for(
            "select count(*) from pg_stat_user_functions where funcname ~ '^f\\d+$'",
            "140",
        );
        let switched_on = ["pg_seq_end", "pg_role", "pg_table_bloat", "pg_index_bloat"];
        let exporter = super::values::watch(&cluster, "postgres", &Layer::patient(&switched_on));
        let total_time = if major < 13 {
            "total_time"
        } else {
            "total_exec_time"
        };
        let checks = [
            Check::new(
                "pg_query_calls",
                &format!(
                    "with entries as (select queryid, sum(calls) as calls, sum({total_time}) as time from pg_stat_statements
                                      where userid <> 10 and calls > 4 group by queryid)
                     select 'postgres', queryid, calls from entries
                     where queryid in (select queryid from entries order by calls desc, queryid limit 128)
                        or queryid in (select queryid from entries order by time desc, queryid limit 128)"
                ),
            ),
            Check::new(
                "pg_func_total_time",
                "select current_database(), schemaname || '.' || funcname, sum(total_time) / 1000
                 from pg_stat_user_functions group by 2 order by 3 desc limit 128",
            ),
            Check::new(
                "pg_defpart_tuples",
                "select current_database(), 'public.' || relname, reltuples from pg_class where relname ~ '_rest$'
                 order by 3 desc limit 64",
            ),
            Check::new(
                "pg_seq_end_used_ratio",
                "select current_database(), 'public.s' || n, (50 + n) / 100.0 from generate_series(9, 40) n",
            ),
            Check::new(
                "pg_role_password_expiry_timestamp_seconds",
                "select rolname, extract(epoch from rolvaliduntil) from pg_roles where rolvaliduntil is not null
                 order by 2 limit 128",
            ),
            Check::new(
                "pg_table_bloat_size",
                "select current_database(), 'public.t' || n, n from generate_series(7, 70) n",
            ),
            Check::new(
                "pg_index_bloat_size",
                "select current_database(), 'public.t' || n, n from generate_series(7, 70) n",
            ),
        ];
        agree(&exporter, &cluster, "postgres", &checks);
    }
}

/// From 18 on there are numbers of each process.
#[test]
fn the_busiest_processes_are_shown() {
    if newest_major() < 18 {
        return;
    }
    let cluster = Cluster::start(newest_major());
    let mut sessions: Vec<_> = (0..66).map(|_| cluster.session("postgres")).collect();
    let last = sessions.last_mut().unwrap();
    last.exec("create table t as select n, repeat('x', 100) as filler from generate_series(1, 20000) n");
    let pid = last.backend_pid().to_string();
    cluster.wait_for(
        &format!("select sum(extend_bytes) > 1e6 from pg_stat_get_backend_io({pid})"),
        "t",
    );
    let exporter = super::values::watch(&cluster, "postgres", &Layer::patient(&["pg_backend_io"]));
    let page = exporter.scrape();
    assert_healthy(&exporter, &page);
    let pids = label_values(&page, "pg_backend_io_read_bytes_total", "pid");
    assert_eq!(pids.len(), 64);
    assert!(pids.contains(&pid), "{pid} is not among {pids:?}");
}

/// Candidates for the largest tables are chosen by pages, those of TOAST and indexes included.
#[test]
fn tables_that_are_large_by_their_toast_or_index_are_found_among_many() {
    let cluster = Cluster::builder(newest_major()).set("autovacuum", "off").start();
    cluster.psql(
        "create procedure make() language plpgsql as $$
         begin
             for n in 1..1100 loop
                 execute format('create table t%s as select repeat(''x'', 200) as note from generate_series(1, 100)', n);
                 if n % 200 = 0 then commit; end if;
             end loop;
         end $$;
         call make();
         create table toasted (note text); alter table toasted alter column note set storage external;
         insert into toasted values (repeat('x', 1000000));
         create table indexed (n int); insert into indexed select generate_series(1, 50000);
         create index on indexed (n); delete from indexed where n > 10;
         create unlogged table fleeting (note text); alter table fleeting alter column note set storage external;
         insert into fleeting values (repeat('x', 1000000))",
    );
    // The heap is cut to its first page, the index stays as long as it is.
    cluster.psql("vacuum analyze");
    let exporter = exporter(&cluster.url("postgres"))
        .args(["--disable-cache", "--config"])
        .arg(Layer::patient(&["pg_persistence"]).path())
        .start();
    let page = exporter.scrape();
    assert_healthy(&exporter, &page);
    let tables = label_values(&page, "pg_table_size_bytes", "relname");
    assert_eq!(tables.len(), 256);
    for table in ["public.toasted", "public.indexed", "public.fleeting"] {
        assert!(
            tables.iter().any(|name| name == table),
            "{table} is not among {tables:?}"
        );
    }
}
