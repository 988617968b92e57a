//! How much a server sends that is no part of a result. The driver reads it whatever it is, for as long as the connection lasts.

use super::bounds::LONGEST_TEXT;

/// Most bytes before a server lets anybody in. As a rule there are a few hundred.
pub(super) const MOST_AT_START: u64 = 1 << 20;

/// Most bytes up to the sign that the server waits for the next statement. A statement may raise notices.
pub(super) const MOST: u64 = 8 << 20;

/// What is dropped as it comes costs so many times less.
const CHEAPER: u32 = 8;

/// Bytes that came beside results since the server was ready last.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Beside {
    bytes: u64,
    /// Whether the server has been ready once: before that there are no results.
    is_let_in: bool,
}

impl Beside {
    /// A message begins.
    ///
    /// # Errors
    /// When there are too many.
    pub(super) fn count(&mut self, tag: u8, length: u32) -> Result<(), &'static str> {
        let is_counted = match tag {
            b'D' | b'd' => !self.is_let_in,
            // By itself it ends the start.
            b'E' => self.is_let_in,
            _ => true,
        };
        let cost = if length > LONGEST_TEXT {
            length / CHEAPER
        } else {
            length
        };
        self.bytes += u64::from(if is_counted { cost } else { 0 });
        if !self.is_let_in && self.bytes > MOST_AT_START {
            return Err("the server sends without end before it lets anybody in");
        }
        if self.bytes > MOST {
            return Err("the server sends without end what is no result");
        }
        Ok(())
    }

    /// The server is ready for the next statement.
    pub(super) fn ready(&mut self) {
        *self = Self {
            bytes: 0,
            is_let_in: true,
        };
    }
}
