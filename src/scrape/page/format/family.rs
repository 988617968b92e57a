//! A family on its way to a page: its head and its lines as the text format has them.

use std::str;

use bytes::Bytes;

/// A family with its lines.
#[derive(Clone, Debug)]
pub(in crate::scrape) struct Family<'a> {
    pub(in crate::scrape) head: Head<'a>,
    pub(in crate::scrape) role: Role<'a>,
    /// Whole lines of samples, in pieces as they are there.
    pub(in crate::scrape) lines: Vec<Bytes>,
}

/// What a family is. Snapshot histograms are three families of gauges in the text format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::scrape) enum Role<'a> {
    /// Itself.
    Single,
    /// The buckets of histograms of that name and help text, which is not escaped. The next two families are their counts
    /// and their sums.
    Buckets { histogram: &'a str, help: &'a str },
    /// A line for each histogram, in the order of the buckets.
    Counts,
    /// A line for each histogram, in the order of the buckets.
    Sums,
}

/// `# HELP` and `# TYPE` lines of the text format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::scrape) struct Head<'a> {
    /// Both lines, each with its line feed.
    pub(in crate::scrape) text: &'a str,
    pub(in crate::scrape) name: &'a str,
    /// Escaped: `\\` and `\n`. Empty when there is none.
    pub(in crate::scrape) help: &'a str,
    /// `gauge`, `counter`, …
    pub(in crate::scrape) kind: &'a str,
}

impl<'a> Head<'a> {
    /// Reads a head; `None` when it has no `# TYPE`.
    pub(in crate::scrape) fn parse(text: &'a str) -> Option<Self> {
        let of = |keyword: &str| text.lines().find_map(|line| line.strip_prefix(keyword));
        let (name, kind) = of("# TYPE ")?.split_once(' ')?;
        let help = of("# HELP ").and_then(|help| help.strip_prefix(name)?.strip_prefix(' '));
        Some(Self {
            text,
            name,
            help: help.unwrap_or_default(),
            kind,
        })
    }
}

impl<'a> Family<'a> {
    /// The families of a text whose every family has a `# TYPE`, as the last line of its head.
    pub(in crate::scrape) fn split(text: &'a Bytes) -> Vec<Self> {
        let mut families: Vec<Self> = Vec::new();
        // Where what is not taken yet begins: lines of the last family, or a `# HELP`.
        let (mut start, mut at) = (0, 0);
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            let end = at + line.len();
            let is_type = line.starts_with(b"# TYPE ");
            let is_described = text
                .get(start..at)
                .is_some_and(|before| before.starts_with(b"# HELP "));
            if line.starts_with(b"# HELP ") || (is_type && !is_described) {
                push_lines(&mut families, text.slice(start..at));
                start = at;
            }
            if is_type {
                let head = text.get(start..end).and_then(|head| str::from_utf8(head).ok());
                families.extend(head.and_then(Head::parse).map(Self::empty));
                start = end;
            }
            at = end;
        }
        push_lines(&mut families, text.slice(start..));
        families
    }

    fn empty(head: Head<'a>) -> Self {
        Self {
            head,
            role: Role::Single,
            lines: Vec::new(),
        }
    }
}

fn push_lines(families: &mut [Family<'_>], lines: Bytes) {
    if let Some(family) = families.last_mut()
        && !lines.is_empty()
    {
        family.lines.push(lines);
    }
}
