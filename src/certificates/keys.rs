//! Keys of our own that the library does not sign by: those for RSASSA-PSS alone, and of the curve P-521.

use std::sync::Arc;

use p521::SecretKey;
use p521::ecdsa::signature::Signer as _;
use p521::ecdsa::{Signature, SigningKey as LargeKey};
use pkcs8::{DecodePrivateKey as _, PrivateKeyInfoRef};
use tokio_rustls::rustls::crypto::WebPkiSupportedAlgorithms;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, SubjectPublicKeyInfoDer, alg_id};
use tokio_rustls::rustls::sign::{Signer, SigningKey, public_key_to_spki};
use tokio_rustls::rustls::{Error, SignatureAlgorithm, SignatureScheme};

use super::ecdsa;
use super::parsed::PublicKey;
use super::signature::{OF_PSS_KEYS, is_of_tls12_alone, is_pss_key_for};

/// The key in the form that does not say what it is for.
pub(super) fn without_purpose(key: PrivateKeyDer<'static>) -> PrivateKeyDer<'static> {
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
pub(super) struct OfPss {
    key: Arc<dyn SigningKey>,
    /// Those that it may be used for: a key may be bound to a hash.
    schemes: Vec<(SignatureScheme, SignatureScheme)>,
}

impl OfPss {
    /// The key of that public key, which the library takes for one of any use.
    pub(super) fn new(
        key: Arc<dyn SigningKey>,
        public: PublicKey<'_>,
        algorithms: WebPkiSupportedAlgorithms,
    ) -> Self {
        let may = |same: &SignatureScheme| {
            let meant = algorithms.mapping.iter().filter(|(scheme, _)| scheme == same);
            let mut meant = meant.flat_map(|(_, candidates)| candidates.iter());
            meant.any(|algorithm| is_pss_key_for(public, *algorithm))
        };
        let schemes = OF_PSS_KEYS.iter().copied().filter(|(_, same)| may(same));
        Self {
            key,
            schemes: schemes.collect(),
        }
    }
}

impl SigningKey for OfPss {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        // In TLS 1.2 the library tells keys nothing of schemes that it does not know. OpenSSL, which is what knows them, offers
        // them always with those that do the same; a peer that does not offer them could do nothing with this key.
        let is_cut = offered.iter().copied().any(is_of_tls12_alone);
        let mut schemes = self.schemes.iter();
        let (own, same) =
            schemes.find(|(own, same)| offered.contains(own) || (is_cut && offered.contains(same)))?;
        let signer = self.key.choose_scheme(&[*same])?;
        Some(Box::new(PssSigner { signer, scheme: *own }))
    }

    fn public_key(&self) -> Option<SubjectPublicKeyInfoDer<'_>> {
        self.key.public_key()
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        self.key.algorithm()
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

/// A key of the curve P-521.
#[derive(Clone, Debug)]
pub(super) struct Large(Arc<LargeKey>);

impl Large {
    /// If it is one.
    pub(super) fn read(key: &PrivateKeyDer<'_>) -> Option<Self> {
        let secret = match key {
            PrivateKeyDer::Sec1(document) => SecretKey::from_sec1_der(document.secret_sec1_der()).ok(),
            PrivateKeyDer::Pkcs8(document) => SecretKey::from_pkcs8_der(document.secret_pkcs8_der()).ok(),
            _ => return None,
        };
        Some(Self(Arc::new(LargeKey::from(secret?))))
    }
}

impl SigningKey for Large {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        let signer = || Box::new(self.clone()) as Box<dyn Signer>;
        offered.contains(&ecdsa::SCHEME).then(signer)
    }

    fn public_key(&self) -> Option<SubjectPublicKeyInfoDer<'_>> {
        let point = self.0.verifying_key().to_sec1_point(false);
        Some(public_key_to_spki(&alg_id::ECDSA_P521, point.as_bytes()))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::ECDSA
    }
}

impl Signer for Large {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let signature: Signature = self.0.sign(message);
        Ok(signature.to_der().as_bytes().to_vec())
    }

    fn scheme(&self) -> SignatureScheme {
        ecdsa::SCHEME
    }
}
