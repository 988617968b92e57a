//! The header of basic authentication.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::header::{AUTHORIZATION, HeaderMap};
use zeroize::Zeroizing;

/// Bytes of name and password. bcrypt looks at the first 72 of a password.
const LONGEST: usize = 1024;

/// A name and a password as a client sent them; overwritten when dropped.
pub(super) struct Credentials {
    text: Zeroizing<Vec<u8>>,
    colon: usize,
}

impl Credentials {
    /// Those of a request, if it has any that could be right.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let (scheme, encoded) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("basic") || encoded.len() > LONGEST * 4 / 3 {
            return None;
        }
        let text = Zeroizing::new(STANDARD.decode(encoded.trim_matches(' ')).ok()?);
        let colon = text.iter().position(|byte| *byte == b':')?;
        std::str::from_utf8(text.get(..colon)?).ok()?;
        Some(Self { text, colon })
    }

    pub(super) fn name(&self) -> &str {
        let name = self.text.get(..self.colon).unwrap_or_default();
        std::str::from_utf8(name).unwrap_or_default()
    }

    pub(super) fn password(&self) -> &[u8] {
        self.text.get(self.colon + 1..).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn read(value: &str) -> Option<(String, String)> {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, value.parse().unwrap());
        let read = Credentials::of(&headers)?;
        let password = String::from_utf8(read.password().to_vec()).unwrap();
        Some((read.name().to_owned(), password))
    }

    #[test]
    fn names_end_at_the_first_colon() {
        let pair = |name: &str, password: &str| Some((name.to_owned(), password.to_owned()));
        let encoded = |text: &str| STANDARD.encode(text);
        assert_eq!(read(&format!("Basic {}", encoded("me:pw"))), pair("me", "pw"));
        assert_eq!(read(&format!("bAsIc  {}", encoded("me:p:w"))), pair("me", "p:w"));
        assert_eq!(read(&format!("Basic {}", encoded(":"))), pair("", ""));
        for wrong in [
            "Basic",
            "Basic ",
            "Basic ???",
            "Bearer bWU6cHc=",
            &format!("Basic {}", encoded("me")),
            &format!("Basic {}", encoded(&"x:".repeat(LONGEST))),
            &format!("Basic {}", STANDARD.encode(b"\xff:x")),
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
        assert_eq!(Credentials::of(&HeaderMap::new()).map(|_| ()), None);
    }
}
