//! The query of a request: names and values.

use std::borrow::Cow;
use std::fmt::Write as _;

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
    percent_decoded(&text.replace('+', " ")).map_or(text.into(), Cow::Owned)
}

/// A text whose `%41` are bytes; `None` when one is not two hexadecimal digits, or the result is not UTF-8.
pub(super) fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let mut digit = || (rest.next()? as char).to_digit(16);
            bytes.push(u8::try_from(digit()? * 16 + digit()?).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

/// The text as it may stand in a query or a path.
pub(super) fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
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
