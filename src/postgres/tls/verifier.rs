//! Whether the server is the one that is wanted, as far as `sslmode` asks.

use std::sync::Arc;

use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::WebPkiSupportedAlgorithms;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    CertificateError, DigitallySignedStruct, Error, ProtocolVersion, SignatureScheme,
};

use super::name;
use crate::certificates::{Authorities, signature};

/// Verifies chain and name, each if asked for. That the server holds the certificate's key is verified always.
#[derive(Debug)]
pub(in crate::postgres) struct Verifier {
    /// The chain is verified if there are any.
    pub(in crate::postgres) roots: Option<Arc<Authorities>>,
    /// The name that is verified, if it is. It may be none of DNS.
    pub(in crate::postgres) name: Option<String>,
    /// How signatures may be made.
    pub(in crate::postgres) algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if let Some(roots) = &self.roots {
            roots.verify(certificate, intermediates, now)?;
        }
        if let Some(host) = &self.name
            && !name::matches(certificate, host)?
        {
            return Err(CertificateError::NotValidForName.into());
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let version = ProtocolVersion::TLSv1_2;
        signature::verify_handshake(self.algorithms, version, message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let version = ProtocolVersion::TLSv1_3;
        signature::verify_handshake(self.algorithms, version, message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        signature::schemes(self.algorithms)
    }
}
