//! A certificate that no authority makes any more.

use pg_exporter_lab::authority::{Pair, named};
use rcgen::{KeyPair, SigningKey};
use x509_cert::Certificate;
use x509_cert::certificate::Version;
use x509_cert::der::asn1::BitString;
use x509_cert::der::pem::LineEnding;
use x509_cert::der::{Decode, Encode, EncodePem};

/// A self-signed certificate of X.509 version 1, as `openssl x509 -req` makes them: no extensions at all.
pub(super) fn version_one(name: &str) -> Pair {
    let key = KeyPair::generate().unwrap();
    let modern = named(name, &[]).self_signed(&key).unwrap();
    let mut certificate = Certificate::from_der(modern.der()).unwrap();
    certificate.tbs_certificate.version = Version::V1;
    certificate.tbs_certificate.extensions = None;
    let signature = key.sign(&certificate.tbs_certificate.to_der().unwrap()).unwrap();
    certificate.signature = BitString::from_bytes(&signature).unwrap();
    Pair {
        certificate: certificate.to_pem(LineEnding::LF).unwrap(),
        key: key.serialize_pem(),
    }
}
