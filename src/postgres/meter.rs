//! How much of a result we take: a stream under the driver that knows where messages begin, and cuts results that are too large.
//!
//! The driver keeps a message in memory until it has come to its end, however long it is. So what is too large must not reach
//! it. A meter *passes* messages on; once a result is over its bounds it *drops* what is left of it, up to the server's sign that
//! it waits for the next statement. In place of it the driver is given an error as a server would send it: that statement
//! fails, the session and its other statements go on. Messages that hold texts are *held* until they are whole, and passed on
//! with texts that the driver can read.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, TlsConnect, TlsStream};

use super::greeting::Greeting;
use super::readable::Speech;

/// What is taken of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResultLimits {
    /// Rows.
    pub rows: u64,
    /// Bytes on the wire of all rows.
    pub bytes: u64,
}

impl Default for ResultLimits {
    fn default() -> Self {
        Self {
            rows: 1_000_000,
            bytes: 16 << 20,
        }
    }
}

/// The error code of a result that is too large: program limit exceeded.
pub(in crate::postgres) const TOO_LARGE: &str = "54000";

/// The longest error or notice that is passed on.
const LONGEST_TEXT: u32 = 64 << 10;

/// The longest message of any other kind, but rows: a description of 1,664 columns has 150 kB.
const LONGEST_MESSAGE: u32 = 1 << 20;

/// What is read at a time.
const PIECE: usize = 16 << 10;

/// Follows the messages of one connection.
#[derive(Debug)]
pub(in crate::postgres) struct Meter {
    limits: ResultLimits,
    state: State,
    header: [u8; 5],
    header_len: usize,
    rows: u64,
    bytes: u64,
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
    /// So many bytes of a message are to be passed on.
    Pass(u32),
    /// So many bytes of a message are to be dropped.
    Drop(u32),
    /// So many bytes of a message are to come until it is whole.
    Hold(u32),
}

impl Meter {
    /// A meter of messages from the first byte on.
    pub(in crate::postgres) fn of_messages(limits: ResultLimits) -> Self {
        Self {
            limits,
            state: State::Header,
            header: [0; 5],
            header_len: 0,
            rows: 0,
            bytes: 0,
            is_over: false,
            is_binary: false,
            speech: Speech::default(),
            held: Vec::new(),
        }
    }

    /// A meter under TLS: of nothing, unless the server says that it does not talk it.
    pub(in crate::postgres) fn under_tls(limits: ResultLimits, is_direct: bool) -> Self {
        Self {
            state: if is_direct { State::Opaque } else { State::Answer },
            ..Self::of_messages(limits)
        }
    }

    /// What of the bytes that came is passed on.
    fn take(&mut self, mut input: &[u8], output: &mut Vec<u8>) -> io::Result<()> {
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
                    if let Some(place) = self.header.get_mut(self.header_len) {
                        *place = *first;
                    }
                    self.header_len += 1;
                    input = rest;
                    if self.header_len == self.header.len() {
                        self.header_len = 0;
                        self.begin(output)?;
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

    /// A message begins: whether it is passed on.
    fn begin(&mut self, output: &mut Vec<u8>) -> io::Result<()> {
        let [tag, length @ ..] = self.header;
        let length = u32::from_be_bytes(length);
        let body = length.checked_sub(4).ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidData, "a message has an impossible length")
        })?;
        let passes = match tag {
            // Ready for the next statement.
            b'Z' => {
                self.is_over = false;
                self.is_binary = false;
                (self.rows, self.bytes) = (0, 0);
                true
            }
            _ if self.is_over => false,
            // A row, also one of COPY.
            b'D' | b'd' => {
                self.rows += 1;
                self.bytes += u64::from(length);
                self.is_over = self.exceeded().is_some_and(|what| {
                    push_error(&what, output);
                    true
                });
                !self.is_over
            }
            b'E' | b'N' if length > LONGEST_TEXT => {
                if tag == b'E' {
                    push_error(&format!("the server's error message has {length} bytes"), output);
                }
                false
            }
            _ if length > LONGEST_MESSAGE => {
                let what = format!("a message of {length} bytes, which is none of a PostgreSQL server");
                return Err(io::Error::new(io::ErrorKind::InvalidData, what));
            }
            b'2' => {
                self.is_binary = true;
                true
            }
            _ => true,
        };
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

/// An error as a server sends it.
fn push_error(message: &str, output: &mut Vec<u8>) {
    let mut body = Vec::new();
    for (field, text) in [
        (b'S', "ERROR"),
        (b'V', "ERROR"),
        (b'C', TOO_LARGE),
        (b'M', message),
    ] {
        body.push(field);
        body.extend_from_slice(text.as_bytes());
        body.push(0);
    }
    body.push(0);
    output.push(b'E');
    output.extend_from_slice(&u32::try_from(body.len() + 4).unwrap_or(u32::MAX).to_be_bytes());
    output.extend_from_slice(&body);
}

/// A stream whose input goes through a meter, and whose first message is a greeting of ours.
#[derive(Debug)]
pub(in crate::postgres) struct Metered<T> {
    inner: T,
    meter: Meter,
    greeting: Greeting,
    piece: Box<[u8]>,
    /// What is passed on, from a place on.
    output: Vec<u8>,
    taken: usize,
}

impl<T> Metered<T> {
    pub(in crate::postgres) fn new(inner: T, meter: Meter, greeting: Greeting) -> Self {
        Self {
            inner,
            meter,
            greeting,
            piece: vec![0; PIECE].into_boxed_slice(),
            output: Vec::new(),
            taken: 0,
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Metered<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if buffer.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        if this.meter.state == State::Opaque && this.output.is_empty() {
            return Pin::new(&mut this.inner).poll_read(context, buffer);
        }
        // TLS begins behind the answer: nothing of it may be kept here.
        let most = if this.meter.state == State::Answer {
            1
        } else {
            PIECE
        };
        while this.output.is_empty() {
            let piece = this.piece.get_mut(..most).unwrap_or_default();
            let mut piece = ReadBuf::new(piece);
            ready!(Pin::new(&mut this.inner).poll_read(context, &mut piece))?;
            if piece.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            this.meter.take(piece.filled(), &mut this.output)?;
        }
        let waiting = this.output.get(this.taken..).unwrap_or_default();
        let part = waiting
            .get(..waiting.len().min(buffer.remaining()))
            .unwrap_or_default();
        buffer.put_slice(part);
        this.taken += part.len();
        if this.taken == this.output.len() {
            this.output.clear();
            this.taken = 0;
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Metered<T> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.meter.state == State::Opaque || !this.greeting.takes(bytes) {
            return Pin::new(&mut this.inner).poll_write(context, bytes);
        }
        // In place of what the driver has written, as a whole.
        while !this.greeting.rest().is_empty() {
            let written = ready!(Pin::new(&mut this.inner).poll_write(context, this.greeting.rest()))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            this.greeting.advance(written);
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(context)
    }
}

impl<T: TlsStream + Unpin> TlsStream for Metered<T> {
    fn channel_binding(&self) -> ChannelBinding {
        self.inner.channel_binding()
    }
}

/// A TLS connector whose streams are metered.
#[derive(Debug)]
pub(in crate::postgres) struct MeteredTls<T> {
    pub(in crate::postgres) inner: T,
    pub(in crate::postgres) limits: ResultLimits,
    pub(in crate::postgres) greeting: Greeting,
}

impl<S, T> TlsConnect<S> for MeteredTls<T>
where
    T: TlsConnect<S>,
    T::Stream: Unpin,
    T::Future: Send + 'static,
{
    type Stream = Metered<T::Stream>;
    type Error = T::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Stream, T::Error>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        let connecting = self.inner.connect(stream);
        let (meter, greeting) = (Meter::of_messages(self.limits), self.greeting);
        Box::pin(async move { Ok(Metered::new(connecting.await?, meter, greeting)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: ResultLimits = ResultLimits { rows: 3, bytes: 100 };

    fn message(tag: u8, length: usize) -> Vec<u8> {
        let mut message = vec![tag];
        message.extend(u32::try_from(length + 4).unwrap_or(0).to_be_bytes());
        message.resize(message.len() + length, b'x');
        message
    }

    /// Tags and lengths of what is passed on, when it comes in pieces of that size.
    fn passed(stream: &[u8], piece: usize) -> Option<Vec<(char, usize)>> {
        let mut meter = Meter::of_messages(LIMITS);
        let mut output = Vec::new();
        for part in stream.chunks(piece) {
            meter.take(part, &mut output).ok()?;
        }
        let (mut found, mut rest) = (Vec::new(), output.as_slice());
        while let [tag, a, b, c, d, behind @ ..] = rest {
            let length = u32::from_be_bytes([*a, *b, *c, *d]) as usize - 4;
            found.push((char::from(*tag), length));
            rest = behind.get(length..)?;
        }
        rest.is_empty().then_some(found)
    }

    fn tags(messages: &[(u8, usize)]) -> String {
        let stream: Vec<u8> = messages
            .iter()
            .flat_map(|(tag, length)| message(*tag, *length))
            .collect();
        let mut all: Vec<Option<String>> = [1, 3, 7, stream.len()]
            .map(|piece| Some(passed(&stream, piece)?.iter().map(|(tag, _)| tag).collect()))
            .into();
        all.dedup();
        assert_eq!(all.len(), 1, "however it is cut in pieces");
        all.pop().flatten().unwrap_or_else(|| "broken".to_owned())
    }

    #[test]
    fn results_within_their_bounds_pass() {
        let row = (b'D', 20);
        assert_eq!(tags(&[(b'T', 30), row, row, row, (b'C', 8), (b'Z', 1)]), "TDDDCZ");
        assert_eq!(
            tags(&[row, row, (b'Z', 1), row, row, (b'Z', 1)]),
            "DDZDDZ",
            "each by itself"
        );
    }

    #[test]
    fn what_is_too_large_fails_alone() {
        let (small, large) = ((b'D', 1), (b'D', 1_000));
        assert_eq!(
            tags(&[small, small, small, small, small, (b'C', 8), (b'Z', 1), small]),
            "DDDEZD"
        );
        assert_eq!(
            tags(&[small, large, small, (b'C', 8), (b'Z', 1), small, (b'Z', 1)]),
            "DEZDZ"
        );
        assert_eq!(tags(&[large, (b'E', 30), (b'Z', 1)]), "EZ", "one error is enough");
    }

    #[test]
    fn long_texts_are_shortened() {
        let long = LONGEST_TEXT as usize;
        assert_eq!(tags(&[(b'N', long), (b'E', long), (b'Z', 1)]), "EZ");
        assert_eq!(tags(&[(b'N', 100), (b'Z', 1)]), "NZ");
    }

    #[test]
    fn what_no_server_sends_ends_the_connection() {
        assert_eq!(tags(&[(b'S', LONGEST_MESSAGE as usize)]), "broken");
        assert_eq!(passed(&[b'R', 0, 0, 0, 3], 1), None);
    }

    #[test]
    fn what_is_encrypted_is_left_alone() {
        for (answer, rest) in [
            (b'S', vec![b'D', 0xff, 0xff, 0xff, 0xff]),
            (b'N', message(b'R', 4)),
        ] {
            let mut meter = Meter::under_tls(LIMITS, false);
            let mut output = Vec::new();
            let stream: Vec<u8> = std::iter::once(answer).chain(rest).collect();
            assert!(meter.take(&stream, &mut output).is_ok());
            assert_eq!(output, stream);
        }
        let mut output = Vec::new();
        assert!(
            Meter::under_tls(LIMITS, true)
                .take(b"anything", &mut output)
                .is_ok()
        );
        assert_eq!(output, b"anything");
    }

    proptest::proptest! {
        #[test]
        fn no_stream_panics(stream: Vec<u8>, piece in 1_usize..20) {
            let _ = passed(&stream, piece);
        }
    }
}
