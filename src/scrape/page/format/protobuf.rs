//! Prometheus' protobuf format: a message `MetricFamily` for each family, behind its length.
//!
//! Snapshot histograms are histograms here. They are of type `HISTOGRAM`, not `GAUGE_HISTOGRAM`: Prometheus before 3
//! stores the parts of the latter without their suffixes, and loses the sum.

use std::borrow::Cow;
use std::str;

use bytes::Bytes;

use super::wire::{push_delimited, push_double, push_integer, push_message, push_string};
use super::{Family, Role, measure};
use crate::scrape::page::series::first_label;

/// Fields of `MetricFamily`.
mod family {
    pub(in crate::scrape) const NAME: u32 = 1;
    pub(in crate::scrape) const HELP: u32 = 2;
    pub(in crate::scrape) const TYPE: u32 = 3;
    pub(in crate::scrape) const METRIC: u32 = 4;
    pub(in crate::scrape) const UNIT: u32 = 5;
}

/// Fields of `Metric` and of what is in it.
mod metric {
    pub(in crate::scrape) const LABEL: u32 = 1;
    pub(in crate::scrape) const HISTOGRAM: u32 = 7;
    /// Of `LabelPair`.
    pub(in crate::scrape) const LABEL_NAME: u32 = 1;
    pub(in crate::scrape) const LABEL_VALUE: u32 = 2;
    /// Of `Counter`, `Gauge` and `Untyped`.
    pub(in crate::scrape) const VALUE: u32 = 1;
}

/// Fields of `Histogram` and of its buckets.
mod histogram {
    pub(in crate::scrape) const SAMPLE_COUNT: u32 = 1;
    pub(in crate::scrape) const SAMPLE_SUM: u32 = 2;
    pub(in crate::scrape) const BUCKET: u32 = 3;
    pub(in crate::scrape) const CUMULATIVE_COUNT: u32 = 1;
    pub(in crate::scrape) const UPPER_BOUND: u32 = 2;
}

/// `MetricType`, and the field of `Metric` that holds such a value.
#[derive(Clone, Copy)]
struct Kind {
    number: u64,
    field: u32,
}

const COUNTER: Kind = Kind { number: 0, field: 3 };
const GAUGE: Kind = Kind { number: 1, field: 2 };
const UNTYPED: Kind = Kind { number: 3, field: 5 };
const HISTOGRAM: Kind = Kind {
    number: 4,
    field: metric::HISTOGRAM,
};

/// A line of the text format.
struct Line<'a> {
    name: &'a [u8],
    /// What is between the braces.
    labels: &'a [u8],
    value: f64,
}

impl<'a> Line<'a> {
    fn parse(line: &'a [u8]) -> Option<Self> {
        let end = line.iter().position(|byte| matches!(byte, b'{' | b' '))?;
        let (name, rest) = line.split_at_checked(end)?;
        let space = rest.iter().rposition(|byte| *byte == b' ')?;
        let (block, value) = rest.split_at_checked(space)?;
        Some(Self {
            name,
            labels: block
                .strip_prefix(b"{")
                .and_then(|block| block.strip_suffix(b"}"))
                .unwrap_or_default(),
            value: str::from_utf8(value).ok()?.trim_start().parse().ok()?,
        })
    }
}

fn lines<'a>(family: &'a Family<'_>) -> impl Iterator<Item = Line<'a>> {
    let lines = family
        .lines
        .iter()
        .flat_map(|lines| lines.split(|byte| *byte == b'\n'));
    lines.filter_map(Line::parse)
}

/// A part of the page. Families without a sample are left out.
pub(in crate::scrape) fn write(families: &[Family<'_>]) -> Vec<Bytes> {
    let mut out = Vec::new();
    let mut rest = families;
    while let Some((family, after)) = rest.split_first() {
        rest = after;
        match (family.role, after) {
            (Role::Buckets { histogram, help }, [counts, sums, after @ ..])
                if are_whole([family, counts, sums]) =>
            {
                push_histograms(histogram, help, [family, counts, sums], &mut out);
                rest = after;
            }
            _ => push_single(family, &mut out),
        }
    }
    // Spare room would be kept as long as the part.
    out.shrink_to_fit();
    vec![out.into()]
}

fn push_head(name: &[u8], help: &[u8], kind: Kind, out: &mut Vec<u8>) {
    push_string(family::NAME, name, out);
    if !help.is_empty() {
        push_string(family::HELP, help, out);
    }
    push_integer(family::TYPE, kind.number, out);
}

fn push_unit(name: &[u8], out: &mut Vec<u8>) {
    let name = str::from_utf8(name).unwrap_or_default();
    if let Some(unit) = measure::unit(name.strip_suffix("_total").unwrap_or(name)) {
        push_string(family::UNIT, unit.as_bytes(), out);
    }
}

/// The family, and what is named otherwise below its head, such as the parts of a summary, as families of no type.
fn push_single(family: &Family<'_>, out: &mut Vec<u8>) {
    let help = unescaped(family.head.help.as_bytes());
    let mut lines = lines(family).peekable();
    while let Some(name) = lines.peek().map(|line| line.name) {
        let kind = match family.head.kind {
            "counter" if name == family.head.name.as_bytes() => COUNTER,
            "gauge" if name == family.head.name.as_bytes() => GAUGE,
            _ => UNTYPED,
        };
        push_delimited(out, |out| {
            push_head(name, &help, kind, out);
            while let Some(line) = lines.next_if(|line| line.name == name) {
                push_message(family::METRIC, out, |out| push_sample(&line, kind, out));
            }
            push_unit(name, out);
        });
    }
}

fn push_sample(line: &Line<'_>, kind: Kind, out: &mut Vec<u8>) {
    push_labels(line.labels, out);
    push_message(kind.field, out, |out| push_double(metric::VALUE, line.value, out));
}

/// Whether three families are what a histogram is made of, with a count and a sum for all buckets.
fn are_whole([buckets, counts, sums]: [&Family<'_>; 3]) -> bool {
    let ends = lines(buckets).filter(|line| bound(line.labels) == Some(f64::INFINITY));
    let histograms = ends.count();
    let has_all = |family: &Family<'_>, role| family.role == role && lines(family).count() == histograms;
    has_all(counts, Role::Counts) && has_all(sums, Role::Sums)
}

/// Histograms of three families whose lines are in the same order.
fn push_histograms(name: &str, help: &str, [buckets, counts, sums]: [&Family<'_>; 3], out: &mut Vec<u8>) {
    let mut buckets = lines(buckets).peekable();
    if buckets.peek().is_none() {
        return;
    }
    push_delimited(out, |out| {
        push_head(name.as_bytes(), help.as_bytes(), HISTOGRAM, out);
        for (count, sum) in lines(counts).zip(lines(sums)) {
            push_message(family::METRIC, out, |out| {
                push_labels(count.labels, out);
                push_message(metric::HISTOGRAM, out, |out| {
                    push_integer(histogram::SAMPLE_COUNT, count.value as u64, out);
                    push_double(histogram::SAMPLE_SUM, sum.value, out);
                    push_buckets(&mut buckets, out);
                });
            });
        }
        push_unit(name.as_bytes(), out);
    });
}

/// The buckets up to the next infinite one, which is the histogram's count and not a bucket of the message.
fn push_buckets<'a>(buckets: &mut impl Iterator<Item = Line<'a>>, out: &mut Vec<u8>) {
    for line in buckets {
        let bound = bound(line.labels).unwrap_or(f64::INFINITY);
        if bound == f64::INFINITY {
            return;
        }
        push_message(histogram::BUCKET, out, |out| {
            push_integer(histogram::CUMULATIVE_COUNT, line.value as u64, out);
            push_double(histogram::UPPER_BOUND, bound, out);
        });
    }
}

/// `le`, which is the last label.
fn bound(labels: &[u8]) -> Option<f64> {
    let value = labels.strip_suffix(b"\"")?.rsplit(|byte| *byte == b'"').next()?;
    str::from_utf8(value).ok()?.parse().ok()
}

fn push_labels(labels: &[u8], out: &mut Vec<u8>) {
    let mut rest = labels;
    while let Some((name, value, after)) = first_label(rest) {
        push_message(metric::LABEL, out, |out| {
            push_string(metric::LABEL_NAME, name, out);
            push_string(metric::LABEL_VALUE, &unescaped(value), out);
        });
        rest = after.strip_prefix(b",").unwrap_or(after);
    }
}

fn unescaped(text: &[u8]) -> Cow<'_, [u8]> {
    if !text.contains(&b'\\') {
        return Cow::Borrowed(text);
    }
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.iter().copied();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'\\' => match bytes.next() {
                Some(b'n') => b'\n',
                Some(other) => other,
                None => byte,
            },
            _ => byte,
        });
    }
    Cow::Owned(out)
}
