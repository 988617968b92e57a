//! Handshakes with keys that the library does not know by itself: who holds the key gets through, who does not is refused.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a failing test may panic

use std::process::Command;
use std::sync::Arc;

use pg_exporter_lab::Folder;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use tokio_rustls::rustls::sign::{CertifiedKey, SingleCertAndKey};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, DistinguishedName, Error,
    NamedGroup, ProtocolVersion, ServerConfig, ServerConnection, SignatureScheme, SupportedProtocolVersion,
};

use super::{exchange, identity, signature};

/// Trusts every certificate; its key has to be held.
#[derive(Debug)]
struct KeyOnly(CryptoProvider);

impl KeyOnly {
    fn verify(
        &self,
        version: ProtocolVersion,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = self.0.signature_verification_algorithms;
        signature::verify_handshake(algorithms, version, message, certificate, signed)
    }
}

macro_rules! verifies_signatures {
    () => {
        fn verify_tls12_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signed: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            self.verify(ProtocolVersion::TLSv1_2, message, certificate, signed)
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signed: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            self.verify(ProtocolVersion::TLSv1_3, message, certificate, signed)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            signature::schemes(self.0.signature_verification_algorithms)
        }
    };
}

impl ServerCertVerifier for KeyOnly {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    verifies_signatures!();
}

impl ClientCertVerifier for KeyOnly {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    verifies_signatures!();
}

/// A certificate with a key of its own, or with another of the same kind.
struct Maker(Folder);

impl Maker {
    fn new(kind: &str) -> Self {
        let maker = Self(Folder::new());
        for name in ["own", "other"] {
            maker.run(&format!("genpkey {kind} -out {name}.key"));
        }
        maker.run("req -new -x509 -key own.key -subj /CN=somebody -out own.crt");
        maker
    }

    fn run(&self, arguments: &str) {
        let mut command = Command::new("openssl");
        command.current_dir(self.0.path());
        let output = command.args(arguments.split_whitespace()).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "openssl {arguments}: {error}");
    }

    fn shown(&self, key: &str) -> Arc<SingleCertAndKey> {
        let path = |name: &str| self.0.path().join(name);
        let chain = vec![CertificateDer::from_pem_file(path("own.crt")).unwrap()];
        let key = PrivateKeyDer::from_pem_file(path(key)).unwrap();
        let certificate = super::Certificate::read(&chain[0]).unwrap();
        let key = identity::load(key, &certificate, &exchange::provider()).unwrap();
        Arc::new(SingleCertAndKey::from(CertifiedKey::new(chain, key)))
    }
}

/// What both came to: the group that keys were exchanged on.
fn handshake(
    version: &'static SupportedProtocolVersion,
    server: Arc<SingleCertAndKey>,
    client: Arc<SingleCertAndKey>,
) -> Result<NamedGroup, Error> {
    let provider = || Arc::new(exchange::provider());
    let verifier = || Arc::new(KeyOnly(exchange::provider()));
    let server = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[version])?
        .with_client_cert_verifier(verifier())
        .with_cert_resolver(server);
    let client = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[version])?
        .dangerous()
        .with_custom_certificate_verifier(verifier())
        .with_client_cert_resolver(client);
    let mut server = ServerConnection::new(Arc::new(server))?;
    let name = ServerName::try_from("somebody").unwrap();
    let mut client = ClientConnection::new(Arc::new(client), name)?;
    while client.is_handshaking() || server.is_handshaking() {
        let mut wire = Vec::new();
        client.write_tls(&mut wire).unwrap();
        server.read_tls(&mut wire.as_slice()).unwrap();
        server.process_new_packets()?;
        let mut wire = Vec::new();
        server.write_tls(&mut wire).unwrap();
        client.read_tls(&mut wire.as_slice()).unwrap();
        client.process_new_packets()?;
    }
    Ok(client.negotiated_key_exchange_group().unwrap().name())
}

const EC: &str = "-algorithm EC -pkeyopt ec_paramgen_curve:P-256";
const P521: &str = "-algorithm EC -pkeyopt ec_paramgen_curve:P-521";
const PSS: &str = "-algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048";

#[test]
fn who_does_not_hold_the_key_is_refused() {
    let plain = Maker::new(EC);
    // Signatures by keys for RSASSA-PSS alone are not verified in TLS 1.2: the library does not come to it.
    let kinds = [(P521, &TLS12), (P521, &TLS13), (PSS, &TLS13)];
    for (kind, version) in kinds {
        let maker = Maker::new(kind);
        let other = || plain.shown("own.key");
        let of_server = |key| handshake(version, maker.shown(key), other());
        let of_client = |key| handshake(version, other(), maker.shown(key));
        let bad = Err(Error::from(CertificateError::BadSignature));
        // The curve of a certificate is not that of the exchange.
        let good = Ok(NamedGroup::X25519);
        let what = format!("{kind}, {version:?}");
        assert_eq!(of_server("own.key"), good, "{what}");
        assert_eq!(of_client("own.key"), good, "{what}");
        assert_eq!(of_server("other.key"), bad, "{what}");
        assert_eq!(of_client("other.key"), bad, "{what}");
    }
}
