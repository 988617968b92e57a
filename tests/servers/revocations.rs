//! What is lost when a function or view is taken away from the exporter's role: the statements that cannot do without
//! it, and no other. `docs/privileges.md` has the table.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

use pg_exporter::catalog::compiled::COLLECTORS;
use pg_exporter::schema::{Collector, Tag};
use pg_exporter_lab::{Cluster, majors_among};

/// What the server of the test, or a standby of it, would run. The rights are the same on a standby, and are looked at when a statement begins:
/// so it shows on the primary what a standby's statement lacks.
fn fitting(version: u32) -> impl Iterator<Item = &'static Collector> {
    let fits = move |collector: &&Collector| {
        let foreign = |tag: &Tag| matches!(tag, Tag::Pgbouncer | Tag::Extension(_) | Tag::Schema(_));
        collector.fits_version(version)
            && collector.predicates.is_empty()
            && !collector.tags.iter().any(foreign)
            && !collector.name.ends_with("_bloat")
    };
    COLLECTORS.iter().filter(fits)
}

/// Statements by branch.
fn statements(version: u32) -> BTreeMap<&'static str, &'static str> {
    fitting(version)
        .map(|one| (&*one.branch, one.query.trim()))
        .collect()
}

/// What statements do without if the role may not execute it, by branch. `tests/servers/denied.rs` shows what that costs.
fn optional(version: u32) -> impl Iterator<Item = (&'static str, &'static str)> {
    fitting(version).flat_map(|one| one.optional.iter().map(|function| (&*one.branch, &**function)))
}

/// Takes each object away, runs each statement as a member of pg_monitor, and gives it back.
const REVOKE_ONE_AT_A_TIME: &str = "
    create role watcher login in role pg_monitor;
    -- In texts types are qualified too.
    delete from objects where name in (select typname from pg_type where typtype = 'b');
    create table lost (object text, collector text);
    do $do$
    declare
        denied text;
        collector record;
        rights text;
        losses text[];
        loss text;
    begin
        foreach denied in array (select array_agg(o.name order by o.name) from objects o) loop
            losses := '{}';
            begin
                for rights in
                    select format('revoke execute on function %s from public, pg_monitor, pg_read_all_stats', oid::regprocedure)
                    from pg_proc where pronamespace = 'pg_catalog'::regnamespace and proname = denied
                    union all
                    select format('revoke select on pg_catalog.%I from public, pg_monitor, pg_read_all_stats', relname)
                    from pg_class where relnamespace = 'pg_catalog'::regnamespace and relname = denied and relkind in ('r', 'v')
                loop
                    execute rights;
                end loop;
                for collector in
                    select * from statements s
                    where not exists (select 1 from optional o where o.collector = s.name and o.object = denied)
                loop
                    begin
                        set local role watcher;
                        execute collector.statement;
                        set local role none;
                    exception when insufficient_privilege then
                        losses := losses || collector.name;
                    end;
                end loop;
                -- Takes the revocation back.
                raise exception using errcode = 'P0099';
            exception when sqlstate 'P0099' then
                null;
            end;
            foreach loss in array losses loop
                insert into lost values (denied, loss);
            end loop;
        end loop;
    end $do$;";

#[test]
fn what_is_denied_costs_those_only_that_need_it() {
    for major in majors_among(&[10, 15, 18]) {
        let cluster = Cluster::start(major);
        let version: u32 = cluster.psql("show server_version_num").parse().unwrap();
        let statements = statements(version);
        assert!(statements.len() > 30, "only {} statements", statements.len());
        let objects: BTreeSet<_> = statements
            .values()
            .flat_map(|statement| names(statement))
            .collect();
        let mut script =
            "create table statements (name text, statement text); create table objects (name text); insert into objects values ('');
             create table optional (collector text, object text);"
                .to_owned();
        for (name, statement) in &statements {
            write!(
                script,
                "insert into statements values ('{name}', $statement${statement}$statement$);"
            )
            .unwrap();
        }
        for (name, function) in optional(version) {
            write!(script, "insert into optional values ('{name}', '{function}');").unwrap();
        }
        for name in &objects {
            write!(script, "insert into objects values ('{name}');").unwrap();
        }
        cluster.psql(&format!("{script} {REVOKE_ONE_AT_A_TIME}"));
        let mut lost = pairs(&cluster.psql("select object, collector from lost"));
        // What needs more than pg_monitor in any case.
        let never = lost.remove("").unwrap_or_default();
        for collectors in lost.values_mut() {
            collectors.retain(|collector| !never.contains(collector));
        }
        lost.retain(|_, collectors| !collectors.is_empty());
        let behind_views = pairs(&cluster.psql(BEHIND_VIEWS));
        for object in lost.keys() {
            let needed: BTreeSet<_> = statements
                .iter()
                .filter(|(_, statement)| {
                    let direct = names(&without_texts(statement));
                    direct.contains(object)
                        || direct
                            .iter()
                            .any(|view| behind_views.get(view).is_some_and(|used| used.contains(object)))
                })
                .map(|(name, _)| (*name).to_owned())
                .collect();
            let found = &lost[object];
            assert!(
                found.is_subset(&needed),
                "PostgreSQL {major}: without {object} {found:?} are lost, and only {needed:?} need it"
            );
        }
        assert!(
            lost["pg_stat_get_activity"].contains("pg_activity"),
            "something is lost at all"
        );
        if major == 18 {
            compare_with_documentation(&lost);
        }
    }
}

/// Functions and relations of pg_catalog that views use, as `view|object`.
const BEHIND_VIEWS: &str = "
    select distinct v.relname, coalesce(p.proname, c.relname)
    from pg_class v join pg_rewrite r on r.ev_class = v.oid
    join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid
    left join pg_proc p on d.refclassid = 'pg_proc'::regclass and p.oid = d.refobjid
    left join pg_class c on d.refclassid = 'pg_class'::regclass and c.oid = d.refobjid
    where v.relnamespace = 'pg_catalog'::regnamespace and coalesce(p.proname, c.relname) is not null
    union
    -- What initdb made has no dependencies on what was there before it: by its text.
    select v.viewname, n.name from pg_views v, objects n
    where v.schemaname = 'pg_catalog' and v.definition ~ ('\\m' || n.name || '\\M')";

fn pairs(rows: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut pairs: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for (key, value) in rows.lines().filter_map(|row| row.split_once('|')) {
        pairs.entry(key.to_owned()).or_default().insert(value.to_owned());
    }
    pairs
}

/// Every name that a statement qualifies with pg_catalog and that is no type's.
fn names(statement: &str) -> BTreeSet<String> {
    let word = |text: &str| -> String {
        text.chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect()
    };
    let mut names = BTreeSet::new();
    for (at, _) in statement.match_indices("pg_catalog.") {
        let name = word(&statement[at + "pg_catalog.".len()..]);
        if !statement[..at].ends_with("::") && !name.is_empty() {
            names.insert(name);
        }
    }
    names
}

/// A statement without what stands in quotes, but for queries, which it runs by `ts_stat`.
fn without_texts(statement: &str) -> String {
    let parts = statement.split('\'').enumerate();
    let code = parts.map(|(at, part)| match at % 2 == 0 || part.starts_with("SELECT ") {
        true => part,
        false => "",
    });
    code.collect::<Vec<_>>().join("''")
}

/// Functions and views that a site may deny: those whose names say that they are about the server.
fn compare_with_documentation(lost: &BTreeMap<String, BTreeSet<String>>) {
    let mut table = String::new();
    for (object, collectors) in lost.iter().filter(|(object, _)| object.starts_with("pg_")) {
        let of_branch = |branch: &String| COLLECTORS.iter().find(|one| *one.branch == **branch);
        let names: BTreeSet<_> = collectors
            .iter()
            .filter_map(of_branch)
            .map(|one| &one.name)
            .collect();
        let collectors: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
        let shown = match collectors.len() {
            0..13 => collectors.join(", "),
            many => format!("{many} collectors"),
        };
        writeln!(table, "| `{object}` | {shown} |").unwrap();
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/privileges.md");
    let text = fs::read_to_string(&path).unwrap();
    let (begin, end) = ("|--|--|\n", "\n<!-- end of what is lost -->");
    let (before, rest) = text.split_once(begin).unwrap();
    let (found, after) = rest.split_once(end).unwrap();
    if env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, format!("{before}{begin}{table}{end}{after}")).unwrap();
    } else {
        assert_eq!(found, table, "UPDATE_GOLDEN=1 writes docs/privileges.md");
    }
}
