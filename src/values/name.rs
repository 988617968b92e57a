//! Names are bytes: `PostgreSQL` stores them as it got them, in the encoding of whoever made the object, or in none. Here a name is
//! text all the same, from which the bytes can be had again.
//!
//! What is UTF-8 stands for itself. In any other name each sequence that is none is shown as U+FFFD, and the bytes behind these
//! follow in brackets: `caf\xe9` is `caf�[e9]`, `\xc4\xd0 \xff` is `�� �[c4.d0.ff]`. So two names are never one text. A name
//! that is UTF-8 and looks like that is written in the same way, each U+FFFD of it being `efbfbd`.

use std::borrow::Cow;

const SHOWN: char = char::REPLACEMENT_CHARACTER;

/// The text of a name.
#[must_use]
pub fn text_of(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) if groups(text).is_none() => text.into(),
        _ => escaped(bytes).into(),
    }
}

/// The bytes that a text stands for.
#[must_use]
pub fn bytes_of(text: &str) -> Cow<'_, [u8]> {
    let Some((shown, groups)) = groups(text) else {
        return text.as_bytes().into();
    };
    let mut groups = groups.into_iter();
    let mut bytes = Vec::with_capacity(shown.len());
    for (at, part) in shown.split(SHOWN).enumerate() {
        if at > 0 {
            bytes.extend(groups.next().unwrap_or_default());
        }
        bytes.extend_from_slice(part.as_bytes());
    }
    bytes.into()
}

fn escaped(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    let mut groups: Vec<String> = Vec::new();
    let hexadecimal = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        let literal = chunk.valid().matches(SHOWN);
        groups.extend(literal.map(|literal| hexadecimal(literal.as_bytes())));
        if !chunk.invalid().is_empty() {
            text.push(SHOWN);
            groups.push(hexadecimal(chunk.invalid()));
        }
    }
    text.push('[');
    text.push_str(&groups.join("."));
    text.push(']');
    text
}

/// The shown part and the bytes behind each U+FFFD of it, if the text is written so.
fn groups(text: &str) -> Option<(&str, Vec<Vec<u8>>)> {
    let (shown, list) = text.strip_suffix(']')?.rsplit_once('[')?;
    let count = shown.matches(SHOWN).count();
    if count == 0 {
        return None;
    }
    let groups: Vec<_> = list.split('.').map(group).collect::<Option<_>>()?;
    (groups.len() == count).then_some((shown, groups))
}

/// The bytes of one to three pairs of digits.
fn group(digits: &str) -> Option<Vec<u8>> {
    let pairs = digits.as_bytes().chunks(2).map(|pair| {
        let [high, low] = pair else { return None };
        let digit = |digit: u8| match digit {
            b'0'..=b'9' => Some(digit - b'0'),
            b'a'..=b'f' => Some(digit - b'a' + 10),
            _ => None,
        };
        Some(digit(*high)? << 4 | digit(*low)?)
    });
    let bytes: Vec<u8> = pairs.collect::<Option<_>>()?;
    (1..=3).contains(&bytes.len()).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_shown_and_told_apart() {
        let table: [(&[u8], &str); 9] = [
            (b"app", "app"),
            ("café [e9]".as_bytes(), "café [e9]"),
            (b"caf\xe9", "caf\u{fffd}[e9]"),
            (b"caf\xe8", "caf\u{fffd}[e8]"),
            (b"t\xffx\xfe", "t\u{fffd}x\u{fffd}[ff.fe]"),
            (b"\xe2\x82 cut", "\u{fffd} cut[e282]"),
            ("caf\u{fffd}".as_bytes(), "caf\u{fffd}"),
            ("caf\u{fffd}[e9]".as_bytes(), "caf\u{fffd}[e9][efbfbd]"),
            ("a\u{fffd}[zz]".as_bytes(), "a\u{fffd}[zz]"),
        ];
        for (bytes, text) in table {
            assert_eq!(text_of(bytes), text);
            assert_eq!(*bytes_of(text), *bytes);
        }
    }

    proptest! {
        #[test]
        fn every_name_can_be_had_again(bytes in prop::collection::vec(
            prop_oneof![Just(b'['), Just(b']'), Just(b'.'), Just(0xef), Just(0xbf), Just(0xbd), any::<u8>()], 0..20)) {
            let text = text_of(&bytes);
            prop_assert_eq!(&*bytes_of(&text), &bytes[..]);
        }

        #[test]
        fn no_text_panics(text in "[\u{fffd}a-f0-9.\\[\\]]{0,12}") {
            let _ = bytes_of(&text);
        }
    }
}
