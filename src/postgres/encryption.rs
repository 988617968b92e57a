//! What protects a connection from those on the way.

use std::sync::Arc;

/// Whether a connection is encrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Encryption {
    /// By TLS.
    Tls,
    /// Not: by a Unix socket, or because `sslmode` asks for nothing else, or the server has no TLS.
    Plain,
    /// Not, though the server offers TLS: the handshake failed, for this reason, and `sslmode=prefer` goes on without.
    Fallen(Arc<str>),
}

impl Encryption {
    /// Whether it is.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        *self == Self::Tls
    }

    /// What to tell of one that is not, though it could have been.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        let Self::Fallen(cause) = self else {
            return None;
        };
        Some(format!(
            "connected without TLS, which sslmode=prefer allows, because TLS failed: {cause}; mend that, or write \
             sslmode=require to be sure of it, or sslmode=disable"
        ))
    }
}
