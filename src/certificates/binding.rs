//! What binds a password to a server's certificate (RFC 5929, `tls-server-end-point`): its hash, by the hash of its signature.

use sha2::{Digest as _, Sha256, Sha384, Sha512};
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::der::oid::db::rfc5912::{
    ECDSA_WITH_SHA_256, ECDSA_WITH_SHA_384, ECDSA_WITH_SHA_512, ID_MD_5, ID_SHA_1, ID_SHA_256, ID_SHA_384,
    ID_SHA_512, SHA_1_WITH_RSA_ENCRYPTION, SHA_256_WITH_RSA_ENCRYPTION, SHA_384_WITH_RSA_ENCRYPTION,
    SHA_512_WITH_RSA_ENCRYPTION,
};
use x509_cert::der::{Decode as _, SliceReader};

use super::parsed::Certificate;
use super::signature::pss_hash;

/// The hash of a certificate; none where its signature has none of its own, as those of Ed25519.
pub(crate) fn end_point(der: &[u8]) -> Option<Vec<u8>> {
    let certificate = Certificate::read(der).ok()?;
    let algorithm = certificate.signature_algorithm;
    let oid = match pss_hash(algorithm) {
        Some(hash) => hash?,
        None => ObjectIdentifier::decode(&mut SliceReader::new(algorithm).ok()?).ok()?,
    };
    match oid {
        // What is broken is replaced.
        ID_MD_5 | ID_SHA_1 | SHA_1_WITH_RSA_ENCRYPTION => Some(Sha256::digest(der).to_vec()),
        ID_SHA_256 | SHA_256_WITH_RSA_ENCRYPTION | ECDSA_WITH_SHA_256 => Some(Sha256::digest(der).to_vec()),
        ID_SHA_384 | SHA_384_WITH_RSA_ENCRYPTION | ECDSA_WITH_SHA_384 => Some(Sha384::digest(der).to_vec()),
        ID_SHA_512 | SHA_512_WITH_RSA_ENCRYPTION | ECDSA_WITH_SHA_512 => Some(Sha512::digest(der).to_vec()),
        _ => None,
    }
}
