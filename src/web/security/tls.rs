//! `tls_server_config`: what a connection's handshake allows.

use std::ops::RangeInclusive;
use std::sync::Arc;

use pg_exporter_schema::{At, TlsOptions};
use tokio_rustls::rustls::crypto::{CryptoProvider, SupportedKxGroup, ring};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{ServerConfig, SupportedCipherSuite, SupportedProtocolVersion};

use super::documents::{Documents, position};
use super::names;
use super::names::Version;
use super::{certificate, client_auth};
use crate::certificates::identity;

/// What connections ask for in TLS' own negotiation, the best first.
const HTTP2: &[u8] = b"h2";
const HTTP1: &[u8] = b"http/1.1";

/// TLS as it is in force.
pub(super) struct Tls {
    pub(super) config: Arc<ServerConfig>,
    /// When the server's certificate ends, in seconds since 1970.
    pub(super) expires: Option<i64>,
}

/// Reads certificates and keys, and notes every mistake.
pub(super) fn read(options: &TlsOptions, http2: bool, documents: &mut Documents) -> Option<Tls> {
    let chain = certificate::certificates(&options.certificate, documents);
    let key = certificate::key(&options.key, documents);
    let range = versions(options, documents);
    let suites = each(
        &options.cipher_suites,
        "cipher_suites",
        names::cipher_suite,
        documents,
    );
    let groups = each(
        &options.curve_preferences,
        "curve_preferences",
        names::curve,
        documents,
    );
    let provider = Arc::new(provider(&suites, &groups));
    let versions = usable(&provider, &range?);
    if versions.is_empty() {
        documents.error(
            options.position,
            "`cipher_suites` has none for TLS 1.2, and `max_version` allows no other; add one, or write TLS13",
        );
        return None;
    }
    let verifier = client_auth::read(options, &provider, documents)?;
    let (chain, key) = (chain?, key?);
    let expires = chain.first().and_then(certificate::expiry);
    let config = identity::shown(chain, key, &provider).and_then(|identity| {
        let builder = ServerConfig::builder_with_provider(provider).with_protocol_versions(&versions)?;
        let builder = builder.with_client_cert_verifier(verifier);
        Ok(builder.with_cert_resolver(identity))
    });
    match config {
        Ok(mut config) => {
            config.ignore_client_order = options
                .prefer_server_cipher_suites
                .as_ref()
                .is_none_or(|prefer| prefer.value);
            config.alpn_protocols = if http2 {
                vec![HTTP2.into(), HTTP1.into()]
            } else {
                vec![HTTP1.into()]
            };
            Some(Tls {
                config: Arc::new(config),
                expires,
            })
        }
        Err(error) => {
            let message = format!("certificate and key cannot be used: {error}");
            documents.error(position(&options.certificate), message);
            None
        }
    }
}

/// Whether a handshake agreed on HTTP/2.
pub(in crate::web) fn is_http2(protocol: Option<&[u8]>) -> bool {
    protocol == Some(HTTP2)
}

/// From the lowest version to the highest.
fn versions(options: &TlsOptions, documents: &mut Documents) -> Option<RangeInclusive<Version>> {
    let lowest = version(
        options.min_version.as_ref(),
        "min_version",
        Version::Tls12,
        documents,
    );
    let highest = version(
        options.max_version.as_ref(),
        "max_version",
        Version::Tls13,
        documents,
    );
    let range = lowest?..=highest?;
    if range.is_empty() {
        let position = options
            .max_version
            .as_ref()
            .map_or(options.position, |at| at.position);
        documents.error(
            position,
            "`max_version` is below `min_version`; swap them, or leave one out",
        );
        return None;
    }
    Some(range)
}

fn version(
    name: Option<&At<String>>,
    key: &str,
    default: Version,
    documents: &mut Documents,
) -> Option<Version> {
    let Some(name) = name else { return Some(default) };
    match names::version(&name.value) {
        Ok(version) => Some(version),
        Err(why) => {
            documents.wrong(name, format!("`{}` of `{key}` {why}", name.value));
            None
        }
    }
}

/// What each name of a list means; the mistakes are noted.
fn each<T, E: std::fmt::Display>(
    list: &[At<String>],
    key: &str,
    meaning: impl Fn(&str) -> Result<T, E>,
    documents: &mut Documents,
) -> Vec<T> {
    let mut meant = Vec::new();
    for name in list {
        match meaning(&name.value) {
            Ok(one) => meant.push(one),
            Err(why) => documents.wrong(name, format!("`{}` of `{key}` {why}", name.value)),
        }
    }
    meant
}

/// As in Go, the suites listed are those of TLS 1.2; those of 1.3 are all good and always there.
fn provider(suites: &[SupportedCipherSuite], groups: &[&'static dyn SupportedKxGroup]) -> CryptoProvider {
    let mut provider = ring::default_provider();
    if !suites.is_empty() {
        provider.cipher_suites.retain(|suite| suite.tls13().is_some());
        let of_tls12 = suites.iter().filter(|suite| suite.tls13().is_none());
        provider.cipher_suites.extend(of_tls12);
    }
    if !groups.is_empty() {
        provider.kx_groups = groups.to_vec();
    }
    provider
}

/// The versions between the two that have a suite.
fn usable(
    provider: &CryptoProvider,
    range: &RangeInclusive<Version>,
) -> Vec<&'static SupportedProtocolVersion> {
    let has_suite = |wanted: &SupportedProtocolVersion| {
        let mut suites = provider.cipher_suites.iter();
        suites.any(|suite| suite.version() == wanted)
    };
    [(Version::Tls12, &TLS12), (Version::Tls13, &TLS13)]
        .into_iter()
        .filter(|(version, _)| range.contains(version))
        .map(|(_, version)| version)
        .filter(|version| has_suite(version))
        .collect()
}
