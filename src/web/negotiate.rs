//! What a client takes, and what of it the most: quality values of `Accept` and `Accept-Encoding` (RFC 9110, section 12).

mod encoding;
mod format;

use hyper::HeaderMap;
use hyper::header::{ACCEPT, HeaderName};

pub(super) use encoding::encoding;
pub(super) use format::{Offer, offer};

/// A quality in thousandths: 1000 when none is given, 0 means "not this".
type Quality = u16;

/// One element of a header: a media range or a coding, its parameters and its weight.
#[derive(Clone, Debug)]
struct Item<'a> {
    name: &'a str,
    parameters: Vec<(&'a str, &'a str)>,
    quality: Quality,
}

impl<'a> Item<'a> {
    fn parse(text: &'a str) -> Self {
        let mut parts = pieces(text, ';');
        let name = parts.next().unwrap_or_default();
        let mut quality = 1000;
        let mut parameters = Vec::new();
        for part in parts {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            let (key, value) = (key.trim_end(), unquoted(value.trim_start()));
            if key.eq_ignore_ascii_case("q") {
                quality = thousandths(value);
            } else {
                parameters.push((key, value));
            }
        }
        Self {
            name,
            parameters,
            quality,
        }
    }

    fn parameter(&self, name: &str) -> Option<&'a str> {
        self.parameters
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| *value)
    }

    /// How exactly the item as a media range means a type: `None` not at all, 0 as one of all, 1 as one of its kind,
    /// 2 by name.
    fn fit(&self, kind: &str, subtype: &str) -> Option<u8> {
        match self.name.split_once('/')? {
            ("*", "*") => Some(0),
            (name, "*") if name.eq_ignore_ascii_case(kind) => Some(1),
            (name, sub) if name.eq_ignore_ascii_case(kind) && sub.eq_ignore_ascii_case(subtype) => Some(2),
            _ => None,
        }
    }
}

/// Whether the client wants JSON rather than text: by `?format=json`, or because it likes that better.
pub(super) fn wants_json(headers: &HeaderMap, query: &str) -> bool {
    if let Some(format) = query.split('&').find_map(|pair| pair.strip_prefix("format=")) {
        return format == "json";
    }
    let accepted = items(headers, &ACCEPT);
    let quality = |kind, subtype| {
        let fitting = accepted
            .iter()
            .filter_map(|item| Some((item.fit(kind, subtype)?, item.quality)));
        // Of those that fit equally well the first counts.
        fitting
            .rev()
            .max_by_key(|(fit, _)| *fit)
            .map_or(0, |(_, quality)| quality)
    };
    quality("application", "json") > quality("text", "plain")
}

fn items<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Vec<Item<'a>> {
    let values = headers
        .get_all(name)
        .into_iter()
        .filter_map(|value| value.to_str().ok());
    let items = values.flat_map(|value| pieces(value, ','));
    items.filter(|item| !item.is_empty()).map(Item::parse).collect()
}

/// The text between separators, which count outside of quotes only.
fn pieces(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    let split = text.split(move |character| {
        let is_quote = character == '"' && !is_escaped;
        is_quoted ^= is_quote;
        is_escaped = is_quoted && character == '\\' && !is_escaped;
        character == separator && !is_quoted
    });
    split.map(str::trim)
}

/// The values that are known have no need of escapes: one that has them is another.
fn unquoted(value: &str) -> &str {
    let inner = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
    inner.unwrap_or(value)
}

/// A weight such as `0.75`; one that cannot be read counts as 0, so that a broken item is not chosen.
fn thousandths(text: &str) -> Quality {
    match text.parse::<f32>() {
        Ok(weight) if (0.0..=1.0).contains(&weight) => (weight * 1000.0).round() as Quality,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use hyper::header::{ACCEPT_ENCODING, HeaderValue};
    use proptest::prelude::*;

    use super::*;
    use crate::scrape::Format;

    pub(super) fn headers(name: &HeaderName, values: &[&str]) -> HeaderMap {
        values
            .iter()
            .map(|value| (name.clone(), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn separators_in_quotes_are_text() {
        let map = headers(
            &ACCEPT,
            &[r#"a/b; x="1,\";2" ; Q=0.5 ,, c/d;q="0.25";y"#, "e/f;q=2"],
        );
        let items: Vec<_> = items(&map, &ACCEPT)
            .into_iter()
            .map(|item| (item.name, item.parameters, item.quality))
            .collect();
        let expected = [
            ("a/b", vec![("x", r#"1,\";2"#)], 500),
            ("c/d", vec![("y", "")], 250),
            ("e/f", vec![], 0),
        ];
        assert_eq!(items, expected);
    }

    proptest! {
        #[test]
        fn any_bytes_get_an_answer(values in proptest::collection::vec(
            prop_oneof![r#"[ -~]{0,40}"#, r#"(application/|text/|[*]|gzip|zstd|;|,|q=|"|\\\\|=|[0-9.]){0,12}"#, any::<String>()],
            0..4,
        )) {
            let values = values.iter().filter_map(|value| HeaderValue::from_bytes(value.as_bytes()).ok());
            let map: HeaderMap = values.flat_map(|value| [(ACCEPT, value.clone()), (ACCEPT_ENCODING, value)]).collect();
            let offer = offer(&map);
            let kind = offer.content_type.to_str().unwrap();
            prop_assert_eq!(offer.format == Format::Text, kind.starts_with("text/plain; version="));
            let _ = (encoding(&map), wants_json(&map, ""));
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
