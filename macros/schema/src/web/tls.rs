//! `tls_server_config`.

use super::keys;
use super::secret::Secret;
use super::text::{confidential, text};
use crate::read::node::{Kind, Node};
use crate::read::position::{At, Position};
use crate::read::report::FileReport;
use crate::read::value::{boolean, items, pairs, unknown_word};

/// PEM text: in a file, or here.
#[derive(Clone, Debug)]
pub enum Pem {
    /// The path of a file, as written.
    File(At<String>),
    /// The text itself.
    Inline(At<Secret>),
}

/// What `tls_server_config` says.
#[derive(Clone, Debug)]
pub struct TlsOptions {
    /// Where it begins.
    pub position: Position,
    /// The server's certificate and its chain.
    pub certificate: Pem,
    /// The certificate's key.
    pub key: Pem,
    /// Who signs clients' certificates.
    pub client_ca: Option<Pem>,
    /// What is asked of clients.
    pub client_auth_type: Option<At<String>>,
    /// One of these names a client's certificate must have.
    pub client_allowed_sans: Vec<At<String>>,
    /// Cipher suites by the names of Go; empty means all.
    pub cipher_suites: Vec<At<String>>,
    /// Key exchange groups by the names of Go; empty means all.
    pub curve_preferences: Vec<At<String>>,
    /// Lowest version.
    pub min_version: Option<At<String>>,
    /// Highest version.
    pub max_version: Option<At<String>>,
    /// Whose order of suites decides.
    pub prefer_server_cipher_suites: Option<At<bool>>,
}

/// What was found of it so far.
#[derive(Default)]
struct Found {
    certificate: Slot,
    key: Slot,
    client_ca: Slot,
    client_auth_type: Option<At<String>>,
    client_allowed_sans: Vec<At<String>>,
    cipher_suites: Vec<At<String>>,
    curve_preferences: Vec<At<String>>,
    min_version: Option<At<String>>,
    max_version: Option<At<String>>,
    prefer_server_cipher_suites: Option<At<bool>>,
}

/// One of `x_file` and `x`.
#[derive(Default)]
struct Slot {
    file: Option<At<String>>,
    inline: Option<At<Secret>>,
}

/// `None` when nothing is in it, which asks for no TLS.
pub(super) fn read(node: &Node, report: &mut FileReport<'_>) -> Option<TlsOptions> {
    if matches!(&node.kind, Kind::Map(pairs) if pairs.is_empty()) {
        return None;
    }
    let pairs = pairs(node, "`tls_server_config`", report);
    let position = pairs.first()?.0.position;
    let mut found = Found::default();
    for (key, value) in pairs {
        key_of(&mut found, key, value, report);
    }
    let certificate = found.certificate.one("cert", position, report);
    let key = found.key.one("key", position, report);
    let client_ca = found.client_ca.at_most_one("client_ca", report);
    Some(TlsOptions {
        position,
        certificate: certificate?,
        key: key?,
        client_ca,
        client_auth_type: found.client_auth_type,
        client_allowed_sans: found.client_allowed_sans,
        cipher_suites: found.cipher_suites,
        curve_preferences: found.curve_preferences,
        min_version: found.min_version,
        max_version: found.max_version,
        prefer_server_cipher_suites: found.prefer_server_cipher_suites,
    })
}

fn key_of(found: &mut Found, key: &At<String>, value: &Node, report: &mut FileReport<'_>) {
    let word = key.value.as_str();
    match word {
        "cert_file" => found.certificate.file = text(value, word, report),
        "cert" => found.certificate.inline = pem(value, word, report),
        "key_file" => found.key.file = text(value, word, report),
        "key" => found.key.inline = pem(value, word, report),
        "client_ca_file" => found.client_ca.file = text(value, word, report),
        "client_ca" => found.client_ca.inline = pem(value, word, report),
        "client_auth_type" => found.client_auth_type = text(value, word, report),
        "client_allowed_sans" => found.client_allowed_sans = texts(value, word, report),
        "cipher_suites" => found.cipher_suites = texts(value, word, report),
        "curve_preferences" => found.curve_preferences = texts(value, word, report),
        "min_version" => found.min_version = text(value, word, report),
        "max_version" => found.max_version = text(value, word, report),
        "prefer_server_cipher_suites" => found.prefer_server_cipher_suites = boolean(value, word, report),
        _ => unknown_word(key, keys::TLS, "`tls_server_config`", report),
    }
}

fn texts(node: &Node, key: &str, report: &mut FileReport<'_>) -> Vec<At<String>> {
    items(node, key, report)
        .iter()
        .filter_map(|item| text(item, key, report))
        .collect()
}

fn pem(node: &Node, key: &str, report: &mut FileReport<'_>) -> Option<At<Secret>> {
    confidential(node, key, report).filter(|pem| !pem.value.expose().is_empty())
}

impl Slot {
    fn at_most_one(self, name: &str, report: &mut FileReport<'_>) -> Option<Pem> {
        match (self.file, self.inline) {
            (Some(file), Some(_)) => {
                report.error(
                    file.position,
                    format!("`{name}_file` and `{name}` exclude each other; leave one"),
                );
                None
            }
            (Some(file), None) => Some(Pem::File(file)),
            (None, inline) => inline.map(Pem::Inline),
        }
    }

    fn one(self, name: &str, position: Position, report: &mut FileReport<'_>) -> Option<Pem> {
        if self.file.is_none() && self.inline.is_none() {
            report.error(
                position,
                format!("`tls_server_config` needs `{name}_file`, or `{name}` inline"),
            );
        }
        self.at_most_one(name, report)
    }
}
