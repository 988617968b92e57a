//! What makes a TLS connection out of a socket, for the driver.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, TlsConnect};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::certificates::binding;

/// What is spoken inside: other protocols cannot be taken for it. As libpq since 17, every handshake says so.
pub(super) const ALPN: &[u8] = b"postgresql";

/// Makes TLS connections to one host.
#[derive(Clone, Debug)]
pub struct Connector {
    pub(super) config: Arc<ClientConfig>,
    /// What the server is told of its name.
    pub(super) name: ServerName<'static>,
    /// Whether the server must have understood which protocol is inside: where it is not asked before.
    pub(super) needs_protocol: bool,
    /// Told when a handshake begins: the server offers TLS.
    begun: Arc<AtomicBool>,
}

impl Connector {
    pub(super) fn new(config: ClientConfig, name: ServerName<'static>, needs_protocol: bool) -> Self {
        Self {
            config: Arc::new(config),
            name,
            needs_protocol,
            begun: Arc::default(),
        }
    }

    /// The same, which tells when a handshake begins.
    pub(in crate::postgres) fn telling(&self, begun: &Arc<AtomicBool>) -> Self {
        Self {
            begun: Arc::clone(begun),
            ..self.clone()
        }
    }
}

impl<S> TlsConnect<S> for Connector
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Stream = Encrypted<S>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Encrypted<S>>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        self.begun.store(true, Ordering::Relaxed);
        Box::pin(async move {
            let stream = TlsConnector::from(self.config).connect(self.name, stream).await?;
            let (_, session) = stream.get_ref();
            if self.needs_protocol && session.alpn_protocol() != Some(ALPN) {
                let what = "the server does not say that it speaks PostgreSQL's protocol within TLS (ALPN)";
                return Err(io::Error::new(io::ErrorKind::InvalidData, what));
            }
            Ok(Encrypted(Box::new(stream)))
        })
    }
}

/// A connection within TLS.
#[derive(Debug)]
pub struct Encrypted<S>(Box<TlsStream<S>>);

impl<S: AsyncRead + AsyncWrite + Unpin> tokio_postgres::tls::TlsStream for Encrypted<S> {
    fn channel_binding(&self) -> ChannelBinding {
        let (_, session) = self.0.get_ref();
        let own = session.peer_certificates().and_then(<[_]>::first);
        own.and_then(|certificate| binding::end_point(certificate))
            .map_or_else(ChannelBinding::none, ChannelBinding::tls_server_end_point)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Encrypted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Encrypted<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
