#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use hyper::HeaderMap;
use hyper::header::{ACCEPT, ACCEPT_ENCODING, HeaderName, HeaderValue};
use proptest::prelude::*;

use super::items::items;
use super::{encoding, offer, wants_json};
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
