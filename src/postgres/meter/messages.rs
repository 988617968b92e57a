//! Follows the messages of one connection.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::beside::Beside;
use super::bounds::{LONGEST_TEXT, ResultLimits, TOO_LARGE};
use super::transactions::Transactions;
use crate::postgres::conninfo::AuthenticationGuard;
use crate::postgres::deadline::Liveness;
use crate::postgres::readable::Speech;
use crate::postgres::straggler::Backend;

/// The error code of a session that is not as it was left: invalid transaction state.
const NOT_AS_LEFT: &str = "25000";

/// The longest message of any other kind, but rows: a description of 1,664 columns has 150 kB.
const LONGEST_MESSAGE: u32 = 1 << 20;

/// The longest row: no server makes a longer message.
const LONGEST_ROW: u32 = 1 << 30;

/// Most bytes of a body that are looked at before the message is passed on.
const PEEKED: usize = 8;

/// Follows the messages of one connection.
#[derive(Debug)]
pub(in crate::postgres) struct Meter {
    limits: ResultLimits,
    guard: AuthenticationGuard,
    transactions: Transactions,
    /// Told when the session is not as it was left.
    is_spoiled: Arc<AtomicBool>,
    /// Told whether the server has spoken to the end of a message.
    liveness: Liveness,
    /// Told the server's process.
    backend: Backend,
    state: State,
    header: [u8; 5],
    header_len: usize,
    peeked: [u8; PEEKED],
    peeked_len: usize,
    rows: u64,
    bytes: u64,
    beside: Beside,
    /// Whether the rest of a result is dropped.
    is_over: bool,
    /// Whether cells are in their binary form, as behind an answer to Bind; else they are texts.
    is_binary: bool,
    speech: Speech,
    /// What there is of a message that is held.
    held: Vec<u8>,
}

/// Where in the stream we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing is looked at: what comes is encrypted, and metered when it is not any more.
    Opaque,
    /// The next byte says whether the server talks TLS.
    Answer,
    /// A message begins, or has begun with a part of its header.
    Header,
    /// So many bytes of a body, of that length, are looked at first.
    Peek(usize, u32),
    /// So many bytes of a message are to be passed on.
    Pass(u32),
    /// So many bytes of a message are to be dropped.
    Drop(u32),
    /// So many bytes of a message are to come until it is whole.
    Hold(u32),
}

impl Meter {
    /// A meter of messages from the first byte on.
    pub(in crate::postgres) fn of_messages(
        limits: ResultLimits,
        guard: AuthenticationGuard,
        is_spoiled: Arc<AtomicBool>,
        liveness: Liveness,
        backend: Backend,
    ) -> Self {
        Self {
            limits,
            guard,
            transactions: Transactions::default(),
            is_spoiled,
            liveness,
            backend,
            state: State::Header,
            header: [0; 5],
            header_len: 0,
            peeked: [0; PEEKED],
            peeked_len: 0,
            rows: 0,
            bytes: 0,
            beside: Beside::default(),
            is_over: false,
            is_binary: false,
            speech: Speech::default(),
            held: Vec::new(),
        }
    }

    /// The same under TLS: it looks at nothing, unless the server says that it does not talk it.
    pub(in crate::postgres) fn under_tls(self, is_direct: bool) -> Self {
        Self {
            state: if is_direct { State::Opaque } else { State::Answer },
            ..self
        }
    }

    /// Whether what comes is encrypted.
    pub(super) fn is_opaque(&self) -> bool {
        self.state == State::Opaque
    }

    /// Whether the next byte says if the server talks TLS.
    pub(super) fn awaits_answer(&self) -> bool {
        self.state == State::Answer
    }

    /// What of the bytes that came is passed on.
    pub(super) fn take(&mut self, input: &[u8], output: &mut Vec<u8>) -> io::Result<()> {
        let taken = self.take_all(input, output);
        let has_begun = self.header_len > 0 || self.state != State::Header;
        // One byte that says that there is no TLS is no message.
        let is_answer = self.header == [0; 5];
        self.liveness.heard_whole(!has_begun && !is_answer);
        taken
    }

    fn take_all(&mut self, mut input: &[u8], output: &mut Vec<u8>) -> io::Result<()> {
        while let Some((first, rest)) = input.split_first() {
            match self.state {
                State::Opaque => {
                    output.extend_from_slice(input);
                    return Ok(());
                }
                State::Answer => {
                    output.push(*first);
                    input = rest;
                    self.state = if *first == b'S' {
                        State::Opaque
                    } else {
                        State::Header
                    };
                }
                State::Header => {
                    // As a rule all of it is there.
                    if self.header_len == 0
                        && let Some((header, body)) = input.split_first_chunk()
                    {
                        self.header = *header;
                        input = body;
                    } else {
                        if let Some(place) = self.header.get_mut(self.header_len) {
                            *place = *first;
                        }
                        self.header_len += 1;
                        input = rest;
                        if self.header_len < self.header.len() {
                            continue;
                        }
                        self.header_len = 0;
                    }
                    self.begin(output)?;
                }
                State::Peek(wanted, body) => {
                    if let Some(place) = self.peeked.get_mut(self.peeked_len) {
                        *place = *first;
                    }
                    self.peeked_len += 1;
                    input = rest;
                    if self.peeked_len == wanted {
                        self.decide(body, output)?;
                    }
                }
                State::Pass(left) | State::Drop(left) | State::Hold(left) => {
                    let length = input.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                    let (part, rest) = input.split_at(length);
                    let left = left - u32::try_from(length).unwrap_or(left);
                    input = rest;
                    let next = match self.state {
                        State::Hold(_) => {
                            self.held.extend_from_slice(part);
                            State::Hold(left)
                        }
                        State::Pass(_) => {
                            output.extend_from_slice(part);
                            State::Pass(left)
                        }
                        _ => State::Drop(left),
                    };
                    if left == 0 && matches!(next, State::Hold(_)) {
                        self.let_go(output);
                    }
                    self.state = if left == 0 { State::Header } else { next };
                }
            }
        }
        Ok(())
    }

    /// So much of a message is left.
    fn go_on(&mut self, passes: bool, left: u32) {
        self.state = match left {
            0 => State::Header,
            _ if passes => State::Pass(left),
            _ => State::Drop(left),
        };
    }

    /// A message begins: whether it is passed on, and whether something of it is to be looked at first.
    fn begin(&mut self, output: &mut Vec<u8>) -> io::Result<()> {
        let [tag, length @ ..] = self.header;
        let length = u32::from_be_bytes(length);
        let body = length
            .checked_sub(4)
            .ok_or_else(|| broken("a message has an impossible length"))?;
        let within = self.beside.count(tag, length).map_err(broken);
        let passes = match tag {
            // Asks who we are; says who it is; has done a command; is ready for the next statement.
            b'R' | b'K' | b'C' | b'Z' if length <= LONGEST_MESSAGE => {
                within?;
                return self.peek(tag, body);
            }
            b'D' | b'd' if length > LONGEST_ROW => return Err(impossible(length)),
            _ if self.is_over => false,
            // A row, also one of COPY.
            b'D' | b'd' => {
                self.rows += 1;
                self.bytes += u64::from(length);
                self.is_over = self.exceeded().is_some_and(|what| {
                    push_error(TOO_LARGE, &what, output);
                    true
                });
                !self.is_over
            }
            b'E' | b'N' if length > LONGEST_TEXT => {
                if tag == b'E' {
                    let what = format!("the server's error message has {length} bytes");
                    push_error(TOO_LARGE, &what, output);
                }
                false
            }
            _ if length > LONGEST_MESSAGE => return Err(impossible(length)),
            b'2' => {
                self.is_binary = true;
                true
            }
            _ => true,
        };
        within?;
        let has_texts = match tag {
            b'D' => !self.is_binary,
            tag => matches!(tag, b'S' | b'T' | b'E' | b'N'),
        };
        self.state = match body {
            0 => State::Header,
            _ if !passes => State::Drop(body),
            _ if has_texts => State::Hold(body),
            _ => State::Pass(body),
        };
        if passes && !matches!(self.state, State::Hold(_)) {
            output.extend_from_slice(&self.header);
        }
        Ok(())
    }

    /// A message that was held is whole.
    fn let_go(&mut self, output: &mut Vec<u8>) {
        let [tag, ..] = self.header;
        match self.speech.readable(tag, &self.held) {
            None => {
                output.extend_from_slice(&self.header);
                output.extend_from_slice(&self.held);
            }
            Some(body) => {
                output.push(tag);
                output.extend_from_slice(&u32::try_from(body.len() + 4).unwrap_or(u32::MAX).to_be_bytes());
                output.extend_from_slice(&body);
            }
        }
        self.held.clear();
    }

    fn peek(&mut self, tag: u8, body: u32) -> io::Result<()> {
        let (least, most) = match tag {
            b'R' | b'K' => (4, 4),
            b'Z' => (1, 1),
            _ => (1, PEEKED),
        };
        let has = usize::try_from(body).unwrap_or(usize::MAX);
        if has < least {
            return Err(broken("a message has an impossible length"));
        }
        self.peeked_len = 0;
        self.state = State::Peek(has.min(most), body);
        Ok(())
    }

    /// What was looked at is there.
    fn decide(&mut self, body: u32, output: &mut Vec<u8>) -> io::Result<()> {
        let [tag, ..] = self.header;
        let peeked = self.peeked.get(..self.peeked_len).unwrap_or_default();
        match (tag, peeked) {
            (b'R', [a, b, c, d]) => {
                let code = u32::from_be_bytes([*a, *b, *c, *d]);
                self.guard.check(code).map_err(broken)?;
            }
            (b'K', [a, b, c, d]) => self.backend.is(i32::from_be_bytes([*a, *b, *c, *d])),
            (b'Z', [status]) => {
                if let Some(offence) = self.transactions.ready(*status) {
                    self.is_spoiled.store(true, Ordering::Relaxed);
                    push_error(NOT_AS_LEFT, offence, output);
                }
                self.is_over = false;
                self.is_binary = false;
                (self.rows, self.bytes) = (0, 0);
                self.beside.ready();
            }
            _ => self.transactions.done(peeked),
        }
        let passes = !self.is_over;
        if passes {
            output.extend_from_slice(&self.header);
            output.extend_from_slice(peeked);
        }
        let left = body - u32::try_from(peeked.len()).unwrap_or(body);
        self.go_on(passes, left);
        Ok(())
    }

    fn exceeded(&self) -> Option<String> {
        let ResultLimits { rows, bytes } = self.limits;
        if self.rows > rows {
            Some(format!(
                "the result has more than {rows} rows (--max-result-rows)"
            ))
        } else if self.bytes > bytes {
            Some(format!(
                "the result has more than {bytes} bytes (--max-result-bytes)"
            ))
        } else {
            None
        }
    }
}

/// A stream that is none of a server's.
fn broken(why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

/// Whether a connection ended by a meter's word: the server goes on with what it is at.
pub(in crate::postgres) fn is_of_meter(error: &tokio_postgres::Error) -> bool {
    let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<io::Error>());
    cause.is_some_and(|cause| cause.kind() == io::ErrorKind::InvalidData)
}

fn impossible(length: u32) -> io::Error {
    broken(format!(
        "a message of {length} bytes, which is none of a PostgreSQL server"
    ))
}

/// An error as a server sends it.
fn push_error(code: &str, message: &str, output: &mut Vec<u8>) {
    let mut body = Vec::new();
    for (field, text) in [(b'S', "ERROR"), (b'V', "ERROR"), (b'C', code), (b'M', message)] {
        body.push(field);
        body.extend_from_slice(text.as_bytes());
        body.push(0);
    }
    body.push(0);
    output.push(b'E');
    output.extend_from_slice(&u32::try_from(body.len() + 4).unwrap_or(u32::MAX).to_be_bytes());
    output.extend_from_slice(&body);
}

#[cfg(test)]
#[path = "messages_tests.rs"]
mod tests;
