//! Certificates of all kinds that servers show.

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair, SigningKey,
    date_time_ymd,
};
use x509_cert::Certificate;
use x509_cert::certificate::Version;
use x509_cert::der::asn1::BitString;
use x509_cert::der::pem::LineEnding;
use x509_cert::der::{Decode, Encode, EncodePem};

/// A certificate and its key, both PEM.
pub(in crate::postgres) struct Pair {
    pub(in crate::postgres) certificate: String,
    pub(in crate::postgres) key: String,
}

/// One who signs.
pub(in crate::postgres) struct Authority {
    /// Its own certificate, PEM.
    pub(in crate::postgres) certificate: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub(in crate::postgres) fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = params(name, &[]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap().pem();
        Self {
            certificate,
            issuer: Issuer::new(params, key),
        }
    }

    /// A certificate with a common name and alternative names, DNS or IP.
    pub(in crate::postgres) fn sign(&self, name: &str, alternatives: &[&str]) -> Pair {
        self.sign_params(&params(name, alternatives))
    }

    /// One that was valid once.
    pub(in crate::postgres) fn sign_expired(&self, name: &str) -> Pair {
        let mut params = params(name, &[name]);
        params.not_before = date_time_ymd(2019, 1, 1);
        params.not_after = date_time_ymd(2020, 1, 1);
        self.sign_params(&params)
    }

    fn sign_params(&self, params: &CertificateParams) -> Pair {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap().pem();
        Pair {
            certificate,
            key: key.serialize_pem(),
        }
    }
}

/// What PostgreSQL's manual tells to make: self-signed, an authority itself, no alternative names.
pub(in crate::postgres) fn self_signed(name: &str) -> Pair {
    let key = KeyPair::generate().unwrap();
    let mut params = params(name, &[]);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    Pair {
        certificate: params.self_signed(&key).unwrap().pem(),
        key: key.serialize_pem(),
    }
}

/// A self-signed certificate of X.509 version 1, as `openssl x509 -req` makes them: no extensions at all.
pub(in crate::postgres) fn version_one(name: &str) -> Pair {
    let key = KeyPair::generate().unwrap();
    let modern = params(name, &[]).self_signed(&key).unwrap();
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

fn params(name: &str, alternatives: &[&str]) -> CertificateParams {
    let alternatives: Vec<_> = alternatives.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(alternatives).unwrap();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}
