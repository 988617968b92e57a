//! TLS to the server, by libpq's rules, with rustls.
//!
//! [`connector()`] reads certificates and keys anew for each connection, so that renewed ones are used without a restart. What is
//! made of root certificates is shared by all connections that trust the same; those of the system are looked for each minute.
//! `sslmode` itself, the order of attempts, is in [`Tls::transports`].
//!
//! Differences to libpq: versions before TLS 1.2 do not exist; a key encrypted in the old PEM way (`DEK-Info`) has to be
//! converted; a server whose key is for RSASSA-PSS alone needs TLS 1.3 (the library refuses such a signature in 1.2 unseen); a host whose name DNS would not have is not told to the
//! server (SNI).

mod client;
mod connector;
mod error;
mod name;
mod roots;
mod verifier;

#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{ClientConfig, SupportedProtocolVersion};

use connector::ALPN;

use super::conninfo::{Host, SslMode, SslNegotiation, Tls, TlsVersion};
use crate::certificates::exchange;
use crate::files::Files;

pub use connector::Connector;
pub use error::TlsError;

/// What makes TLS connections to a host as the parameters say. Reads small files: it may block the
/// thread for as long as [`Files`] lets it.
///
/// # Errors
/// When a file that is needed is missing, unreadable or unfit. As in libpq, this is a failed attempt: `sslmode=prefer`
/// goes on without TLS.
pub fn connector(tls: &Tls, host: &Host, files: &Files) -> Result<Connector, TlsError> {
    let provider = Arc::new(exchange::provider());
    let verifier = verifier::Verifier {
        roots: roots::load(tls, files, &provider)?,
        name: (tls.mode == SslMode::VerifyFull).then(|| host.certificate_name()),
        algorithms: provider.signature_verification_algorithms,
    };
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&versions(tls))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let identity = match &tls.client {
        Some(client) => client::load(client, files, &provider)?,
        None => None,
    };
    let mut config = match identity {
        Some(shown) => builder.with_client_cert_resolver(shown),
        None => builder.with_no_client_auth(),
    };
    config.enable_sni = tls.sends_name;
    // It is of one connection.
    config.resumption = Resumption::disabled();
    config.alpn_protocols = vec![ALPN.to_vec()];
    let needs_protocol = tls.negotiation == SslNegotiation::Direct;
    Ok(Connector::new(config, told_name(host), needs_protocol))
}

/// The host as the library takes it, which knows names of DNS and addresses only; of an address the server is told nothing. What is
/// verified is the name as it was given.
fn told_name(host: &Host) -> ServerName<'static> {
    ServerName::try_from(host.certificate_name())
        .unwrap_or_else(|_| ServerName::from(IpAddr::from(Ipv4Addr::UNSPECIFIED)))
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
