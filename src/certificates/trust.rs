//! What a certificate is judged by.

use std::sync::Arc;

use tokio_rustls::rustls::crypto::WebPkiSupportedAlgorithms;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::{CertificateError, Error, OtherError};

/// Whose certificates are judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A server's.
    Server,
    /// A client's.
    Client,
}

/// How a chain ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rules {
    /// As for psql: at a trusted certificate that has signed itself.
    OpenSsl,
    /// As for the exporter toolkit, which is written in Go: at any trusted certificate.
    Go,
}

/// Certificates that are trusted, and how.
#[derive(Debug)]
pub(super) struct Trust {
    pub(super) certificates: Vec<CertificateDer<'static>>,
    pub(super) purpose: Purpose,
    pub(super) rules: Rules,
    pub(super) algorithms: WebPkiSupportedAlgorithms,
}

/// An error in words of our own.
pub(super) fn refused(what: &'static str) -> Error {
    /// Why a certificate is refused.
    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Refused(&'static str);
    CertificateError::Other(OtherError(Arc::new(Refused(what)))).into()
}
