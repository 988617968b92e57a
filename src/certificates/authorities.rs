//! Whom to trust, and by whose rules.

use std::sync::Arc;

use tokio_rustls::rustls::client::verify_server_cert_signed_by_trust_anchor;
use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::pki_types::{CertificateDer, UnixTime};
use tokio_rustls::rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use tokio_rustls::rustls::{CertificateError, DistinguishedName, Error, RootCertStore};

use super::chain::Search;
use super::parsed::Certificate;
use super::trust::{Purpose, Rules, Trust, refused};

/// Certificates that are trusted.
#[derive(Debug)]
pub(crate) struct Authorities {
    trust: Trust,
    provider: Arc<CryptoProvider>,
    /// The same, for the library.
    store: Arc<RootCertStore>,
    subjects: Vec<DistinguishedName>,
}

impl Authorities {
    /// Those of the certificates that can be read.
    pub(crate) fn new(
        mut certificates: Vec<CertificateDer<'static>>,
        purpose: Purpose,
        rules: Rules,
        provider: Arc<CryptoProvider>,
    ) -> Self {
        certificates.retain(|certificate| Certificate::read(certificate).is_ok());
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(certificates.iter().cloned());
        let subject = |certificate: &CertificateDer<'_>| {
            Certificate::read(certificate)
                .map(|certificate| DistinguishedName::from(certificate.subject.to_vec()))
        };
        Self {
            subjects: certificates.iter().flat_map(subject).collect(),
            trust: Trust {
                certificates,
                purpose,
                rules,
                algorithms: provider.signature_verification_algorithms,
            },
            provider,
            store: Arc::new(store),
        }
    }

    /// Whether there is nobody to trust.
    pub(crate) fn is_empty(&self) -> bool {
        self.trust.certificates.is_empty()
    }

    /// Their names, for those who have certificates of several authorities.
    pub(crate) fn subjects(&self) -> &[DistinguishedName] {
        &self.subjects
    }

    /// Whether a certificate is trusted, by itself or by those between.
    ///
    /// # Errors
    /// Why it is not.
    pub(crate) fn verify(
        &self,
        certificate: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Error> {
        let limits_names = Search::new(&self.trust, between, now).verify(certificate)?;
        if limits_names {
            self.check_names(certificate, between, now)?;
        }
        Ok(())
    }

    /// Whether the names of a certificate are within the limits of its authorities. The library knows how, of those that have
    /// names of their own kind; the common name of others is not taken.
    fn check_names(
        &self,
        certificate: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Error> {
        if Certificate::read(certificate)?.alternative_names()?.is_none() {
            let what = "its authority limits names, and it has no alternative names to compare";
            return Err(refused(what));
        }
        match self.trust.purpose {
            Purpose::Server => {
                let parsed = ParsedCertificate::try_from(certificate)?;
                let algorithms = self.trust.algorithms.all;
                verify_server_cert_signed_by_trust_anchor(&parsed, &self.store, between, now, algorithms)
            }
            Purpose::Client => {
                let (store, provider) = (Arc::clone(&self.store), Arc::clone(&self.provider));
                let verifier = WebPkiClientVerifier::builder_with_provider(store, provider).build();
                let verifier = verifier.map_err(|_| Error::from(CertificateError::UnknownIssuer))?;
                verifier.verify_client_cert(certificate, between, now).map(drop)
            }
        }
    }
}
