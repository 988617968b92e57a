//! What a client takes, and what of it the most: quality values of `Accept` and `Accept-Encoding`.

use hyper::HeaderMap;
use hyper::header::{ACCEPT, ACCEPT_ENCODING, HeaderName};

use crate::scrape::Encoding;

/// A quality in thousandths: 1000 when none is given, 0 means "not this".
type Quality = u16;

/// The encoding that the client likes best; compression wins a tie, since the client named it.
pub(super) fn encoding(headers: &HeaderMap) -> Encoding {
    let rank = |names: &'static [&'static str]| {
        quality(headers, &ACCEPT_ENCODING, |item| match item {
            "*" => Some(0),
            _ => names
                .iter()
                .any(|name| item.eq_ignore_ascii_case(name))
                .then_some(1),
        })
    };
    let gzip = rank(&["gzip", "x-gzip"]).unwrap_or(0);
    // Not to name identity is to take it when nothing else fits.
    let identity = rank(&["identity"])
        .filter(|_| named(headers, "identity"))
        .unwrap_or(0);
    if gzip > 0 && gzip >= identity {
        Encoding::Gzip
    } else {
        Encoding::Identity
    }
}

/// Whether the client wants JSON rather than text: by `?format=json`, or because it likes that better.
pub(super) fn wants_json(headers: &HeaderMap, query: &str) -> bool {
    if let Some(format) = query.split('&').find_map(|pair| pair.strip_prefix("format=")) {
        return format == "json";
    }
    media(headers, "application", "json") > media(headers, "text", "plain")
}

fn media(headers: &HeaderMap, kind: &str, subtype: &str) -> Quality {
    let found = quality(headers, &ACCEPT, |item| {
        let (wanted_kind, wanted_subtype) = item.split_once('/')?;
        match (wanted_kind, wanted_subtype) {
            ("*", "*") => Some(0),
            (name, "*") if name.eq_ignore_ascii_case(kind) => Some(1),
            (name, sub) => {
                (name.eq_ignore_ascii_case(kind) && sub.eq_ignore_ascii_case(subtype)).then_some(2)
            }
        }
    });
    found.unwrap_or(0)
}

/// Quality of the item that fits most exactly, as `fit` ranks it; `None` when no item fits.
fn quality(headers: &HeaderMap, name: &HeaderName, fit: impl Fn(&str) -> Option<u8>) -> Option<Quality> {
    let mut best: Option<(u8, Quality)> = None;
    for item in items(headers, name) {
        let mut parts = item.split(';').map(str::trim);
        let Some(rank) = parts.next().and_then(&fit) else {
            continue;
        };
        let weight = parts.find_map(|parameter| {
            parameter
                .strip_prefix("q=")
                .or_else(|| parameter.strip_prefix("Q="))
        });
        let weight = weight.map_or(1000, thousandths);
        if best.is_none_or(|(known, _)| rank > known) {
            best = Some((rank, weight));
        }
    }
    best.map(|(_, weight)| weight)
}

fn named(headers: &HeaderMap, coding: &str) -> bool {
    items(headers, &ACCEPT_ENCODING).any(|item| {
        item.split(';')
            .next()
            .is_some_and(|name| name.trim().eq_ignore_ascii_case(coding))
    })
}

fn items<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let values = headers
        .get_all(name)
        .into_iter()
        .filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|item| !item.is_empty())
}

/// A weight such as `0.75`; one that cannot be read counts as 0, so that a broken item is not chosen.
fn thousandths(text: &str) -> Quality {
    match text.parse::<f32>() {
        Ok(weight) if (0.0..=1.0).contains(&weight) => (weight * 1000.0) as Quality,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn headers(name: &HeaderName, values: &[&str]) -> HeaderMap {
        values
            .iter()
            .map(|value| (name.clone(), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn encodings() {
        use Encoding::{Gzip, Identity};
        let table: [(&[&str], Encoding); 20] = [
            (&[], Identity),
            (&[""], Identity),
            (&["gzip"], Gzip),
            (&["GZIP"], Gzip),
            (&["x-gzip"], Gzip),
            (&["gzip, deflate, br"], Gzip),
            (&["deflate", "gzip"], Gzip),
            (&["gzip;q=0"], Identity),
            (&["gzip;q=0.000"], Identity),
            (&["gzip;q=0.1"], Gzip),
            (&["gzip ; q=0.5 , identity"], Identity),
            (&["identity;q=0.5, gzip;q=0.5"], Gzip),
            (&["identity;q=0.5, gzip;q=0.4"], Identity),
            (&["identity"], Identity),
            (&["*"], Gzip),
            (&["*;q=0"], Identity),
            (&["gzip;q=0, *"], Identity),
            (&["*;q=0, gzip"], Gzip),
            (&["gzip;q=nonsense"], Identity),
            (&["zstd, br"], Identity),
        ];
        for (values, expected) in table {
            assert_eq!(
                encoding(&headers(&ACCEPT_ENCODING, values)),
                expected,
                "{values:?}"
            );
        }
    }

    #[test]
    fn json_or_text() {
        let table = [
            ("", "", false),
            ("*/*", "", false),
            ("application/json", "", true),
            ("application/*", "", true),
            ("text/html,application/json;q=0.9", "", true),
            ("application/json;q=0.5, text/plain", "", false),
            ("application/json;q=0", "", false),
            ("application/json, */*;q=0.1", "", true),
            ("text/plain", "format=json", true),
            ("application/json", "a=b&format=text", false),
        ];
        for (accept, query, expected) in table {
            assert_eq!(
                wants_json(&headers(&ACCEPT, &[accept]), query),
                expected,
                "{accept:?} {query:?}"
            );
        }
    }
}
