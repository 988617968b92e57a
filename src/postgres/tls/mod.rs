//! TLS to the server, by libpq's rules, with rustls.
//!
//! [`connector`] reads certificates and keys anew for each connection, so that renewed ones are used without a restart.
//! `sslmode` itself, the order of attempts, is in [`Tls::transports`].
//!
//! Differences to libpq: versions before TLS 1.2 do not exist; every certificate in `sslrootcert` is an anchor of
//! trust, also an intermediate one; a leaf of X.509 version 1 is accepted by its root file only if it is in there
//! itself, and needs TLS 1.3; a key encrypted in the old PEM way (`DEK-Info`) has to be converted.

mod client;
mod error;
mod name;
mod roots;
mod started;
mod verifier;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{ClientConfig, SupportedProtocolVersion};

use super::conninfo::{SslMode, SslNegotiation, Tls, TlsVersion};
use crate::files::Files;

pub use error::TlsError;
pub use started::TlsStarted;
pub(crate) use verifier::verify_validity;

/// What a direct handshake has to name, so that the server knows the protocol inside.
const ALPN: &[u8] = b"postgresql";

/// What makes TLS connections as the parameters say. Reads small files: it may block the
/// thread for as long as [`Files`] lets it.
///
/// # Errors
/// When a file that is needed is missing, unreadable or unfit. As in libpq, this is a failed attempt: `sslmode=prefer`
/// goes on without TLS.
pub fn connector(tls: &Tls, files: &Files) -> Result<MakeRustlsConnect, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let verifier = verifier::Verifier {
        roots: roots::load(tls, files)?,
        checks_name: tls.mode == SslMode::VerifyFull,
        algorithms: provider.signature_verification_algorithms,
    };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&versions(tls))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let identity = match &tls.client {
        Some(client) => client::load(client, files)?,
        None => None,
    };
    let mut config = match identity {
        Some((chain, key)) => builder.with_client_auth_cert(chain, key)?,
        None => builder.with_no_client_auth(),
    };
    config.enable_sni = tls.sends_name;
    if tls.negotiation == SslNegotiation::Direct {
        config.alpn_protocols = vec![ALPN.to_vec()];
    }
    Ok(MakeRustlsConnect::new(config))
}

/// The versions from the lowest accepted to the highest offered.
fn versions(tls: &Tls) -> Vec<&'static SupportedProtocolVersion> {
    let all = [(TlsVersion::Tls12, &TLS12), (TlsVersion::Tls13, &TLS13)];
    let wanted = tls.min_version..=tls.max_version;
    all.into_iter()
        .filter(|(version, _)| wanted.contains(version))
        .map(|(_, supported)| supported)
        .collect()
}
