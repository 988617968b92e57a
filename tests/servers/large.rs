//! A database of 9,000 tables.

use std::time::Instant;

use pg_exporter_lab::{Cluster, newest_major};

use crate::layer::Layer;
use crate::support::{assert_healthy, thorough, value};

/// Tables with rows; the first of them are the largest.
const TABLES: &str = "
    create procedure make(first int, last int) language plpgsql as $$
    begin
        for i in first..last loop
            execute format('create table t%s (id serial, note text); create index t%s_id on t%s (id)', i, i, i);
            if i <= 300 then
                execute format('insert into t%s (note) select repeat(''x'', 200) from generate_series(1, %s)', i, 600 - i);
            end if;
            if i % 200 = 0 then commit; end if;
        end loop;
    end $$;
    call make(1, 9000);
    analyze";

#[test]
fn limits_hold_among_nine_thousand_tables() {
    let cluster = Cluster::builder(newest_major())
        .set("autovacuum", "off")
        .set("shared_buffers", "128MB")
        .start();
    cluster.psql(TABLES);
    let exporter = thorough(&cluster.url("postgres"), &Layer::patient(&[]));
    for round in ["first", "second"] {
        let began = Instant::now();
        let page = exporter.scrape();
        println!(
            "9,000 tables: {round} page in {:?}, {} series",
            began.elapsed(),
            page.samples.len()
        );
        assert_healthy(&exporter, &page);
        let series = |name: &str| page.all(name).count();
        assert_eq!(series("pg_table_relid"), 256);
        assert_eq!(series("pg_table_size_bytes"), 256);
        assert_eq!(series("pg_index_relpages"), 512);
        assert_eq!(series("pg_seq_last_value"), 128);
        assert_eq!(value(&page, "pg_relkind_count", &[("relkind", "S")]), 9000.0);
        // The largest are among them, the smallest are not.
        let size = |table: &str| page.value("pg_table_size_bytes", &[("relname", table)]);
        assert!(size("public.t1") >= size("public.t200") && size("public.t200").is_some());
        assert_eq!(size("public.t9000"), None);
    }
}
