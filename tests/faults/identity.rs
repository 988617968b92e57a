//! Another server on the same port.

use std::fs;

use pg_exporter_lab::{Cluster, majors, newest_major};

use crate::support::{
    HEALTH_LIMIT, Layer, State, assert_down, assert_recovers, builder, exporter_of, page_within, wait_for,
    wait_for_page,
};

/// Another cluster on the port of one that has been stopped; ask it by the old one's methods.
fn replace(old: &Cluster, major: u32) -> Cluster {
    Cluster::builder(major)
        .set("port", &old.port().to_string())
        .start()
}

/// As [`replace`], with a system identifier of its own: the lab's clusters are copies and share theirs.
fn replace_by_a_stranger(old: &Cluster) -> Cluster {
    let new = replace(old, old.major());
    let programs = old.psql("select setting from pg_config where name = 'BINDIR'");
    let stranger = new.socket_folder().join("stranger");
    let initdb = format!(
        "{programs}/initdb -N -A trust -U postgres -D {} >&2",
        stranger.display()
    );
    old.psql(&format!("copy (select 1) to program '{initdb}'"));
    let settings = fs::read_to_string(new.data().join("postgresql.conf")).unwrap();
    new.stop();
    fs::rename(new.data(), new.socket_folder().join("copied")).unwrap();
    fs::rename(stranger, new.data()).unwrap();
    new.write_file("postgresql.conf", &settings);
    new.start_again();
    new
}

#[test]
fn another_version() {
    let old = Cluster::start(newest_major());
    let exporter = exporter_of(&old.url("postgres"));
    let (page, _) = page_within(&exporter, 5.0);
    assert_eq!(
        page.value("pg_version", &[])
            .map(|version| version as u32 / 10_000),
        Some(newest_major())
    );
    // From version to version the plans differ: what the new one lacks must not be asked for.
    for major in [majors()[0], 14, 17]
        .into_iter()
        .filter(|major| majors().contains(major))
    {
        old.stop();
        let new = replace(&old, major);
        let page = wait_for(&exporter, "the new version", |page| {
            page.value("pg_version", &[])
                .map(|version| version as u32 / 10_000)
                == Some(major)
                && page.value("pg_up", &[]) == Some(1.0)
        });
        assert_recovers(&exporter, State::Primary);
        let wrong: Vec<_> = page
            .all("pg_exporter_query_failures_total")
            .filter(|sample| ["missing_object", "missing_column"].contains(&sample.label("reason").unwrap()))
            .collect();
        assert!(wrong.is_empty(), "{major}: {wrong:?}");
        new.stop();
        drop(new);
    }
}

#[test]
fn another_cluster_of_the_same_version() {
    let layer = Layer::new(
        "identity:\n  query: SELECT count(*) AS tables FROM pg_catalog.pg_class WHERE relname ~ '^only_here'\n  \
         tags: [cluster]\n  ttl: 3600\n  metrics:\n    \
         - tables: { usage: GAUGE, description: Tables of that name. }\n",
    );
    let old = Cluster::start(newest_major());
    old.psql("create table only_here_1(); create table only_here_2()");
    old.create_database("only_in_old");
    let exporter = builder(&old.url("postgres")).arg(layer.flag()).start();
    let page = wait_for_page(&exporter, 1.0);
    assert_eq!(page.value("identity_tables", &[]), Some(2.0));
    assert!(
        page.value("pg_size_bytes", &[("datname", "only_in_old")])
            .is_some()
    );
    // Within its ttl a result is cached.
    old.psql("create table only_here_3()");
    assert_eq!(
        page_within(&exporter, 5.0).0.value("identity_tables", &[]),
        Some(2.0)
    );

    old.kill9();
    assert_down(&exporter, HEALTH_LIMIT);
    let _new = replace_by_a_stranger(&old);
    let page = wait_for_page(&exporter, 1.0);
    assert_eq!(
        page.value("identity_tables", &[]),
        Some(0.0),
        "a cached result of another cluster"
    );
    assert_eq!(page.value("pg_size_bytes", &[("datname", "only_in_old")]), None);
    assert!(
        page.all("pg_exporter_server_scrape_total_count")
            .all(|s| s.label("datname") != Some("only_in_old"))
    );
    assert_recovers(&exporter, State::Primary);
}
