//! The query of a request: names and values.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// All but the unreserved characters of RFC 3986.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Its pairs in order, decoded. What cannot be decoded stays as it is: no parameter of ours looks like it.
pub(super) fn pairs(query: &str) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decoded(name), decoded(value)))
}

fn decoded(text: &str) -> Cow<'_, str> {
    if !text.contains(['%', '+']) {
        return text.into();
    }
    let spaced = text.replace('+', " ");
    match percent_decode_str(&spaced).decode_utf8() {
        Ok(decoded) => decoded.into_owned().into(),
        Err(_) => text.into(),
    }
}

/// A text whose `%41` are bytes; `None` when the result is not UTF-8.
pub(super) fn percent_decoded(text: &str) -> Option<String> {
    let decoded = percent_decode_str(text).decode_utf8().ok()?;
    Some(decoded.into_owned())
}

/// The text as it may stand in a query or a path.
pub(super) fn percent_encoded(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_can_be_decoded() {
        let text = "a b/ü+%&=\"<\u{202e}";
        assert_eq!(percent_encoded("a b/ü"), "a%20b%2F%C3%BC");
        assert_eq!(percent_decoded(&percent_encoded(text)).as_deref(), Some(text));
    }

    #[test]
    fn names_and_values_are_decoded() {
        let found: Vec<_> = pairs("collect[]=a&collect%5B%5d=b%2Bc+d&&x&%zz=%").collect();
        let expected = [
            ("collect[]", "a"),
            ("collect[]", "b+c d"),
            ("x", ""),
            ("%zz", "%"),
        ];
        assert_eq!(
            found,
            expected.map(|(name, value)| (Cow::Borrowed(name), Cow::Borrowed(value)))
        );
    }
}
