//! OpenMetrics 1.0: the text format's lines below heads of its own.
//!
//! Prometheus stores a series under the name on its line, so the names stay those of the text format:
//! - counters whose name does not end in `_total` are of type `unknown`: as counters they would need another name;
//! - a gauge histogram has its buckets alone; its `_count` and `_sum` are families of gauges, since OpenMetrics would have
//!   them named `_gcount` and `_gsum` (the specification lets a histogram do without both, not without one).

use super::chunks::Chunks;
use super::names::without_total;
use super::{Family, Head, Names, Role, measure};
use bytes::Bytes;

/// A part of the page, without `# EOF`.
pub(in crate::scrape) fn write(families: &[Family<'_>], names: &Names) -> Vec<Bytes> {
    let mut chunks = Chunks::default();
    let mut head = Vec::new();
    for family in families {
        head.clear();
        push_head(family, names, &mut head);
        chunks.push(&head);
        chunks.push_all(&family.lines);
    }
    chunks.finish()
}

fn push_head(family: &Family<'_>, names: &Names, out: &mut Vec<u8>) {
    let (name, kind) = name_and_kind(family, names);
    let mut push = |parts: [&str; 4]| {
        parts
            .iter()
            .for_each(|part| out.extend_from_slice(part.as_bytes()));
        out.push(b'\n');
    };
    push(["# TYPE ", name, " ", kind]);
    if let Some(unit) = measure::unit(name) {
        push(["# UNIT ", name, " ", unit]);
    }
    let help = family.head.help;
    if help.contains('"') {
        push(["# HELP ", name, " ", &help.replace('"', "\\\"")]);
    } else if !help.is_empty() {
        push(["# HELP ", name, " ", help]);
    }
}

fn name_and_kind<'a>(family: &Family<'a>, names: &Names) -> (&'a str, &'a str) {
    let Head { name, kind, .. } = family.head;
    match (family.role, kind) {
        (Role::Buckets { histogram, .. }, _) if names.allow_histogram(histogram) => {
            (histogram, "gaugehistogram")
        }
        (_, "counter") => match without_total(name) {
            Some(base) if names.allow_counters(base) && family.lines.iter().all(are_counts) => {
                (base, "counter")
            }
            _ => (name, "unknown"),
        },
        (_, "untyped") => (name, "unknown"),
        _ => (name, kind),
    }
}

/// Whether a family of counters may have these lines: neither NaN nor below 0.
fn are_counts(lines: &Bytes) -> bool {
    let mut lines = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.all(|line| {
        let value = line.rsplit(|byte| *byte == b' ').next().and_then(<[u8]>::first);
        !matches!(value, Some(b'N' | b'-') | None)
    })
}
