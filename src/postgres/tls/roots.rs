//! Whom to trust.

use std::path::Path;

use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;

use super::error::TlsError;
use crate::files::Files;
use crate::postgres::conninfo::{RootCertificates, SslMode, Tls};

/// The root certificates.
#[derive(Debug)]
pub(in crate::postgres) struct Roots {
    /// As anchors of chains.
    pub(in crate::postgres) store: RootCertStore,
    /// As they are, to recognise a server that shows one of them.
    pub(in crate::postgres) certificates: Vec<CertificateDer<'static>>,
}

/// Reads the root certificates. None when there are none and the mode does not need them: then nothing is verified.
/// With them a chain is verified in every mode, as in libpq.
pub(in crate::postgres) fn load(tls: &Tls, files: &Files) -> Result<Option<Roots>, TlsError> {
    let is_needed = tls.mode >= SslMode::VerifyCa;
    let path = match &tls.roots {
        RootCertificates::System => return system().map(Some),
        RootCertificates::File(path) | RootCertificates::HomeFile(Some(path)) => path,
        RootCertificates::HomeFile(None) if is_needed => return Err(TlsError::NoHome),
        RootCertificates::HomeFile(None) => return Ok(None),
    };
    match files.read_or_last(path) {
        Ok(pem) => from_pem(pem.bytes(), path).map(Some),
        Err(error) if !error.is_missing() => Err(TlsError::unreadable(path, error)),
        Err(_) if is_needed => Err(TlsError::NoRoots { path: path.clone() }),
        Err(_) => Ok(None),
    }
}

fn from_pem(pem: &[u8], path: &Path) -> Result<Roots, TlsError> {
    let unusable = || TlsError::NoCertificate {
        path: path.to_owned(),
    };
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let certificates = certificates.map_err(|_| unusable())?;
    let mut store = RootCertStore::empty();
    // A certificate that is no anchor can still be the server's own.
    let _ = store.add_parsable_certificates(certificates.iter().cloned());
    if certificates.is_empty() {
        Err(unusable())
    } else {
        Ok(Roots { store, certificates })
    }
}

fn system() -> Result<Roots, TlsError> {
    let certificates = rustls_native_certs::load_native_certs().certs;
    let mut store = RootCertStore::empty();
    let (added, _) = store.add_parsable_certificates(certificates.iter().cloned());
    if added == 0 {
        Err(TlsError::NoSystemRoots)
    } else {
        Ok(Roots { store, certificates })
    }
}
