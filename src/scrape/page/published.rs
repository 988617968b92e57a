//! What a collector serves on a database, read back from the lines of the page.

use std::sync::Arc;

use pg_exporter_schema::{Collector, Family};

use super::samples::Samples;

/// What a collector serves on a database: its last result as it is on the page.
#[derive(Clone, Debug)]
pub struct Published {
    collector: Arc<Collector>,
    samples: Arc<Samples>,
}

/// One line of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample<'a> {
    /// Labels in braces; empty when there are none.
    pub labels: &'a str,
    /// The number.
    pub value: &'a str,
}

impl Published {
    pub(in crate::scrape) fn new(collector: &Arc<Collector>, samples: &Arc<Samples>) -> Self {
        Self {
            collector: Arc::clone(collector),
            samples: Arc::clone(samples),
        }
    }

    /// The samples of a family, by its name.
    pub fn samples(&self, family: &str) -> impl Iterator<Item = Sample<'_>> {
        let mut families = self.families().zip(&self.samples.families);
        let found = families.find_map(|(known, lines)| (known.name == family).then_some((known, lines)));
        let (prefix, range) = found.map_or((0, 0..0), |(known, lines)| {
            (known.name.len(), lines.range.clone())
        });
        let bytes = self.samples.bytes.get(range).unwrap_or_default();
        let text = std::str::from_utf8(bytes).unwrap_or_default();
        text.lines()
            .filter_map(move |line| line.get(prefix..)?.rsplit_once(' '))
            .map(|(labels, value)| Sample { labels, value })
    }

    fn families(&self) -> impl Iterator<Item = &Family> {
        self.collector.values().flat_map(|column| column.families.iter())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use bytes::Bytes;
    use pg_exporter_schema::{Source, Strictness, compile};

    use super::*;
    use crate::scrape::page::samples::FamilyLines;

    const YAML: &str = "
x:
  query: SELECT 1
  metrics: [ l: { usage: LABEL }, a: { usage: GAUGE, description: A }, b: { usage: GAUGE, description: B } ]
";

    #[test]
    fn samples_are_read_from_the_lines_of_the_page() {
        let outcome = compile(&[Source::new("x.yml", YAML)], Strictness::Strict);
        let lines = "x_a{l=\"} 1\"} 2\nx_a{l=\"\"} 3.5\nx_b 7\nx_b NaN\n";
        let (first, all) = (lines.find("x_b").unwrap(), lines.len());
        let family = |range| FamilyLines {
            range,
            ..FamilyLines::default()
        };
        let served = Published {
            collector: Arc::new(outcome.collectors.into_iter().next().unwrap()),
            samples: Arc::new(Samples {
                bytes: Bytes::from_static(lines.as_bytes()),
                families: vec![family(0..first), family(first..all)],
                ..Samples::default()
            }),
        };
        let read: Vec<_> = served
            .samples("x_a")
            .map(|sample| (sample.labels, sample.value))
            .collect();
        assert_eq!(read, [("{l=\"} 1\"}", "2"), ("{l=\"\"}", "3.5")]);
        assert_eq!(served.samples("x_b").next().unwrap().labels, "");
        assert_eq!(served.samples("x_c").count(), 0);
    }
}
