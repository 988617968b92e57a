//! What a statement of a definition, or a function that it calls, may try on the session that runs it: nothing of it stays, and it
//! costs that collector at most.

use std::collections::BTreeSet;

use pg_exporter_lab::Page;

use crate::owners;
use crate::support::{Layer, SOON, State, builder, cluster, page_within, wait_for_state};

/// Expressions; `run` executes its argument. All are run as a superuser, who may do most harm.
const ATTACKS: [&str; 44] = [
    "set_config('statement_timeout', '0', false)",
    "set_config('lock_timeout', '0', false)",
    "set_config('search_path', 'public', false)",
    "set_config('role', 'pg_monitor', false)",
    "set_config('session_authorization', 'nobody', false)",
    "set_config('default_transaction_read_only', 'off', false)",
    "set_config('transaction_read_only', 'off', false)",
    "set_config('default_transaction_isolation', 'serializable', false)",
    "set_config('application_name', 'innocent', false)",
    "set_config('DateStyle', 'German', false)",
    "set_config('IntervalStyle', 'iso_8601', false)",
    "set_config('TimeZone', 'Asia/Tokyo', false)",
    "set_config('client_encoding', 'LATIN1', false)",
    "set_config('bytea_output', 'escape', false)",
    "set_config('extra_float_digits', '-15', false)",
    "set_config('lc_numeric', 'C', false)",
    "set_config('client_min_messages', 'debug5', false)",
    "set_config('work_mem', '2GB', false)",
    "set_config('jit', 'on', false)",
    "set_config('row_security', 'off', false)",
    "set_config('standard_conforming_strings', 'off', false)",
    "set_config('enable_seqscan', 'off', false)",
    "set_config('transaction_timeout', '1', false)",
    "set_config('idle_session_timeout', '1', false)",
    "set_config('client_connection_check_interval', '0', false)",
    "set_config('pgx.mine', 'kept', false)",
    "public.run('SET SESSION statement_timeout = 0')",
    "public.run('SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE')",
    "public.run('RESET ALL')",
    "public.run('DEALLOCATE ALL')",
    "public.run('DISCARD PLANS')",
    "public.run('LISTEN attack')",
    "public.run('CREATE TEMP TABLE pg_class (x int)')",
    "public.run('DECLARE c CURSOR WITH HOLD FOR SELECT 1')",
    "public.run('INSERT INTO public.target VALUES (1)')",
    "public.run('LOCK TABLE public.target IN ACCESS EXCLUSIVE MODE')",
    "public.run('COMMIT')",
    "pg_advisory_lock(42)",
    "pg_cancel_backend(pg_backend_pid())",
    "public.fail('08006')",
    "public.fail('57P01')",
    "public.fail('26000')",
    "public.fail('57014')",
    "public.fail('0A000')",
];

/// What a session is like, as text, and its backend.
const WITNESS: &str = "SELECT pg_backend_pid() AS pid, (SELECT string_agg(name || '=' || setting, ' ' ORDER BY name) FROM pg_settings \
    WHERE source IN ('session', 'client', 'override', 'interactive')) || ' ' || current_user || ' ' || session_user || ' ' || \
    (SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'advisory') || ' ' || \
    (SELECT count(*) FROM pg_listening_channels()) || ' ' || (SELECT count(*) FROM pg_cursors WHERE is_holdable) || ' ' || \
    (SELECT count(*) FROM pg_class WHERE relpersistence = 't') || ' ' || (SELECT count(*) FROM public.target) || ' ' || \
    coalesce(current_setting('pgx.mine', true), '') AS state";

fn collector(name: &str, priority: u32, query: &str, column: &str) -> String {
    format!(
        "{name}: {{ query: {query:?}, tags: [cluster], timeout: 5, priority: {priority}, metrics: [ {column} ] }}\n"
    )
}

fn witness(page: &Page) -> (f64, String) {
    let found = page.samples.iter().find(|sample| sample.name == "witness_pid");
    let sample = found.unwrap();
    (sample.value, sample.label("state").unwrap().to_owned())
}

#[test]
fn nothing_that_a_statement_does_to_its_session_stays() {
    let cluster = cluster();
    cluster.psql(
        "create role nobody; create table public.target(x int);
         create function public.run(text) returns int language plpgsql as $$ begin execute $1; return 1; end $$;
         create function public.fail(code text) returns int language plpgsql as \
         $$ begin raise exception 'as if' using errcode = code; end $$",
    );
    let asked =
        "{ state: { usage: LABEL, description: State. } }, { pid: { usage: GAUGE, description: Backend. } }";
    let witnessed = collector("witness", 2000, WITNESS, asked);
    let layer = Layer::new(&witnessed);
    let exporter = builder(&cluster.url("postgres"))
        .args([layer.flag(), "--disable-cache".into()])
        .start();
    wait_for_state(&exporter, State::Primary, SOON);
    page_within(&exporter, 30.0);
    let quiet = page_within(&exporter, 30.0).0;
    let (backend, before) = witness(&quiet);
    let names = |page: &Page| -> Vec<String> {
        let names = page.samples.iter().map(|sample| sample.name.clone());
        let mut names: Vec<_> = names
            .filter(|name| !name.starts_with("attack") && !name.starts_with("pg_exporter"))
            .collect();
        names.dedup();
        names
    };
    let value = "{ value: { usage: GAUGE, description: Value. } }";
    let mut missing = Vec::new();
    for (at, attack) in ATTACKS.iter().enumerate() {
        let query = format!("SELECT 1 AS value FROM (SELECT {attack} OFFSET 0) AS s");
        // In front of all others, so that what stays would be seen by them.
        layer.replace(&(collector(&format!("attack_{at}"), 1, &query, value) + &witnessed));
        assert_eq!(exporter.get("/reload").status, 200, "{attack}");
        for _ in 0..2 {
            let page = page_within(&exporter, 30.0).0;
            assert_eq!(
                page.value("pg_up", &[]),
                Some(1.0),
                "{attack}: {}",
                exporter.stderr()
            );
            assert_eq!(
                witness(&page),
                (backend, before.clone()),
                "{attack}: {}",
                exporter.stderr()
            );
            let there = names(&page);
            missing.extend(
                names(&quiet)
                    .into_iter()
                    .filter(|name| !there.contains(name))
                    .map(|name| (attack, name)),
            );
        }
    }
    assert!(missing.is_empty(), "{missing:?}");
}

/// What an attack is called in `docs/security.md`: the setting, the statement, or the call.
fn name(attack: &str) -> &str {
    let within = |start: &str, end: &str| attack.strip_prefix(start)?.split(end).next();
    within("set_config('", "'")
        .or_else(|| within("public.run('", "')"))
        .unwrap_or(attack)
}

/// The words in backquotes of a table's first column.
fn in_first_column(table: &str) -> BTreeSet<&str> {
    let rows = table.lines().filter_map(|line| line.strip_prefix("| "));
    let cells = rows.filter_map(|row| row.split(" | ").next());
    cells
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .collect()
}

#[test]
fn the_table_of_attacks_is_that_of_the_tests() {
    let document = include_str!("../../docs/security.md");
    let (_, section) = document.split_once("\n### Ways to turn a session\n").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let (by_statement, by_owner) = section.split_once("\n| set by a database's owner ").unwrap();
    assert_eq!(
        in_first_column(by_statement),
        ATTACKS.iter().map(|attack| name(attack)).collect()
    );
    let settings = owners::GROUPS.iter().copied().flatten().chain(&owners::AS_WHOM);
    let names = settings.map(|setting| setting.split(" = ").next().unwrap());
    assert_eq!(in_first_column(by_owner), names.collect());
}
