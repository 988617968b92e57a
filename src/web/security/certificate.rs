//! Certificates and keys out of PEM text.

use pg_exporter_schema::Pem;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::documents::{Documents, position};
use crate::certificates::Certificate;

/// At least one certificate.
pub(super) fn certificates(pem: &Pem, documents: &mut Documents) -> Option<Vec<CertificateDer<'static>>> {
    let text = documents.pem(pem)?;
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match read {
        Ok(certificates) if !certificates.is_empty() => Some(certificates),
        _ => {
            let message = format!(
                "{} no usable certificate; expected PEM (-----BEGIN CERTIFICATE-----)",
                holds(pem)
            );
            documents.error(position(pem), message);
            None
        }
    }
}

/// The first private key.
pub(super) fn key(pem: &Pem, documents: &mut Documents) -> Option<PrivateKeyDer<'static>> {
    let text = documents.pem(pem)?;
    let has = |mark: &str| text.windows(mark.len()).any(|window| window == mark.as_bytes());
    let is_encrypted = has("-----BEGIN ENCRYPTED PRIVATE KEY-----") || has("Proc-Type: 4,ENCRYPTED");
    if let Ok(key) = PrivateKeyDer::from_pem_slice(&text)
        && !is_encrypted
    {
        return Some(key);
    }
    let message = if is_encrypted {
        format!(
            "{} an encrypted key, for which there is no pass phrase; decrypt it by `openssl pkey`",
            holds(pem)
        )
    } else {
        format!(
            "{} no usable private key; expected PEM (-----BEGIN PRIVATE KEY-----)",
            holds(pem)
        )
    };
    documents.error(position(pem), message);
    None
}

/// When a certificate ends, in seconds since 1970.
pub(super) fn expiry(certificate: &CertificateDer<'_>) -> Option<i64> {
    let end = Certificate::read(certificate).ok()?.end();
    i64::try_from(end.as_secs()).ok()
}

fn holds(pem: &Pem) -> String {
    match pem {
        Pem::File(path) => format!("{} holds", path.value),
        Pem::Inline(_) => "the text holds".to_owned(),
    }
}
