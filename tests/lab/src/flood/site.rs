//! What a server behind TLS is configured by, and what its clients trust.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;

use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::Client;
use crate::authority::{Authority, named};
use crate::error::{Context as _, OrFail as _};
use crate::folder::Folder;

/// A web configuration of the exporter with a certificate for `localhost`, in a folder of its own.
pub struct Site {
    authority: CertificateDer<'static>,
    folder: Folder,
}

impl Site {
    /// A new one.
    ///
    /// # Panics
    /// When no certificate can be made, or no folder.
    #[must_use]
    #[track_caller]
    #[expect(clippy::new_without_default, reason = "it makes something on the disk")]
    pub fn new() -> Self {
        let authority = Authority::new("authority");
        let pair = authority.pair(&named("localhost", &["localhost"]));
        let folder = Folder::of(&[
            (
                "web.yml",
                "tls_server_config: { cert_file: web.crt, key_file: web.key }\n",
            ),
            ("web.crt", &pair.certificate),
        ]);
        folder.write_private("web.key", &pair.key);
        let authority = CertificateDer::from_pem_slice(authority.certificate.as_bytes());
        Self {
            authority: authority.context(|| "a certificate".into()).or_fail(),
            folder,
        }
    }

    /// What `--web.config.file` is to name; `web.crt` and `web.key` are beside it.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.folder.at("web.yml")
    }

    /// A client from an address of 127.0.0.0/8 that speaks a protocol of TLS' own negotiation.
    ///
    /// # Panics
    /// When the certificate cannot be trusted.
    #[must_use]
    #[track_caller]
    pub fn client(&self, address: Ipv4Addr, port: u16, protocol: &str) -> Client {
        let mut roots = RootCertStore::empty();
        roots
            .add(self.authority.clone())
            .context(|| "a root".into())
            .or_fail();
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .context(|| "versions of TLS".into())
            .or_fail()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
        Client {
            address,
            port,
            connector: TlsConnector::from(Arc::new(config)),
            room: None,
        }
    }
}
