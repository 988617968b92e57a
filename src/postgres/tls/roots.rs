//! Whom to trust.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;

use super::error::TlsError;
use crate::certificates::{Authorities, Purpose, Rules};
use crate::files::Files;
use crate::postgres::conninfo::{RootCertificates, SslMode, Tls};

/// For how long the system's are taken to be as they were: nobody says where they are.
const SYSTEMS: Duration = Duration::from_secs(60);

/// Reads the root certificates. None when there are none and the mode does not need them: then nothing is verified.
/// With them a chain is verified in every mode, as in libpq.
pub(in crate::postgres) fn load(
    tls: &Tls,
    files: &Files,
    provider: &Arc<CryptoProvider>,
) -> Result<Option<Arc<Authorities>>, TlsError> {
    let is_needed = tls.mode >= SslMode::VerifyCa;
    let path = match &tls.roots {
        RootCertificates::System => {
            return files
                .made_lately("system", SYSTEMS, || system(provider))
                .map(Some);
        }
        RootCertificates::File(path) | RootCertificates::HomeFile(Some(path)) => path,
        RootCertificates::HomeFile(None) if is_needed => return Err(TlsError::NoHome),
        RootCertificates::HomeFile(None) => return Ok(None),
    };
    match files.read_or_last(path) {
        // All certificate authorities of the public web take a third of a MiB, and each connection has its own connector.
        Ok(pem) => files
            .made(path, &pem, |pem| from_pem(pem, path, provider))
            .map(Some),
        Err(error) if !error.is_missing() => Err(TlsError::unreadable(path, error)),
        Err(_) if is_needed => Err(TlsError::NoRoots { path: path.clone() }),
        Err(_) => Ok(None),
    }
}

fn from_pem(pem: &[u8], path: &Path, provider: &Arc<CryptoProvider>) -> Result<Authorities, TlsError> {
    let unusable = || TlsError::NoCertificate {
        path: path.to_owned(),
    };
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let authorities = authorities(certificates.map_err(|_| unusable())?, provider);
    if authorities.is_empty() {
        Err(unusable())
    } else {
        Ok(authorities)
    }
}

fn system(provider: &Arc<CryptoProvider>) -> Result<Authorities, TlsError> {
    let authorities = authorities(rustls_native_certs::load_native_certs().certs, provider);
    if authorities.is_empty() {
        Err(TlsError::NoSystemRoots)
    } else {
        Ok(authorities)
    }
}

fn authorities(certificates: Vec<CertificateDer<'static>>, provider: &Arc<CryptoProvider>) -> Authorities {
    Authorities::new(
        certificates,
        Purpose::Server,
        Rules::OpenSsl,
        Arc::clone(provider),
    )
}
