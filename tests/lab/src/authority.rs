//! Certificates of a test's own: who signs, and what is asked for.

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair, date_time_ymd,
};

use crate::error::{Context as _, OrFail as _};

/// One who signs.
#[derive(Debug)]
pub struct Authority {
    /// Its own certificate, PEM.
    pub certificate: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key, both PEM.
#[derive(Clone, Debug)]
pub struct Pair {
    /// The certificate.
    pub certificate: String,
    /// The key.
    pub key: String,
}

impl Authority {
    /// A new one of that name.
    ///
    /// # Panics
    /// When no key can be made.
    #[must_use]
    #[track_caller]
    pub fn new(name: &str) -> Self {
        let (params, key) = (of_authority(name), key());
        Self {
            certificate: self_signed(&params, &key),
            issuer: Issuer::new(params, key),
        }
    }

    /// A certificate for the owner of a key, PEM.
    ///
    /// # Panics
    /// When what is asked for cannot be signed.
    #[must_use]
    #[track_caller]
    pub fn sign(&self, params: &CertificateParams, key: &KeyPair) -> String {
        let signed = params.signed_by(key, &self.issuer);
        signed.context(|| "signing a certificate".into()).or_fail().pem()
    }

    /// A certificate, and a new key for it.
    ///
    /// # Panics
    /// When what is asked for cannot be signed.
    #[must_use]
    #[track_caller]
    pub fn pair(&self, params: &CertificateParams) -> Pair {
        let key = key();
        Pair {
            certificate: self.sign(params, &key),
            key: key.serialize_pem(),
        }
    }

    /// An authority that is shown as somebody's own certificate, as those of `openssl req -x509` are.
    ///
    /// # Panics
    /// When no key can be made.
    #[must_use]
    #[track_caller]
    pub fn alone(name: &str) -> Pair {
        let key = key();
        Pair {
            certificate: self_signed(&of_authority(name), &key),
            key: key.serialize_pem(),
        }
    }
}

/// A certificate with a common name, and alternative names: of hosts or addresses.
///
/// # Panics
/// When one of them can be no name.
#[must_use]
#[track_caller]
pub fn named(name: &str, alternatives: &[&str]) -> CertificateParams {
    let alternatives: Vec<String> = alternatives.iter().map(|one| (*one).to_owned()).collect();
    let params = CertificateParams::new(alternatives);
    let mut params = params.context(|| format!("the names of {name}")).or_fail();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

/// The same, valid once.
#[must_use]
pub fn expired(mut params: CertificateParams) -> CertificateParams {
    params.not_before = date_time_ymd(2019, 1, 1);
    params.not_after = date_time_ymd(2020, 1, 1);
    params
}

fn of_authority(name: &str) -> CertificateParams {
    let mut params = named(name, &[]);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

#[track_caller]
fn self_signed(params: &CertificateParams, key: &KeyPair) -> String {
    let signed = params.self_signed(key);
    signed.context(|| "signing an authority".into()).or_fail().pem()
}

#[track_caller]
fn key() -> KeyPair {
    KeyPair::generate().context(|| "making a key".into()).or_fail()
}
