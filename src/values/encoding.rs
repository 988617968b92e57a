//! Text in the encodings that a database may have.

use std::borrow::Cow;
use std::collections::BTreeSet;

use encoding_rs as codecs;

use super::name;

/// Behind a text that is UTF-8 where UTF-8 is not expected: without it, two names could be shown as one.
const FOREIGN: &str = "\u{fffd}[utf8]";

/// How the text of a database is encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8, no encoding at all (`SQL_ASCII`), or one that nothing is known of.
    #[default]
    Bytes,
    /// Each byte is the character of that number.
    Latin1,
    /// One that the encoding standard of the web has, too.
    Known(&'static codecs::Encoding),
}

impl Encoding {
    /// The encoding of that name, as `server_encoding` shows it.
    #[must_use]
    pub fn of_server(name: &str) -> Self {
        let known = match name {
            "LATIN1" => return Self::Latin1,
            "LATIN2" => codecs::ISO_8859_2,
            "LATIN3" => codecs::ISO_8859_3,
            "LATIN4" => codecs::ISO_8859_4,
            "LATIN5" => codecs::WINDOWS_1254,
            "LATIN6" => codecs::ISO_8859_10,
            "LATIN7" => codecs::ISO_8859_13,
            "LATIN8" => codecs::ISO_8859_14,
            "LATIN9" => codecs::ISO_8859_15,
            "LATIN10" => codecs::ISO_8859_16,
            "ISO_8859_5" => codecs::ISO_8859_5,
            "ISO_8859_6" => codecs::ISO_8859_6,
            "ISO_8859_7" => codecs::ISO_8859_7,
            "ISO_8859_8" => codecs::ISO_8859_8,
            "KOI8R" => codecs::KOI8_R,
            "KOI8U" => codecs::KOI8_U,
            "WIN866" => codecs::IBM866,
            "WIN874" => codecs::WINDOWS_874,
            "WIN1250" => codecs::WINDOWS_1250,
            "WIN1251" => codecs::WINDOWS_1251,
            "WIN1252" => codecs::WINDOWS_1252,
            "WIN1253" => codecs::WINDOWS_1253,
            "WIN1254" => codecs::WINDOWS_1254,
            "WIN1255" => codecs::WINDOWS_1255,
            "WIN1256" => codecs::WINDOWS_1256,
            "WIN1257" => codecs::WINDOWS_1257,
            "WIN1258" => codecs::WINDOWS_1258,
            "EUC_JP" => codecs::EUC_JP,
            "EUC_KR" => codecs::EUC_KR,
            "EUC_CN" => codecs::GBK,
            _ => return Self::Bytes,
        };
        Self::Known(known)
    }

    /// The text of bytes that the server gave as they are.
    #[must_use]
    pub fn text(self, bytes: &[u8]) -> Cow<'_, str> {
        if bytes.is_ascii() || self == Self::Bytes {
            return name::text_of(bytes);
        }
        if let Ok(text) = std::str::from_utf8(bytes) {
            return format!("{text}{FOREIGN}").into();
        }
        self.decoded(bytes)
            .map_or_else(|| name::text_of(bytes), Into::into)
    }

    /// The text, if it can be told from every other.
    fn decoded(self, bytes: &[u8]) -> Option<String> {
        let text = match self {
            Self::Bytes => return None,
            Self::Latin1 => codecs::mem::decode_latin1(bytes).into_owned(),
            Self::Known(encoding) => encoding
                .decode_without_bom_handling_and_without_replacement(bytes)?
                .into_owned(),
        };
        (self.bytes(&text)? == bytes).then_some(text)
    }

    /// A text as the server has it; `None` where it cannot have it.
    #[must_use]
    pub fn bytes(self, text: &str) -> Option<Cow<'_, [u8]>> {
        match self {
            Self::Bytes => Some(text.as_bytes().into()),
            Self::Latin1 if codecs::mem::is_str_latin1(text) => Some(codecs::mem::encode_latin1_lossy(text)),
            Self::Latin1 => None,
            Self::Known(encoding) => {
                let (bytes, _, is_lossy) = encoding.encode(text);
                (!is_lossy).then_some(bytes)
            }
        }
    }
}

/// How the text of one database is read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TextReader {
    encoding: Encoding,
    /// Names of databases, which are the whole server's: each database would read them otherwise.
    databases: BTreeSet<Vec<u8>>,
}

impl TextReader {
    /// A reader of text in that encoding, beside which names of these databases occur.
    #[must_use]
    pub fn new(encoding: Encoding, databases: impl IntoIterator<Item = Vec<u8>>) -> Self {
        let is_wanted = |name: &Vec<u8>| encoding != Encoding::Bytes && !name.is_ascii();
        Self {
            encoding,
            databases: databases.into_iter().filter(is_wanted).collect(),
        }
    }

    /// The text of bytes that the server gave as they are.
    #[must_use]
    pub fn text<'a>(&self, bytes: &'a [u8]) -> Cow<'a, str> {
        if self.databases.contains(bytes) {
            return name::text_of(bytes);
        }
        self.encoding.text(bytes)
    }

    /// Appends the text of such bytes. Most are UTF-8 that stands for itself: where nothing else is expected, all that does not end
    /// like a name of other bytes; elsewhere ASCII, in which no byte stands for anything else.
    pub fn push(&self, bytes: &[u8], text: &mut String) {
        match std::str::from_utf8(bytes) {
            Ok(plain) if self.is_itself(plain) => text.push_str(plain),
            _ => text.push_str(&self.text(bytes)),
        }
    }

    fn is_itself(&self, plain: &str) -> bool {
        match self.encoding {
            Encoding::Bytes => !plain.ends_with(']'),
            Encoding::Latin1 | Encoding::Known(_) => plain.is_ascii(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use proptest::prelude::*;

    const NAMES: [&str; 8] = [
        "UTF8",
        "SQL_ASCII",
        "LATIN1",
        "WIN1251",
        "WIN1252",
        "EUC_JP",
        "EUC_KR",
        "MULE_INTERNAL",
    ];

    #[test]
    fn text_is_read_in_the_encoding_of_its_database() {
        let table: [(&str, &[u8], &str); 10] = [
            ("LATIN1", b"caf\xe9", "café"),
            ("LATIN1", "café".as_bytes(), "café\u{fffd}[utf8]"),
            ("WIN1252", b"\x80uro", "€uro"),
            ("WIN1251", b"\xe8\xec\xff", "имя"),
            ("EUC_KR", b"\xc7\xd1", "한"),
            ("EUC_KR", b"\xc7", "\u{fffd}[c7]"),
            ("EUC_JP", b"\xc6\xfc\xcb\xdc", "日本"),
            ("SQL_ASCII", b"caf\xe9", "caf\u{fffd}[e9]"),
            ("UTF8", "café".as_bytes(), "café"),
            ("EUC_TW", b"\xa1", "\u{fffd}[a1]"),
        ];
        for (encoding, bytes, text) in table {
            assert_eq!(Encoding::of_server(encoding).text(bytes), text, "{encoding}");
        }
    }

    #[test]
    fn names_of_databases_are_read_alike_everywhere() {
        let reader = TextReader::new(
            Encoding::Latin1,
            [b"caf\xe9".to_vec(), "café".as_bytes().to_vec()],
        );
        assert_eq!(reader.text(b"caf\xe9"), "caf\u{fffd}[e9]");
        assert_eq!(reader.text("café".as_bytes()), "café");
        assert_eq!(reader.text(b"th\xe9"), "thé");
    }

    proptest! {
        #[test]
        fn what_is_appended_is_the_text(
            bytes in prop::collection::vec(prop::sample::select(&b"\xc3\xa9\xef\xbf\xbda[]e9"[..]), 0..9),
            name in prop::sample::select(&NAMES[..]),
        ) {
            let reader = TextReader::new(Encoding::of_server(name), [bytes.clone()]);
            let mut text = "before ".to_owned();
            reader.push(&bytes, &mut text);
            prop_assert_eq!(text, format!("before {}", reader.text(&bytes)));
        }

        #[test]
        fn two_texts_are_never_one(a: Vec<u8>, b: Vec<u8>, name in prop::sample::select(&NAMES[..])) {
            let encoding = Encoding::of_server(name);
            prop_assert_eq!(encoding.text(&a) == encoding.text(&b), a == b);
        }

        #[test]
        fn two_likely_texts_are_never_one(
            a in prop::collection::vec(prop::sample::select(&b"\xc3\xa9\xe9\xc2\xc0\xd1["[..]), 0..5),
            b in prop::collection::vec(prop::sample::select(&b"\xc3\xa9\xe9\xc2\xc0\xd1["[..]), 0..5),
            name in prop::sample::select(&NAMES[..]),
        ) {
            let encoding = Encoding::of_server(name);
            prop_assert_eq!(encoding.text(&a) == encoding.text(&b), a == b);
        }
    }
}
