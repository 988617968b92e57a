//! Signatures on elliptic curves that the TLS library does not verify: with the curve P-521, and with SHA-512 on the smaller ones.
//! OpenSSL makes and takes them.

use sha2::{Digest as _, Sha256, Sha384, Sha512};
use tokio_rustls::rustls::SignatureScheme;
use tokio_rustls::rustls::pki_types::{
    AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm, alg_id,
};

/// One way to sign: a curve and a hash.
#[derive(Debug)]
struct Ecdsa {
    curve: AlgorithmIdentifier,
    signature: AlgorithmIdentifier,
    hash: fn(&[u8]) -> Vec<u8>,
    /// Whether a signature of a hash is by a key.
    verifies: fn(key: &[u8], hash: &[u8], signature: &[u8]) -> bool,
}

impl SignatureVerificationAlgorithm for Ecdsa {
    fn verify_signature(&self, key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        if (self.verifies)(key, &(self.hash)(message), signature) {
            Ok(())
        } else {
            Err(InvalidSignature)
        }
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.curve
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.signature
    }
}

macro_rules! verifies {
    ($name:ident, $curve:ident, $field:literal) => {
        fn $name(key: &[u8], hash: &[u8], signature: &[u8]) -> bool {
            use $curve::ecdsa::signature::hazmat::PrehashVerifier as _;
            use $curve::ecdsa::{DerSignature, Signature, VerifyingKey};
            let Ok(key) = VerifyingKey::from_sec1_bytes(key) else {
                return false;
            };
            let signature = DerSignature::try_from(signature).and_then(Signature::try_from);
            // A hash shorter than the curve's numbers is a small number: the library wants its zeros written.
            let mut number = vec![0; $field - hash.len().min($field)];
            number.extend_from_slice(hash);
            signature.is_ok_and(|signature| key.verify_prehash(&number, &signature).is_ok())
        }
    };
}

verifies!(by_p256, p256, 32);
verifies!(by_p384, p384, 48);
verifies!(by_p521, p521, 66);

fn sha256(message: &[u8]) -> Vec<u8> {
    Sha256::digest(message).to_vec()
}

fn sha384(message: &[u8]) -> Vec<u8> {
    Sha384::digest(message).to_vec()
}

fn sha512(message: &[u8]) -> Vec<u8> {
    Sha512::digest(message).to_vec()
}

const P256_SHA512: &dyn SignatureVerificationAlgorithm = &Ecdsa {
    curve: alg_id::ECDSA_P256,
    signature: alg_id::ECDSA_SHA512,
    hash: sha512,
    verifies: by_p256,
};
const P384_SHA512: &dyn SignatureVerificationAlgorithm = &Ecdsa {
    curve: alg_id::ECDSA_P384,
    signature: alg_id::ECDSA_SHA512,
    hash: sha512,
    verifies: by_p384,
};
const P521_SHA256: &dyn SignatureVerificationAlgorithm = &Ecdsa {
    curve: alg_id::ECDSA_P521,
    signature: alg_id::ECDSA_SHA256,
    hash: sha256,
    verifies: by_p521,
};
const P521_SHA384: &dyn SignatureVerificationAlgorithm = &Ecdsa {
    curve: alg_id::ECDSA_P521,
    signature: alg_id::ECDSA_SHA384,
    hash: sha384,
    verifies: by_p521,
};
const P521_SHA512: &dyn SignatureVerificationAlgorithm = &Ecdsa {
    curve: alg_id::ECDSA_P521,
    signature: alg_id::ECDSA_SHA512,
    hash: sha512,
    verifies: by_p521,
};

/// Those of certificates.
pub(super) const ALL: [&dyn SignatureVerificationAlgorithm; 5] =
    [P256_SHA512, P384_SHA512, P521_SHA256, P521_SHA384, P521_SHA512];

/// What a scheme of smaller curves means besides in TLS 1.2, where it names a hash and no curve.
pub(super) fn with_any_curve(scheme: SignatureScheme) -> Option<&'static dyn SignatureVerificationAlgorithm> {
    match scheme {
        SignatureScheme::ECDSA_NISTP256_SHA256 => Some(P521_SHA256),
        SignatureScheme::ECDSA_NISTP384_SHA384 => Some(P521_SHA384),
        _ => None,
    }
}

/// What stands for them in a handshake, and which are meant: in TLS 1.3 the first alone, in 1.2 any curve with that hash.
pub(super) const SCHEME: SignatureScheme = SignatureScheme::ECDSA_NISTP521_SHA512;
pub(super) const OF_SCHEME: [&dyn SignatureVerificationAlgorithm; 3] =
    [P521_SHA512, P384_SHA512, P256_SHA512];
