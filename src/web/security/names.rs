//! What Go's names for TLS mean here.

use tokio_rustls::rustls::SupportedCipherSuite;
use tokio_rustls::rustls::crypto::SupportedKxGroup;
use tokio_rustls::rustls::crypto::ring::{ALL_CIPHER_SUITES, kx_group};

use crate::certificates::exchange::SECP521R1;

/// A version of TLS that there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Version {
    Tls12,
    Tls13,
}

/// A version, or why there is none and what to write.
pub(super) fn version(name: &str) -> Result<Version, &'static str> {
    match name {
        "TLS12" => Ok(Version::Tls12),
        "TLS13" => Ok(Version::Tls13),
        "TLS10" | "TLS11" => {
            Err("is outdated and insecure, and not supported; write TLS12 or TLS13, or put a proxy in front")
        }
        _ => Err("is no version of TLS; write TLS12 or TLS13"),
    }
}

/// A cipher suite by its registered name, in which those of TLS 1.3 have no key exchange.
pub(super) fn cipher_suite(name: &str) -> Result<SupportedCipherSuite, String> {
    // Go took these two under a shorter name first.
    let full = match name {
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305" => "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305" => "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        name => name,
    };
    if let Some(suite) = ALL_CIPHER_SUITES.iter().find(|suite| suite_name(suite) == full) {
        return Ok(*suite);
    }
    let why = if name.contains("_CBC_") || name.contains("_RC4_") {
        "is not supported: it has no authenticated encryption"
    } else if name.starts_with("TLS_RSA_") {
        "is not supported: it has no forward secrecy"
    } else {
        "is no cipher suite that there is"
    };
    let names: Vec<_> = ALL_CIPHER_SUITES.iter().map(suite_name).collect();
    Err(format!("{why}; there are {}", names.join(", ")))
}

fn suite_name(suite: &SupportedCipherSuite) -> String {
    let name = suite.suite().as_str().unwrap_or_default();
    // The library marks those of TLS 1.3.
    name.replacen("TLS13_", "TLS_", 1)
}

/// A group for the key exchange.
pub(super) fn curve(name: &str) -> Result<&'static dyn SupportedKxGroup, &'static str> {
    match name {
        "CurveP256" => Ok(kx_group::SECP256R1),
        "CurveP384" => Ok(kx_group::SECP384R1),
        "X25519" => Ok(kx_group::X25519),
        // It costs more than the others: nobody may ask for it where it is not written.
        "CurveP521" => Ok(SECP521R1),
        "X25519MLKEM768" => Err("is not supported by this build; write X25519, CurveP256 or CurveP384"),
        _ => Err("is no curve that there is; write CurveP256, CurveP384, CurveP521 or X25519"),
    }
}
