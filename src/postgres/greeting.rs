//! The start-up message with names as bytes. The driver writes text only, so it is given the names as text, and what it has
//! written is exchanged on its way out.

use super::conninfo::ConnInfo;
use super::readable::terminated;
use crate::values::name;

/// The protocol's version in a start-up message; a request for TLS has another number there.
const VERSION: [u8; 4] = 196_608_u32.to_be_bytes();

/// Exchanges the first start-up message that passes, where a name is not plain text.
#[derive(Clone, Debug, Default)]
pub(in crate::postgres) struct Greeting {
    /// Role and database; none where the driver's message will do, or has been exchanged.
    names: Option<(Vec<u8>, Vec<u8>)>,
    message: Vec<u8>,
    sent: usize,
}

impl Greeting {
    /// The greeting of a role to a database.
    pub(in crate::postgres) fn new(info: &ConnInfo) -> Self {
        let (user, database) = (info.user(), info.database());
        let is_plain = user.is_ascii() && database.is_ascii();
        let bytes = |text| name::bytes_of(text).into_owned();
        Self {
            names: (!is_plain).then(|| (bytes(user), bytes(database))),
            ..Self::default()
        }
    }

    /// Whether something else is to be sent in place of these bytes of the driver's: [`rest`](Self::rest).
    pub(in crate::postgres) fn takes(&mut self, written: &[u8]) -> bool {
        if self.sent < self.message.len() {
            return true;
        }
        let message = self.names.as_ref().and_then(|names| exchanged(written, names));
        let is_taken = message.is_some();
        if let Some(message) = message {
            *self = Self {
                names: None,
                message,
                sent: 0,
            };
        }
        is_taken
    }

    /// What is still to be sent.
    pub(in crate::postgres) fn rest(&self) -> &[u8] {
        self.message.get(self.sent..).unwrap_or_default()
    }

    /// So much more has been sent.
    pub(in crate::postgres) fn advance(&mut self, bytes: usize) {
        self.sent += bytes;
    }
}

/// A start-up message with these names; `None` if it is none. The server is asked for texts as it has them: it would tell the
/// role's name at once, and end the connection where that has no UTF-8.
fn exchanged(written: &[u8], (user, database): &(Vec<u8>, Vec<u8>)) -> Option<Vec<u8>> {
    let (length, rest) = written.split_first_chunk::<4>()?;
    let (version, mut rest) = rest.split_first_chunk::<4>()?;
    let is_whole = usize::try_from(u32::from_be_bytes(*length)) == Ok(written.len());
    if !is_whole || *version != VERSION {
        return None;
    }
    let mut body = VERSION.to_vec();
    while let Some((key, behind)) = terminated(rest).filter(|(key, _)| !key.is_empty()) {
        let (value, behind) = terminated(behind)?;
        let value: &[u8] = match key {
            b"user" => user,
            b"database" => database,
            b"client_encoding" => b"SQL_ASCII",
            _ => value,
        };
        for part in [key, b"\0", value, b"\0"] {
            body.extend_from_slice(part);
        }
        rest = behind;
    }
    body.push(0);
    let length = u32::try_from(body.len() + 4).ok()?;
    Some([&length.to_be_bytes()[..], &body].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(parameters: &[u8]) -> Vec<u8> {
        let length = u32::try_from(parameters.len() + 8).unwrap_or(0).to_be_bytes();
        [&length[..], &VERSION, parameters].concat()
    }

    #[test]
    fn names_are_exchanged_once() {
        let mut greeting = Greeting {
            names: Some((b"r\xf6le".to_vec(), b"caf\xe9".to_vec())),
            ..Greeting::default()
        };
        let tls = [0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f];
        assert!(!greeting.takes(&tls));
        let written = message(b"client_encoding\0UTF8\0user\0x\0database\0y\0options\0-c a=b\0\0");
        assert!(greeting.takes(&written));
        let expected =
            message(b"client_encoding\0SQL_ASCII\0user\0r\xf6le\0database\0caf\xe9\0options\0-c a=b\0\0");
        assert_eq!(greeting.rest(), expected);
        greeting.advance(10);
        assert!(greeting.takes(&written), "the rest of it");
        greeting.advance(expected.len() - 10);
        assert!(!greeting.takes(b"Q"), "what comes behind it");
    }

    #[test]
    fn what_is_no_greeting_passes() {
        let mut greeting = Greeting {
            names: Some((Vec::new(), Vec::new())),
            ..Greeting::default()
        };
        for bytes in [
            &b""[..],
            b"\0\0\0\x08",
            message(b"user").get(..9).unwrap_or_default(),
        ] {
            assert!(!greeting.takes(bytes));
        }
    }
}
