//! `client_auth_type`: what is asked of clients, with the meaning each has in Go.
//!
//! | type | asked | needed | verified |
//! |---|---|---|---|
//! | `NoClientCert` | no | | |
//! | `RequestClientCert` | yes | no | no |
//! | `RequireAnyClientCert`, `RequireClientCert` | yes | yes | no |
//! | `VerifyClientCertIfGiven` | yes | no | yes |
//! | `RequireAndVerifyClientCert` | yes | yes | yes |
//!
//! That a client holds the key of the certificate it shows is verified always.

use std::net::IpAddr;
use std::sync::Arc;

use pg_exporter_schema::{Pem, TlsOptions};
use tokio_rustls::rustls::client::danger::HandshakeSignatureValid;
use tokio_rustls::rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use tokio_rustls::rustls::pki_types::{CertificateDer, UnixTime};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use tokio_rustls::rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, ProtocolVersion,
    SignatureScheme,
};

use super::certificate;
use super::documents::{Documents, position};
use crate::certificates::{Authorities, Certificate, Purpose, Rules, signature};

const TYPES: [&str; 5] = [
    "NoClientCert",
    "RequestClientCert",
    "RequireAnyClientCert",
    "VerifyClientCertIfGiven",
    "RequireAndVerifyClientCert",
];

/// Asks clients for what the options say.
pub(super) fn read(
    options: &TlsOptions,
    provider: &Arc<CryptoProvider>,
    documents: &mut Documents,
) -> Option<Arc<dyn ClientCertVerifier>> {
    let (asked, needed, verified) = demands(options, documents)?;
    check(options, asked, needed, verified, documents);
    if !asked {
        return Some(WebPkiClientVerifier::no_client_auth());
    }
    let trust = match &options.client_ca {
        Some(authority) if verified => Some(trust(authority, provider, documents)?),
        _ => None,
    };
    Some(Arc::new(Verifier {
        needed,
        trust,
        names: options
            .client_allowed_sans
            .iter()
            .map(|name| name.value.clone())
            .collect(),
        provider: Arc::clone(provider),
    }))
}

/// Whether a certificate is asked for, needed, verified.
fn demands(options: &TlsOptions, documents: &mut Documents) -> Option<(bool, bool, bool)> {
    let Some(kind) = &options.client_auth_type else {
        return Some((false, false, false));
    };
    match kind.value.as_str() {
        "NoClientCert" => Some((false, false, false)),
        "RequestClientCert" => Some((true, false, false)),
        "RequireAnyClientCert" | "RequireClientCert" => Some((true, true, false)),
        "VerifyClientCertIfGiven" => Some((true, false, true)),
        "RequireAndVerifyClientCert" => Some((true, true, true)),
        other => {
            let message = format!(
                "unknown client_auth_type `{other}`; write one of {}",
                TYPES.join(", ")
            );
            documents.wrong(kind, message);
            None
        }
    }
}

/// Combinations that would protect less than they seem to.
fn check(options: &TlsOptions, asked: bool, needed: bool, verified: bool, documents: &mut Documents) {
    if let (Some(authority), false) = (&options.client_ca, asked) {
        let message = "a client CA without a `client_auth_type` asks nothing of clients; write RequireAndVerifyClientCert";
        documents.error(position(authority), message);
    }
    if let (Some(kind), true, None) = (&options.client_auth_type, verified, &options.client_ca) {
        let message = format!("`{}` verifies by a client CA; add `client_ca_file`", kind.value);
        documents.wrong(kind, message);
    }
    if let (Some(name), false) = (options.client_allowed_sans.first(), needed) {
        let message = "`client_allowed_sans` needs a certificate to look at; write `client_auth_type: RequireAndVerifyClientCert`";
        documents.wrong(name, message);
    }
}

fn trust(authority: &Pem, provider: &Arc<CryptoProvider>, documents: &mut Documents) -> Option<Authorities> {
    let certificates = certificate::certificates(authority, documents)?;
    let trust = Authorities::new(certificates, Purpose::Client, Rules::Go, Arc::clone(provider));
    if trust.is_empty() {
        documents.error(
            position(authority),
            "clients cannot be verified by it: it has no certificate that can be read",
        );
        return None;
    }
    Some(trust)
}

/// Verifies chain and names, each if asked for.
#[derive(Debug)]
struct Verifier {
    needed: bool,
    /// Whom to trust; everybody if it is `None`.
    trust: Option<Authorities>,
    /// One of them must be in the certificate, if there are any.
    names: Vec<String>,
    provider: Arc<CryptoProvider>,
}

impl Verifier {
    fn algorithms(&self) -> WebPkiSupportedAlgorithms {
        self.provider.signature_verification_algorithms
    }
}

impl ClientCertVerifier for Verifier {
    fn client_auth_mandatory(&self) -> bool {
        self.needed
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.trust.as_ref().map_or(&[], Authorities::subjects)
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if let Some(trust) = &self.trust {
            trust.verify(certificate, intermediates, now)?;
        }
        if !self.names.is_empty()
            && !names_in(certificate)?
                .iter()
                .any(|name| self.names.contains(name))
        {
            return Err(CertificateError::Other(OtherError(Arc::new(NotAllowed))).into());
        }
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let version = ProtocolVersion::TLSv1_2;
        signature::verify_handshake(self.algorithms(), version, message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let version = ProtocolVersion::TLSv1_3;
        signature::verify_handshake(self.algorithms(), version, message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        signature::schemes(self.algorithms())
    }
}

/// A certificate of a client that is not meant.
#[derive(Debug, thiserror::Error)]
#[error("the certificate has none of the names in client_allowed_sans")]
struct NotAllowed;

/// The alternative names: of hosts, addresses, mailboxes and URIs.
fn names_in(certificate: &CertificateDer<'_>) -> Result<Vec<String>, Error> {
    let certificate = Certificate::read(certificate)?;
    let names = certificate.alternative_names()?.unwrap_or_default();
    Ok(names.into_iter().filter_map(shown).collect())
}

/// By the numbers of `GeneralName`.
fn shown((kind, name): (u8, &[u8])) -> Option<String> {
    match kind {
        // A mailbox, a host, a URI.
        1 | 2 | 6 => String::from_utf8(name.to_vec()).ok(),
        7 => {
            let four = <[u8; 4]>::try_from(name).map(IpAddr::from);
            let sixteen = <[u8; 16]>::try_from(name).map(IpAddr::from);
            four.or(sixteen).ok().map(|address| address.to_string())
        }
        _ => None,
    }
}
