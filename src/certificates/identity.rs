//! A certificate of our own, shown to a peer.

use std::sync::Arc;

use pkcs8::PrivateKeyInfoRef;
use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, SubjectPublicKeyInfoDer};
use tokio_rustls::rustls::sign::{CertifiedKey, Signer, SigningKey, SingleCertAndKey};
use tokio_rustls::rustls::{Error, InconsistentKeys, SignatureAlgorithm, SignatureScheme};

use super::parsed::{self, Certificate};
use super::signature::{OF_PSS_KEYS, is_pss_key};

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
    let key = if is_pss_key(certificate.key) {
        let plain = provider.key_provider.load_private_key(without_purpose(key))?;
        Arc::new(OfPss(plain))
    } else {
        provider.key_provider.load_private_key(key)?
    };
    if let Some(public) = key.public_key() {
        let public = parsed::key(public.as_ref()).map_err(|_| InconsistentKeys::Unknown)?;
        if public.bits != certificate.key.bits {
            return Err(InconsistentKeys::KeyMismatch.into());
        }
    }
    Ok(Arc::new(SingleCertAndKey::from(CertifiedKey::new(chain, key))))
}

/// The key in the form that does not say what it is for.
fn without_purpose(key: PrivateKeyDer<'static>) -> PrivateKeyDer<'static> {
    let PrivateKeyDer::Pkcs8(document) = &key else {
        return key;
    };
    match PrivateKeyInfoRef::try_from(document.secret_pkcs8_der()) {
        Ok(info) => PrivateKeyDer::Pkcs1(info.private_key.as_bytes().to_vec().into()),
        Err(_) => key,
    }
}

/// A key that signs by RSASSA-PSS alone.
#[derive(Debug)]
struct OfPss(Arc<dyn SigningKey>);

impl SigningKey for OfPss {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        let (own, same) = OF_PSS_KEYS.iter().find(|(own, _)| offered.contains(own))?;
        let signer = self.0.choose_scheme(&[*same])?;
        Some(Box::new(PssSigner { signer, scheme: *own }))
    }

    fn public_key(&self) -> Option<SubjectPublicKeyInfoDer<'_>> {
        self.0.public_key()
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        self.0.algorithm()
    }
}

#[derive(Debug)]
struct PssSigner {
    signer: Box<dyn Signer>,
    scheme: SignatureScheme,
}

impl Signer for PssSigner {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        self.signer.sign(message)
    }

    fn scheme(&self) -> SignatureScheme {
        self.scheme
    }
}
