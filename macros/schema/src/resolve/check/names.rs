//! Metric names over the whole set: one collector each, one type, one help text, and none of the exporter's own.

use std::collections::HashMap;

use crate::model::{Column, Family};
use crate::read::position::Location;
use crate::read::report::Report;
use crate::resolve::item::Item;

/// What the exporter says about itself, under its default namespaces.
const BUILTIN: [&str; 6] = [
    "pg_up",
    "pg_version",
    "pg_in_recovery",
    "pgbouncer_up",
    "pgbouncer_version",
    "pgbouncer_in_recovery",
];
const BUILTIN_PREFIXES: [&str; 3] = ["pg_exporter_", "pgbouncer_exporter_", "process_"];

/// A family and where it comes from.
struct Seen<'a> {
    item: &'a Item,
    column: &'a Column,
    family: &'a Family,
    place: &'a Location,
}

pub(crate) fn check(items: &[Item], report: &mut Report) {
    let mut first: HashMap<&str, Seen<'_>> = HashMap::new();
    for seen in items.iter().flat_map(families) {
        builtin(&seen, report);
        match first.get(seen.family.name.as_ref()) {
            Some(before) => compare(before, &seen, report),
            None => {
                first.insert(&seen.family.name, seen);
            }
        }
    }
    labels(items, report);
}

fn families(item: &Item) -> impl Iterator<Item = Seen<'_>> {
    let columns = item.collector.columns.iter().zip(&item.columns);
    columns.flat_map(move |(column, place)| {
        column.families.iter().map(move |family| Seen {
            item,
            column,
            family,
            place,
        })
    })
}

fn builtin(seen: &Seen<'_>, report: &mut Report) {
    let name = seen.family.name.as_ref();
    let taken = BUILTIN.contains(&name) || BUILTIN_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
    if taken && seen.item.touched {
        report.finding(
            seen.place,
            format!("metric `{name}` is one of the exporter's own; write `rename` or another `name`"),
        );
    }
}

fn compare(before: &Seen<'_>, now: &Seen<'_>, report: &mut Report) {
    // The mistake is shown where it was made: in the layer.
    let (here, there) = if now.item.touched {
        (now, before)
    } else {
        (before, now)
    };
    if !here.item.touched || here.item.collector.branch == there.item.collector.branch {
        return;
    }
    let name = &here.family.name;
    let at = there.place.brief();
    if here.item.collector.name != there.item.collector.name {
        let other = &there.item.collector.name;
        let message = format!(
            "metric `{name}` is also one of collector `{other}` ({at}); write `rename` or another `name`"
        );
        report.finding(here.place, message);
    } else if here.column.usage != there.column.usage {
        let other = format!("{:?}", there.column.usage).to_uppercase();
        let message = format!(
            "metric `{name}` has another type in branch `{}` ({at}); write usage {other}",
            there.item.collector.branch
        );
        report.finding(here.place, message);
    } else if here.column.help != there.column.help {
        let branch = &there.item.collector.branch;
        let message =
            format!("metric `{name}` has another description in branch `{branch}` ({at}); use one text");
        report.finding(here.place, message);
    }
}

/// Newer servers add labels, so a difference is only worth a look.
fn labels(items: &[Item], report: &mut Report) {
    let mut first: HashMap<&str, &Item> = HashMap::new();
    for item in items {
        let Some(before) = first.get(item.collector.name.as_ref()) else {
            first.insert(&item.collector.name, item);
            continue;
        };
        let (here, there) = if item.touched {
            (item, *before)
        } else {
            (*before, item)
        };
        let (mine, others) = (label_names(here), label_names(there));
        if here.touched && mine != others {
            let message = format!(
                "branch `{}` has the labels [{mine}], branch `{}` has [{others}]: its series break where the versions meet",
                here.collector.branch, there.collector.branch
            );
            report.warning(&here.key, message);
        }
    }
}

fn label_names(item: &Item) -> String {
    item.collector
        .labels()
        .map(|column| column.name.as_ref())
        .collect::<Vec<_>>()
        .join(", ")
}
