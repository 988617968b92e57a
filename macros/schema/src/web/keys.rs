//! The words of a web configuration file.

pub(super) const TOP: &[&str] = &[
    "tls_server_config",
    "http_server_config",
    "rate_limit",
    "basic_auth_users",
];

pub(super) const HTTP: &[&str] = &["http2", "headers", "rate_limit"];

pub(super) const RATE_LIMIT: &[&str] = &["interval", "burst"];

pub(super) const TLS: &[&str] = &[
    "cert_file",
    "cert",
    "key_file",
    "key",
    "client_ca_file",
    "client_ca",
    "client_auth_type",
    "client_allowed_sans",
    "cipher_suites",
    "curve_preferences",
    "min_version",
    "max_version",
    "prefer_server_cipher_suites",
];
