//! A certificate of our own, shown to a peer.

use std::sync::Arc;

use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::sign::{CertifiedKey, SigningKey, SingleCertAndKey};
use tokio_rustls::rustls::{Error, InconsistentKeys};

use super::keys::{Large, OfPss, without_purpose};
use super::parsed::{self, Certificate};
use super::signature::is_pss_key;

/// What shows a certificate with its chain. The library's own way is for certificates of version 3 alone, and keys for any use.
///
/// # Errors
/// When the key is of no use, or is not the certificate's.
pub(crate) fn shown(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    provider: &CryptoProvider,
) -> Result<Arc<SingleCertAndKey>, Error> {
    let own = chain.first().ok_or(Error::NoCertificatesPresented)?;
    let certificate = Certificate::read(own)?;
    let key = load(key, &certificate, provider)?;
    if let Some(public) = key.public_key() {
        let public = parsed::key(public.as_ref()).map_err(|_| InconsistentKeys::Unknown)?;
        if public.bits != certificate.key.bits {
            return Err(InconsistentKeys::KeyMismatch.into());
        }
    }
    Ok(Arc::new(SingleCertAndKey::from(CertifiedKey::new(chain, key))))
}

/// A key of any kind that we sign by; whether it is the certificate's is not looked at.
pub(super) fn load(
    key: PrivateKeyDer<'static>,
    certificate: &Certificate<'_>,
    provider: &CryptoProvider,
) -> Result<Arc<dyn SigningKey>, Error> {
    if let Some(large) = Large::read(&key) {
        return Ok(Arc::new(large));
    }
    if is_pss_key(certificate.key) {
        let plain = provider.key_provider.load_private_key(without_purpose(key))?;
        let algorithms = provider.signature_verification_algorithms;
        return Ok(Arc::new(OfPss::new(plain, certificate.key, algorithms)));
    }
    provider.key_provider.load_private_key(key)
}
