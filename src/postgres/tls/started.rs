//! A connector that tells whether it was used.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};

/// Wraps what makes TLS connections, and notes that a handshake was begun: the server had offered TLS.
#[derive(Clone)]
pub struct TlsStarted<T> {
    /// What does the work.
    pub inner: T,
    /// Whether a handshake was begun.
    pub begun: Arc<AtomicBool>,
}

impl<S, T: MakeTlsConnect<S>> MakeTlsConnect<S> for TlsStarted<T> {
    type Stream = T::Stream;
    type TlsConnect = TlsStarted<T::TlsConnect>;
    type Error = T::Error;

    fn make_tls_connect(&mut self, domain: &str) -> Result<Self::TlsConnect, T::Error> {
        let inner = self.inner.make_tls_connect(domain)?;
        Ok(TlsStarted {
            inner,
            begun: Arc::clone(&self.begun),
        })
    }
}

impl<S, T: TlsConnect<S>> TlsConnect<S> for TlsStarted<T> {
    type Stream = T::Stream;
    type Error = T::Error;
    type Future = T::Future;

    fn connect(self, stream: S) -> T::Future {
        self.begun.store(true, Ordering::Relaxed);
        self.inner.connect(stream)
    }
}
