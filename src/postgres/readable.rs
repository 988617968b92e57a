//! Messages as the driver can read them: it takes texts for UTF-8, and loses a text, a row or the connection over one that is
//! not. Names in messages become text by [`name::text_of`], from which their bytes can be had again.

use std::borrow::Cow;

use crate::values::encoding::Encoding;
use crate::values::name;

/// The encoding in which the server speaks, as its parameters tell.
#[derive(Debug, Default)]
pub(in crate::postgres) struct Speech {
    server: Encoding,
    /// Whether the server sends its texts as it has them, rather than in UTF-8.
    is_raw: bool,
}

impl Speech {
    fn encoding(&self) -> Encoding {
        if self.is_raw { self.server } else { Encoding::Bytes }
    }

    /// Takes note of what a parameter tells.
    fn hear(&mut self, name: &[u8], value: &[u8]) {
        match name {
            b"server_encoding" => self.server = Encoding::of_server(&String::from_utf8_lossy(value)),
            b"client_encoding" => self.is_raw = value != b"UTF8",
            _ => {}
        }
    }

    /// The body of a message with readable texts; `None` where it has no others. What is no such message stays as it is.
    pub(in crate::postgres) fn readable(&mut self, tag: u8, body: &[u8]) -> Option<Vec<u8>> {
        match tag {
            b'S' => self.parameter(body),
            b'T' => description(body),
            b'D' => row(body),
            b'E' | b'N' => self.report(body),
            _ => None,
        }
    }

    fn parameter(&mut self, body: &[u8]) -> Option<Vec<u8>> {
        let (key, rest) = terminated(body)?;
        let (value, _) = terminated(rest)?;
        self.hear(key, value);
        let readable = changed(value)?;
        Some([key, b"\0", readable.as_bytes(), b"\0"].concat())
    }

    /// An error or notice: fields of a letter and a text each, for people.
    fn report(&self, body: &[u8]) -> Option<Vec<u8>> {
        if std::str::from_utf8(body).is_ok() {
            return None;
        }
        let mut out = Vec::with_capacity(body.len() * 2);
        let mut rest = body;
        while let Some((letter, fields)) = rest.split_first().filter(|(letter, _)| **letter != 0) {
            let (text, behind) = terminated(fields)?;
            out.push(*letter);
            out.extend_from_slice(self.encoding().text(text).as_bytes());
            out.push(0);
            rest = behind;
        }
        out.push(0);
        Some(out)
    }
}

/// The columns of a result: a name each, and 18 bytes.
fn description(body: &[u8]) -> Option<Vec<u8>> {
    const BEHIND: usize = 18;
    let (count, mut rest) = body.split_at_checked(2)?;
    let mut out = count.to_vec();
    let mut is_changed = false;
    while !rest.is_empty() {
        let (name, behind) = terminated(rest)?;
        let (numbers, behind) = behind.split_at_checked(BEHIND)?;
        let readable = name::text_of(name);
        is_changed |= matches!(readable, Cow::Owned(_));
        out.extend_from_slice(readable.as_bytes());
        out.push(0);
        out.extend_from_slice(numbers);
        rest = behind;
    }
    is_changed.then_some(out)
}

/// A row of texts: a length and so many bytes each, a negative length for NULL.
fn row(body: &[u8]) -> Option<Vec<u8>> {
    let (count, mut rest) = body.split_at_checked(2)?;
    let mut out = count.to_vec();
    let mut is_changed = false;
    while let Some((length, behind)) = rest.split_first_chunk::<4>() {
        let Ok(bytes) = usize::try_from(i32::from_be_bytes(*length)) else {
            out.extend_from_slice(length);
            rest = behind;
            continue;
        };
        let (cell, behind) = behind.split_at_checked(bytes)?;
        let readable = name::text_of(cell);
        is_changed |= matches!(readable, Cow::Owned(_));
        out.extend_from_slice(&u32::try_from(readable.len()).ok()?.to_be_bytes());
        out.extend_from_slice(readable.as_bytes());
        rest = behind;
    }
    is_changed.then_some(out)
}

fn changed(bytes: &[u8]) -> Option<String> {
    match name::text_of(bytes) {
        Cow::Owned(text) => Some(text),
        Cow::Borrowed(_) => None,
    }
}

/// The bytes before the next zero, and those behind it.
pub(in crate::postgres) fn terminated(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|byte| *byte == 0)?;
    Some((bytes.get(..end)?, bytes.get(end + 1..)?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn readable_messages_stay_as_they_are() {
        let mut speech = Speech::default();
        for (tag, body) in [
            (b'S', &b"TimeZone\0UTC\0"[..]),
            (b'D', b"\0\x02\0\0\0\x02ab\xff\xff\xff\xff"),
            (b'D', b"\0\x01\0\0\0\x09ab"),
            (b'E', b"Mno\0\0"),
            (b'C', b"\xff"),
            (b'T', b"\0\x01"),
        ] {
            assert_eq!(speech.readable(tag, body), None);
        }
    }

    #[test]
    fn names_become_text() {
        let mut speech = Speech::default();
        let row = speech
            .readable(b'D', b"\0\x02\0\0\0\x02a\xe9\xff\xff\xff\xff")
            .unwrap();
        let text = "a\u{fffd}[e9]".as_bytes();
        assert_eq!(row, [&b"\0\x02\0\0\0\x08"[..], text, &[0xff; 4]].concat());
        let parameter = speech
            .readable(b'S', b"session_authorization\0r\xf6le\0")
            .unwrap();
        assert_eq!(parameter, "session_authorization\0r\u{fffd}le[f6]\0".as_bytes());
        let column = [&b"\0\x01a\xe9\0"[..], &[0; 18]].concat();
        let column = speech.readable(b'T', &column).unwrap();
        assert_eq!(
            column,
            [&b"\0\x01"[..], "a\u{fffd}[e9]\0".as_bytes(), &[0; 18]].concat()
        );
    }

    #[test]
    fn messages_are_read_in_the_servers_encoding() {
        let mut speech = Speech::default();
        assert_eq!(speech.readable(b'S', b"server_encoding\0LATIN1\0"), None);
        assert_eq!(speech.readable(b'S', b"client_encoding\0SQL_ASCII\0"), None);
        let report = speech.readable(b'E', b"SFEHLER\0Mf\xfcr Relation\0\0").unwrap();
        assert_eq!(report, "SFEHLER\0Mfür Relation\0\0".as_bytes());
    }
}
