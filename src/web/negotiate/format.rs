//! Format of a page by `Accept`, and the `Content-Type` that says which it is.

use std::cmp::Reverse;

use hyper::HeaderMap;
use hyper::header::{ACCEPT, HeaderValue};

use super::items::{Item, items};
use crate::scrape::Format;

/// A format in one of its versions.
struct Variant {
    format: Format,
    kind: &'static str,
    subtype: &'static str,
    /// Parameters that tell it from others.
    parameters: &'static [(&'static str, &'static str)],
    /// Whether the type alone, without parameters, says too little.
    needs_parameters: bool,
    content_type: &'static str,
    /// Whether clients may name, and are told, how names are escaped that are not of the classic character set.
    has_escaping: bool,
}

/// The first is for clients that do not care, and for those that take none of them.
const VARIANTS: [Variant; 5] = [
    Variant {
        format: Format::Text,
        kind: "text",
        subtype: "plain",
        parameters: &[("version", "0.0.4")],
        needs_parameters: false,
        content_type: "text/plain; version=0.0.4; charset=utf-8",
        has_escaping: false,
    },
    // The same page: this version differs in names of other characters only, and there are none.
    Variant {
        format: Format::Text,
        kind: "text",
        subtype: "plain",
        parameters: &[("version", "1.0.0")],
        needs_parameters: false,
        content_type: "text/plain; version=1.0.0; charset=utf-8",
        has_escaping: true,
    },
    Variant {
        format: Format::OpenMetrics,
        kind: "application",
        subtype: "openmetrics-text",
        parameters: &[("version", "1.0.0")],
        needs_parameters: false,
        content_type: "application/openmetrics-text; version=1.0.0; charset=utf-8",
        has_escaping: true,
    },
    // The draft of 1.0.0, from which it does not differ in what is on the page.
    Variant {
        format: Format::OpenMetrics,
        kind: "application",
        subtype: "openmetrics-text",
        parameters: &[("version", "0.0.1")],
        needs_parameters: false,
        content_type: "application/openmetrics-text; version=0.0.1; charset=utf-8",
        has_escaping: false,
    },
    Variant {
        format: Format::Protobuf,
        kind: "application",
        subtype: "vnd.google.protobuf",
        parameters: &[
            ("proto", "io.prometheus.client.MetricFamily"),
            ("encoding", "delimited"),
        ],
        needs_parameters: true,
        content_type: "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited",
        has_escaping: true,
    },
];

/// Ways to escape names that leave those of the classic character set, which all of ours are, as they are.
const ESCAPINGS: [&str; 3] = ["allow-utf-8", "underscores", "values"];

/// What a client gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::web) struct Offer {
    pub(in crate::web) format: Format,
    pub(in crate::web) content_type: HeaderValue,
}

/// The format that the client likes best. Of those it likes equally it gets the one that it named most exactly, or
/// else first.
pub(in crate::web) fn offer(headers: &HeaderMap) -> Offer {
    let items = items(headers, &ACCEPT);
    let wanted = VARIANTS.iter().filter_map(|variant| {
        let fitting = items
            .iter()
            .enumerate()
            .filter_map(|(place, item)| Some((variant.fit(item)?, Reverse(place), item)));
        let (fit, place, item) = fitting.max_by_key(|(fit, place, _)| (*fit, *place))?;
        (item.quality > 0).then_some(((item.quality, fit, place), variant, item))
    });
    // Reversed, since of equal ones `max_by_key` takes the last.
    let wanted: Vec<_> = wanted.collect();
    let best = wanted.iter().rev().max_by_key(|(rank, _, _)| *rank);
    match best {
        Some((_, variant, item)) => Offer {
            format: variant.format,
            content_type: variant.content_type(item),
        },
        None => Offer {
            format: Format::Text,
            content_type: HeaderValue::from_static(TEXT.content_type),
        },
    }
}

const TEXT: &Variant = &VARIANTS[0];

impl Variant {
    /// How exactly an item means it: as [`Item::fit`], 3 when it names all of its parameters.
    fn fit(&self, item: &Item<'_>) -> Option<u8> {
        let fit = item.fit(self.kind, self.subtype)?;
        if fit < 2 {
            return Some(fit);
        }
        let mut all_named = true;
        for (name, value) in self.parameters {
            match item.parameter(name) {
                Some(named) if named.eq_ignore_ascii_case(value) => {}
                None if !self.needs_parameters => all_named = false,
                _ => return None,
            }
        }
        Some(if all_named { 3 } else { 2 })
    }

    fn content_type(&self, item: &Item<'_>) -> HeaderValue {
        let plain = HeaderValue::from_static(self.content_type);
        let asked = item.parameter("escaping").filter(|_| self.has_escaping);
        let Some(escaping) = asked.and_then(|asked| ESCAPINGS.into_iter().find(|known| *known == asked))
        else {
            return plain;
        };
        HeaderValue::try_from(format!("{}; escaping={escaping}", self.content_type)).unwrap_or(plain)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::super::tests::headers;
    use super::*;

    const TEXT_4: &str = "text/plain; version=0.0.4; charset=utf-8";
    const TEXT_1: &str = "text/plain; version=1.0.0; charset=utf-8";
    const OPEN_1: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    const OPEN_0: &str = "application/openmetrics-text; version=0.0.1; charset=utf-8";
    const PROTOBUF: &str =
        "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";

    fn check(accept: &[&str], format: Format, content_type: &str) {
        let offer = offer(&headers(&ACCEPT, accept));
        let got = (offer.format, offer.content_type.to_str().unwrap());
        assert_eq!(got, (format, content_type), "{accept:?}");
    }

    const PROTOBUF_ASKED: &str =
        "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";

    #[test]
    fn as_prometheus_asks() {
        let rest =
            "application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        let of_2 = format!("application/openmetrics-text;version=1.0.0,{rest}");
        check(&[&of_2], Format::OpenMetrics, OPEN_1);
        // With --enable-feature=native-histograms.
        let of_2 = format!("{PROTOBUF_ASKED},application/openmetrics-text;version=1.0.0;q=0.8,{rest}");
        check(&[&of_2], Format::Protobuf, PROTOBUF);
        let rest = "application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,\
                    text/plain;version=0.0.4;q=0.2,*/*;q=0.1";
        let of_3 = format!("application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,{rest}");
        check(
            &[&of_3],
            Format::OpenMetrics,
            &format!("{OPEN_1}; escaping=allow-utf-8"),
        );
        let of_3 = format!("{PROTOBUF_ASKED};q=0.6,{of_3}");
        check(&[&of_3], Format::Protobuf, PROTOBUF);
        // With scrape_protocols: one alone.
        let of_3 = "text/plain;version=1.0.0;escaping=underscores;q=0.6,*/*;q=0.5";
        check(&[of_3], Format::Text, &format!("{TEXT_1}; escaping=underscores"));
        check(
            &["text/plain;version=0.0.4;q=0.6,*/*;q=0.5"],
            Format::Text,
            TEXT_4,
        );
        check(
            &["application/openmetrics-text;version=0.0.1;q=0.6,*/*;q=0.5"],
            Format::OpenMetrics,
            OPEN_0,
        );
        // Of 2.0 to 2.4.
        let old = "text/plain;version=0.0.4;q=1,*/*;q=0.1";
        check(&[old], Format::Text, TEXT_4);
    }

    #[test]
    fn as_others_ask() {
        use Format::{OpenMetrics, Protobuf, Text};
        let protobuf_quoted = r#"application/vnd.google.protobuf; encoding="delimited"; proto="io.prometheus.client.MetricFamily""#;
        let table: [(&[&str], Format, &str); 33] = [
            (&[], Text, TEXT_4),
            (&[""], Text, TEXT_4),
            (&["*/*"], Text, TEXT_4),
            (&["text/*"], Text, TEXT_4),
            (
                &["text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"],
                Text,
                TEXT_4,
            ),
            (&["application/json"], Text, TEXT_4),
            (&["image/png, */*;q=0"], Text, TEXT_4),
            (&["text/plain"], Text, TEXT_4),
            (&["text/plain; charset=utf-8"], Text, TEXT_4),
            (&["TEXT/Plain;VERSION=0.0.4"], Text, TEXT_4),
            (&["text/plain;version=1.0.0"], Text, TEXT_1),
            (&["text/plain;version=2.0.0"], Text, TEXT_4),
            (&["application/openmetrics-text"], OpenMetrics, OPEN_1),
            (
                &["application/openmetrics-text; version=1.0.0; charset=utf-8"],
                OpenMetrics,
                OPEN_1,
            ),
            (
                &["application/openmetrics-text;version=\"1.0.0\""],
                OpenMetrics,
                OPEN_1,
            ),
            (
                &["application/openmetrics-text;version=0.0.1"],
                OpenMetrics,
                OPEN_0,
            ),
            (&["application/openmetrics-text;version=2.0.0"], Text, TEXT_4),
            (
                &["application/openmetrics-text;version=2.0.0, application/openmetrics-text;q=0.1"],
                OpenMetrics,
                OPEN_1,
            ),
            (&["application/*"], OpenMetrics, OPEN_1),
            (&["text/plain, application/openmetrics-text"], Text, TEXT_4),
            (&["application/openmetrics-text, text/plain"], OpenMetrics, OPEN_1),
            (&["*/*, application/openmetrics-text"], OpenMetrics, OPEN_1),
            (
                &["text/plain;q=0.3", "application/openmetrics-text;q=0.6"],
                OpenMetrics,
                OPEN_1,
            ),
            (&["text/plain;q=0, */*"], OpenMetrics, OPEN_1),
            (&["text/*;q=0, */*"], OpenMetrics, OPEN_1),
            (&["application/openmetrics-text;q=0"], Text, TEXT_4),
            (
                &["application/openmetrics-text;q=x, text/plain;q=0.1"],
                Text,
                TEXT_4,
            ),
            (&[protobuf_quoted], Protobuf, PROTOBUF),
            (&["application/vnd.google.protobuf"], Text, TEXT_4),
            (
                &["application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=text"],
                Text,
                TEXT_4,
            ),
            (
                &["application/vnd.google.protobuf;proto=other;encoding=delimited"],
                Text,
                TEXT_4,
            ),
            (
                &["application/openmetrics-text;version=1.0.0;escaping=dots"],
                OpenMetrics,
                OPEN_1,
            ),
            (
                &["/;q=\"\\,;;,=;q=1,", "*", "\u{e9}/x", "\"text/plain"],
                Text,
                TEXT_4,
            ),
        ];
        for (accept, format, content_type) in table {
            check(accept, format, content_type);
        }
    }
}
