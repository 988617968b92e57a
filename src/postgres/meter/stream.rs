//! Streams under the driver whose input goes through a meter.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, TlsConnect, TlsStream};

use super::messages::Meter;
use crate::postgres::greeting::Greeting;

/// What is read at a time.
const PIECE: usize = 16 << 10;

/// A stream whose input goes through a meter, and whose first message is a greeting of ours.
#[derive(Debug)]
pub(in crate::postgres) struct Metered<T> {
    inner: T,
    meter: Meter,
    greeting: Greeting,
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
        if this.meter.is_opaque() && this.output.is_empty() {
            return Pin::new(&mut this.inner).poll_read(context, buffer);
        }
        // TLS begins behind the answer: nothing of it may be kept here.
        let most = if this.meter.awaits_answer() { 1 } else { PIECE };
        while this.output.is_empty() {
            let mut room = [MaybeUninit::uninit(); PIECE];
            let mut piece = ReadBuf::uninit(room.get_mut(..most).unwrap_or_default());
            let Poll::Ready(read) = Pin::new(&mut this.inner).poll_read(context, &mut piece) else {
                // A connection is idle for most of its life.
                this.output = Vec::new();
                return Poll::Pending;
            };
            read?;
            if piece.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            this.output.reserve(piece.filled().len());
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
        if this.meter.is_opaque() || !this.greeting.takes(bytes) {
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
    /// Of what comes out of TLS.
    pub(in crate::postgres) meter: Meter,
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
        let (meter, greeting) = (self.meter, self.greeting);
        Box::pin(async move { Ok(Metered::new(connecting.await?, meter, greeting)) })
    }
}
