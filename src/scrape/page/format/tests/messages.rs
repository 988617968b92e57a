//! The messages of Prometheus' `metrics.proto` (client_model), read by a library.

use prost::Message;

#[derive(Clone, PartialEq, Message)]
pub(in crate::scrape) struct MetricFamily {
    #[prost(string, optional, tag = "1")]
    pub(in crate::scrape) name: Option<String>,
    #[prost(string, optional, tag = "2")]
    pub(in crate::scrape) help: Option<String>,
    #[prost(enumeration = "MetricType", optional, tag = "3")]
    pub(in crate::scrape) r#type: Option<i32>,
    #[prost(message, repeated, tag = "4")]
    pub(in crate::scrape) metric: Vec<Metric>,
    #[prost(string, optional, tag = "5")]
    pub(in crate::scrape) unit: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub(in crate::scrape) enum MetricType {
    Counter = 0,
    Gauge = 1,
    Summary = 2,
    Untyped = 3,
    Histogram = 4,
    GaugeHistogram = 5,
}

#[derive(Clone, PartialEq, Message)]
pub(in crate::scrape) struct Metric {
    #[prost(message, repeated, tag = "1")]
    pub(in crate::scrape) label: Vec<LabelPair>,
    #[prost(message, optional, tag = "2")]
    pub(in crate::scrape) gauge: Option<Value>,
    #[prost(message, optional, tag = "3")]
    pub(in crate::scrape) counter: Option<Value>,
    #[prost(message, optional, tag = "5")]
    pub(in crate::scrape) untyped: Option<Value>,
    #[prost(int64, optional, tag = "6")]
    pub(in crate::scrape) timestamp_ms: Option<i64>,
    #[prost(message, optional, tag = "7")]
    pub(in crate::scrape) histogram: Option<Histogram>,
}

#[derive(Clone, PartialEq, Message)]
pub(in crate::scrape) struct LabelPair {
    #[prost(string, optional, tag = "1")]
    pub(in crate::scrape) name: Option<String>,
    #[prost(string, optional, tag = "2")]
    pub(in crate::scrape) value: Option<String>,
}

/// `Gauge`, `Counter` and `Untyped`.
#[derive(Clone, PartialEq, Message)]
pub(in crate::scrape) struct Value {
    #[prost(double, optional, tag = "1")]
    pub(in crate::scrape) value: Option<f64>,
}

#[derive(Clone, PartialEq, Message)]
pub(in crate::scrape) struct Histogram {
    #[prost(uint64, optional, tag = "1")]
    pub(in crate::scrape) sample_count: Option<u64>,
    #[prost(double, optional, tag = "2")]
    pub(in crate::scrape) sample_sum: Option<f64>,
    #[prost(message, repeated, tag = "3")]
    pub(in crate::scrape) bucket: Vec<Bucket>,
}

#[derive(Clone, PartialEq, Message)]
pub(in crate::scrape) struct Bucket {
    #[prost(uint64, optional, tag = "1")]
    pub(in crate::scrape) cumulative_count: Option<u64>,
    #[prost(double, optional, tag = "2")]
    pub(in crate::scrape) upper_bound: Option<f64>,
}

/// Every message of a page.
pub(in crate::scrape) fn read(mut page: &[u8]) -> Vec<MetricFamily> {
    let mut families = Vec::new();
    while !page.is_empty() {
        families.push(MetricFamily::decode_length_delimited(&mut page).unwrap());
    }
    families
}
