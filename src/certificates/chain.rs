//! From a certificate to one that is trusted: the search for a chain.
//!
//! Of the certificate at hand the issuer is looked for by name, first among those trusted, then among those that the peer sent
//! along; each that has the name and has signed it is tried in turn. The search ends with the first chain that reaches trust.
//! It has a bound, whatever a peer sends.

use tokio_rustls::rustls::pki_types::{CertificateDer, UnixTime};
use tokio_rustls::rustls::{CertificateError, Error};
use x509_cert::der::asn1::ObjectIdentifier;

use super::parsed::Certificate;
use super::signature;
use super::trust::{Purpose, Rules, Trust, refused};

/// Most certificates of a chain.
const LONGEST: usize = 12;

/// Most signatures that are verified for one chain.
const MOST_SIGNATURES: usize = 64;

const SERVERS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.1");
const CLIENTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.2");
const ANYTHING: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37.0");

pub(super) struct Search<'a> {
    trust: &'a Trust,
    between: &'a [CertificateDer<'a>],
    now: UnixTime,
    signatures_left: usize,
    /// The most telling of what was wrong with chains that were tried.
    failure: Error,
}

/// What is known of the chain so far.
#[derive(Clone, Copy, Debug, Default)]
struct Below {
    /// Certificates.
    all: usize,
    /// Authorities that have not issued themselves.
    authorities: usize,
    limits_names: bool,
}

impl<'a> Search<'a> {
    pub(super) fn new(trust: &'a Trust, between: &'a [CertificateDer<'a>], now: UnixTime) -> Self {
        Self {
            trust,
            between,
            now,
            signatures_left: MOST_SIGNATURES,
            failure: CertificateError::UnknownIssuer.into(),
        }
    }

    /// Whether a chain leads from it to trust; if so, whether one of its authorities limits names.
    pub(super) fn verify(mut self, der: &'a CertificateDer<'a>) -> Result<bool, Error> {
        let certificate = Certificate::read(der)?;
        self.check(&certificate)?;
        let is_for_handshakes = certificate.is_for_handshakes();
        if self.trust.purpose == Purpose::Server && !is_for_handshakes {
            return Err(CertificateError::InvalidPurpose.into());
        }
        if self.ends_at(der, &certificate) {
            return Ok(false);
        }
        match self.climb(&certificate, Below::default()) {
            Some(limits_names) => Ok(limits_names),
            None => Err(self.failure),
        }
    }

    /// What holds for each certificate of a chain.
    fn check(&self, certificate: &Certificate<'_>) -> Result<(), Error> {
        certificate.check_dates(self.now)?;
        if certificate.has_unknown_critical_extension() {
            return Err(refused("it has a critical extension that is not understood"));
        }
        let wanted = match self.trust.purpose {
            Purpose::Server => SERVERS,
            Purpose::Client => CLIENTS,
        };
        let is_meant = |purpose: &ObjectIdentifier| {
            *purpose == wanted || (self.trust.rules == Rules::Go && *purpose == ANYTHING)
        };
        let purposes = certificate.purposes.as_ref();
        if purposes.is_some_and(|purposes| !purposes.0.iter().any(is_meant)) {
            return Err(CertificateError::InvalidPurpose.into());
        }
        Ok(())
    }

    /// Whether a chain may end here.
    fn ends_at(&self, der: &CertificateDer<'_>, certificate: &Certificate<'_>) -> bool {
        let is_end = self.trust.rules == Rules::Go || certificate.is_self_issued();
        is_end && self.trust.certificates.contains(der)
    }

    /// Tries every issuer of a certificate.
    fn climb(&mut self, certificate: &Certificate<'_>, below: Below) -> Option<bool> {
        if below.all >= LONGEST {
            return None;
        }
        let (trust, between) = (self.trust, self.between);
        let trusted = trust.certificates.iter().map(|der| (der, true));
        for (der, is_trusted) in trusted.chain(between.iter().map(|der| (der, false))) {
            let Ok(issuer) = Certificate::read(der) else {
                continue;
            };
            if issuer.subject != certificate.issuer || issuer.signed == certificate.signed {
                continue;
            }
            let is_end = is_trusted && self.ends_at(der, &issuer);
            if let Err(error) = self.accepts(&issuer, is_end, certificate, below) {
                self.failure = error;
                continue;
            }
            let below = Below {
                all: below.all + 1,
                authorities: below.authorities + usize::from(!issuer.is_self_issued()),
                limits_names: below.limits_names || issuer.limits_names(),
            };
            if is_end {
                return Some(below.limits_names);
            }
            if let Some(limits_names) = self.climb(&issuer, below) {
                return Some(limits_names);
            }
        }
        None
    }

    /// Whether one has signed the other, and may: the end of a chain may be a root of old.
    fn accepts(
        &mut self,
        issuer: &Certificate<'_>,
        is_end: bool,
        certificate: &Certificate<'_>,
        below: Below,
    ) -> Result<(), Error> {
        self.signatures_left = self
            .signatures_left
            .checked_sub(1)
            .ok_or_else(|| refused("too many certificates were sent along"))?;
        signature::verify_issued(self.trust.algorithms, issuer.key, certificate)?;
        let is_root = is_end && issuer.may_be_root(self.trust.rules == Rules::OpenSsl);
        if !issuer.is_authority() && !is_root {
            return Err(refused("it is signed by a certificate that is no authority"));
        }
        if issuer
            .longest_path()
            .is_some_and(|longest| below.authorities > longest)
        {
            return Err(refused("its chain is longer than one of its authorities allows"));
        }
        self.check(issuer)
    }
}
