//! Signatures by the keys of certificates: those in a handshake, and those of authorities.
//!
//! The library verifies a handshake's signature by a certificate of version 3 whose key is for any use of RSA. A key that is for
//! RSASSA-PSS alone has schemes of its own on the wire; the mathematics are those of the others.

use tokio_rustls::rustls::client::danger::HandshakeSignatureValid;
use tokio_rustls::rustls::crypto::WebPkiSupportedAlgorithms;
use tokio_rustls::rustls::pki_types::{CertificateDer, SignatureVerificationAlgorithm};
use tokio_rustls::rustls::{
    CertificateError, DigitallySignedStruct, Error, PeerIncompatible, PeerMisbehaved, ProtocolVersion,
    SignatureScheme,
};
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::der::{AnyRef, Decode as _, Encode as _, Reader as _, SliceReader};

use super::ecdsa;
use super::parsed::{Certificate, PublicKey};

const RSASSA_PSS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10");

/// Schemes of keys that are for RSASSA-PSS alone, and what does the same with keys for any use.
pub(super) const OF_PSS_KEYS: [(SignatureScheme, SignatureScheme); 3] = [
    (SignatureScheme::Unknown(0x0809), SignatureScheme::RSA_PSS_SHA256),
    (SignatureScheme::Unknown(0x080a), SignatureScheme::RSA_PSS_SHA384),
    (SignatureScheme::Unknown(0x080b), SignatureScheme::RSA_PSS_SHA512),
];

/// What a peer may sign by. Keys for RSASSA-PSS alone come last: in TLS 1.2 the library breaks such a handshake off
/// before we are asked, since it takes only schemes that it knows.
pub(crate) fn schemes(algorithms: WebPkiSupportedAlgorithms) -> Vec<SignatureScheme> {
    let mut schemes = algorithms.supported_schemes();
    schemes.push(ecdsa::SCHEME);
    schemes.extend(OF_PSS_KEYS.iter().map(|(own, _)| *own));
    schemes
}

/// Whether a peer holds the key of its certificate: its signature in a handshake.
///
/// # Errors
/// When it does not, or signs in a way that it was not told.
pub(crate) fn verify_handshake(
    algorithms: WebPkiSupportedAlgorithms,
    version: ProtocolVersion,
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signed: &DigitallySignedStruct,
) -> Result<HandshakeSignatureValid, Error> {
    let key = Certificate::read(certificate)?.key;
    let is_modern = version == ProtocolVersion::TLSv1_3;
    let of_pss_key = OF_PSS_KEYS.iter().find(|(own, _)| *own == signed.scheme);
    let is_of_pss_key = of_pss_key.is_some();
    let scheme = of_pss_key.map_or(signed.scheme, |(_, same)| *same);
    if is_modern && is_of_tls12_alone(scheme) {
        return Err(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into());
    }
    let mapped = algorithms.mapping.iter().find(|(known, _)| *known == scheme);
    let candidates = match mapped {
        Some((_, candidates)) => *candidates,
        None if scheme == ecdsa::SCHEME => &ecdsa::OF_SCHEME,
        None => return Err(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into()),
    };
    // In TLS 1.3 a scheme says which curve is meant.
    let (count, more) = match is_modern {
        true => (1, None),
        false => (candidates.len(), ecdsa::with_any_curve(scheme)),
    };
    let fits = |algorithm: &&dyn SignatureVerificationAlgorithm| {
        if is_of_pss_key {
            is_pss_key_for(key, *algorithm)
        } else {
            algorithm.public_key_alg_id().as_ref() == key.algorithm
        }
    };
    let fitting = candidates.iter().take(count).copied().chain(more);
    let mut fitting = fitting.filter(fits).peekable();
    if fitting.peek().is_none() {
        return Err(PeerIncompatible::NoSignatureSchemesInCommon.into());
    }
    verify_by(fitting, key, message, signed.signature())?;
    Ok(HandshakeSignatureValid::assertion())
}

/// Whether the holder of a key has signed a certificate.
///
/// # Errors
/// When it has not, or by an algorithm that is not known or trusted any more, such as SHA-1.
pub(super) fn verify_issued(
    algorithms: WebPkiSupportedAlgorithms,
    key: PublicKey<'_>,
    certificate: &Certificate<'_>,
) -> Result<(), Error> {
    let fits = |algorithm: &&dyn SignatureVerificationAlgorithm| {
        algorithm.signature_alg_id().as_ref() == certificate.signature_algorithm
            && (algorithm.public_key_alg_id().as_ref() == key.algorithm || is_pss_key_for(key, *algorithm))
    };
    let all = algorithms.all.iter().copied().chain(ecdsa::ALL);
    let fitting = all.filter(fits);
    verify_by(fitting, key, certificate.signed, certificate.signature)
}

fn verify_by<'a>(
    algorithms: impl Iterator<Item = &'a dyn SignatureVerificationAlgorithm>,
    key: PublicKey<'_>,
    message: &[u8],
    signature: &[u8],
) -> Result<(), Error> {
    for algorithm in algorithms {
        if algorithm.verify_signature(key.bits, message, signature).is_ok() {
            return Ok(());
        }
    }
    Err(CertificateError::BadSignature.into())
}

/// Whether a scheme of handshakes ended with TLS 1.2.
pub(super) fn is_of_tls12_alone(scheme: SignatureScheme) -> bool {
    matches!(
        scheme,
        SignatureScheme::RSA_PKCS1_SHA1
            | SignatureScheme::ECDSA_SHA1_Legacy
            | SignatureScheme::RSA_PKCS1_SHA256
            | SignatureScheme::RSA_PKCS1_SHA384
            | SignatureScheme::RSA_PKCS1_SHA512
    )
}

/// Whether a key is for RSASSA-PSS alone, with the hash of that algorithm where it is bound to one.
pub(super) fn is_pss_key_for(key: PublicKey<'_>, algorithm: &dyn SignatureVerificationAlgorithm) -> bool {
    let (of_key, of_algorithm) = (
        pss_hash(key.algorithm),
        pss_hash(algorithm.signature_alg_id().as_ref()),
    );
    match (of_key, of_algorithm) {
        (Some(None), Some(_)) => true,
        (Some(bound), Some(hash)) => bound == hash,
        _ => false,
    }
}

/// Whether a key is for RSASSA-PSS alone.
pub(super) fn is_pss_key(key: PublicKey<'_>) -> bool {
    pss_hash(key.algorithm).is_some()
}

/// Of an `AlgorithmIdentifier`: whether it is RSASSA-PSS, and with which hash.
pub(super) fn pss_hash(algorithm: &[u8]) -> Option<Option<ObjectIdentifier>> {
    let mut reader = SliceReader::new(algorithm).ok()?;
    if ObjectIdentifier::decode(&mut reader).ok()? != RSASSA_PSS {
        return None;
    }
    if reader.is_finished() {
        return Some(None);
    }
    let parameters = AnyRef::decode(&mut reader).ok()?;
    // `[0] { AlgorithmIdentifier { hash } }`, which is SHA-1 where it is left out: with that nothing is done.
    let mut reader = SliceReader::new(parameters.value()).ok()?;
    let first = AnyRef::decode(&mut reader).ok()?;
    let is_hash = first.to_der().ok()?.first() == Some(&0xa0);
    let hash = AnyRef::from_der(first.value()).ok().filter(|_| is_hash)?;
    let mut reader = SliceReader::new(hash.value()).ok()?;
    Some(Some(ObjectIdentifier::decode(&mut reader).ok()?))
}
