//! What an entry may set whether it defines or tunes: when, where and under which limits a collector is run.

use std::time::Duration;

use super::Item;
use crate::place::{At, Place};
use crate::report::FileReport;
use crate::{DEFAULT_TIMEOUT, OPEN, Tag, raw, text};

/// Sets what the entry says and leaves the rest.
pub(crate) fn apply(entry: &raw::Entry, rank: usize, item: &mut Item, report: &mut FileReport<'_>) {
    if let Some(tags) = &entry.tags {
        item.tags = Place::new(&report.file, tags.spot);
        item.collector.tags = resolve_tags(&tags.value, report).into();
    }
    durations(entry, item, report);
    versions(entry, item, report);
    let collector = &mut item.collector;
    if let Some(fatal) = &entry.fatal {
        collector.fatal = fatal.value;
    }
    if let Some(skip) = &entry.skip {
        collector.skip = skip.value;
    }
    if let Some(priority) = &entry.priority {
        collector.priority = if priority.value == 0 {
            default_priority(rank)
        } else {
            priority.value
        };
    }
    if let Some(limit) = &entry.max_series {
        match u64::try_from(limit.value) {
            Ok(limit) => collector.max_series = limit,
            Err(_) => negative(limit.spot, "max_series", "0 for no limit", report),
        }
    }
}

/// The place in the order of execution of a collector that names none: behind 100, by file.
pub(crate) fn default_priority(rank: usize) -> i64 {
    i64::try_from(rank).unwrap_or(i64::MAX).saturating_add(100)
}

fn durations(entry: &raw::Entry, item: &mut Item, report: &mut FileReport<'_>) {
    if let Some(ttl) = span(entry.ttl.as_ref(), "ttl", report) {
        item.collector.ttl = ttl;
    }
    if let Some(max_stale) = span(entry.max_stale.as_ref(), "max_stale", report) {
        item.collector.max_stale = max_stale;
    }
    if let Some(timeout) = &entry.timeout {
        item.collector.timeout = match timeout.value {
            0.0 => Some(DEFAULT_TIMEOUT),
            seconds if seconds < 0.0 => None,
            _ => span(Some(timeout), "timeout", report).or(Some(DEFAULT_TIMEOUT)),
        };
    }
}

/// Seconds that may not be negative.
pub(crate) fn span(seconds: Option<&At<f64>>, key: &str, report: &mut FileReport<'_>) -> Option<Duration> {
    let seconds = seconds?;
    if seconds.value < 0.0 {
        negative(seconds.spot, key, "seconds, or 0 to switch it off", report);
        return None;
    }
    match Duration::try_from_secs_f64(seconds.value) {
        Ok(duration) if seconds.value > 0.0 => Some(duration.max(Duration::from_nanos(1))),
        Ok(duration) => Some(duration),
        Err(_) => {
            report.error(seconds.spot, format!("`{key}` is too long; write fewer seconds"));
            None
        }
    }
}

fn negative(spot: crate::Spot, key: &str, instead: &str, report: &mut FileReport<'_>) {
    report.error(spot, format!("negative `{key}`; write {instead}"));
}

fn versions(entry: &raw::Entry, item: &mut Item, report: &mut FileReport<'_>) {
    let before = report.errors();
    for (key, version, open) in [
        ("min_version", &entry.min_version, 0),
        ("max_version", &entry.max_version, OPEN),
    ] {
        let Some(version) = version else { continue };
        item.versions = Place::new(&report.file, version.spot);
        let number = version_number(key, version, open, report);
        match key {
            "min_version" => item.collector.min_version = number,
            _ => item.collector.max_version = number,
        }
    }
    let (min, max) = (item.collector.min_version, item.collector.max_version);
    let given = entry.min_version.is_some() || entry.max_version.is_some();
    if given && min >= max && report.errors() == before {
        let message = format!(
            "`min_version` {min} is not below `max_version` {max}, which is exclusive; it fits no server"
        );
        report.error(item.versions.spot, message);
    }
}

fn version_number(key: &str, version: &At<i64>, open: u32, report: &mut FileReport<'_>) -> u32 {
    match u32::try_from(version.value) {
        Ok(0) => open,
        Ok(number) if number == OPEN => open,
        Ok(number) => {
            if number < 10_000 {
                let message =
                    format!("`{key}` {number} is no version of any server, did you mean {number}0000?");
                report.warning(version.spot, message);
            }
            number
        }
        Err(_) => {
            let message = format!(
                "bad `{key}` {}; write server_version_num, such as 140000, or 0",
                version.value
            );
            report.error(version.spot, message);
            open
        }
    }
}

fn resolve_tags(tags: &[At<String>], report: &mut FileReport<'_>) -> Vec<Tag> {
    let mut list = Vec::with_capacity(tags.len());
    for raw in tags {
        if let Some(tag) = tag(raw, report)
            && !list.contains(&tag)
        {
            list.push(tag);
        }
    }
    if let Some(first) = tags.first()
        && list.contains(&Tag::Primary)
        && list.contains(&Tag::Replica)
    {
        report.warning(
            first.spot,
            "tags `primary` and `replica` together fit no server; leave one",
        );
    }
    list
}

/// Tags that are words, and the prefixes of those that carry a name.
const WORDS: [&str; 8] = [
    "cluster",
    "primary",
    "master",
    "leader",
    "replica",
    "standby",
    "slave",
    "pgbouncer",
];
const PREFIXES: [&str; 5] = ["extension", "schema", "dbname", "username", "not"];

fn tag(raw: &At<String>, report: &mut FileReport<'_>) -> Option<Tag> {
    let word = raw.value.trim();
    if word.is_empty() {
        report.error(raw.spot, "empty tag; remove it");
        return None;
    }
    let tag = match word {
        "cluster" => Tag::Cluster,
        "primary" | "master" | "leader" => Tag::Primary,
        "replica" | "standby" | "slave" => Tag::Replica,
        "pgbouncer" => Tag::Pgbouncer,
        _ => return named_tag(word, raw, report),
    };
    Some(tag)
}

fn named_tag(word: &str, raw: &At<String>, report: &mut FileReport<'_>) -> Option<Tag> {
    let (prefix, name) = word.split_once(':').unwrap_or((word, ""));
    let named = || name.to_owned().into();
    let tag = match prefix {
        "extension" => Tag::Extension(named()),
        "schema" => Tag::Schema(named()),
        "dbname" => Tag::Database(named()),
        "username" => Tag::User(named()),
        "not" => Tag::Not(named()),
        _ => {
            misspelt(word, prefix, raw, report);
            return Some(Tag::Custom(word.to_owned().into()));
        }
    };
    if name.is_empty() {
        report.error(
            raw.spot,
            format!("tag `{word}` lacks its name; write `{prefix}:NAME`"),
        );
        return None;
    }
    Some(tag)
}

/// Any word may be a tag of the exporter's own; one that looks like a known tag is probably meant to be that.
fn misspelt(word: &str, prefix: &str, raw: &At<String>, report: &mut FileReport<'_>) {
    let known: &[&str] = if word.contains(':') { &PREFIXES } else { &WORDS };
    if let Some(near) = text::nearest(prefix, known.iter().copied()) {
        let message =
            format!("tag `{word}` is only met by an exporter started with it, did you mean `{near}`?");
        report.warning(raw.spot, message);
    }
}
