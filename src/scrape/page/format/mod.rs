//! What a page is written in. Every format is made of the same lines, those of the text format, which are rendered once.

mod chunks;
mod family;
mod measure;
mod names;
mod open_metrics;
mod protobuf;
#[cfg(test)]
pub(in crate::scrape) mod tests;
mod wire;

use bytes::Bytes;

use chunks::Chunks;
pub(in crate::scrape) use family::{Family, Head, Role};
pub(in crate::scrape) use names::Names;

/// Format of a page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Prometheus' text format 0.0.4.
    #[default]
    Text,
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// Prometheus' protobuf format: delimited messages `io.prometheus.client.MetricFamily`.
    Protobuf,
}

/// One of something for each format.
#[derive(Debug, Default)]
pub(in crate::scrape) struct PerFormat<T> {
    text: T,
    open_metrics: T,
    protobuf: T,
}

impl<T> PerFormat<T> {
    pub(in crate::scrape) fn each_mut(&mut self) -> impl Iterator<Item = &mut T> {
        [&mut self.text, &mut self.open_metrics, &mut self.protobuf].into_iter()
    }

    pub(in crate::scrape) fn get_mut(&mut self, format: Format) -> &mut T {
        match format {
            Format::Text => &mut self.text,
            Format::OpenMetrics => &mut self.open_metrics,
            Format::Protobuf => &mut self.protobuf,
        }
    }
}

impl Format {
    /// A part of the page.
    pub(in crate::scrape) fn write(self, families: &[Family<'_>], names: &Names) -> Vec<Bytes> {
        match self {
            Self::Text => text(families),
            Self::OpenMetrics => open_metrics::write(families, names),
            Self::Protobuf => protobuf::write(families),
        }
    }

    /// A part of the page that is there in the text format.
    pub(in crate::scrape) fn convert(self, text: Bytes, names: &Names) -> Vec<Bytes> {
        match self {
            Self::Text => vec![text],
            Self::OpenMetrics | Self::Protobuf => self.write(&Family::split(&text), names),
        }
    }

    /// What comes behind the last part.
    pub(in crate::scrape) fn end(self) -> Option<Bytes> {
        (self == Self::OpenMetrics).then(|| Bytes::from_static(b"# EOF\n"))
    }
}

fn text(families: &[Family<'_>]) -> Vec<Bytes> {
    let mut chunks = Chunks::default();
    for family in families {
        chunks.push(family.head.text.as_bytes());
        chunks.push_all(&family.lines);
    }
    chunks.finish()
}
