//! Whether a certificate is for a host.

use tokio_rustls::rustls::client::verify_server_name;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::server::ParsedCertificate;
use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::der::oid::db::rfc4519::COMMON_NAME;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

/// By its alternative names; by its common name if it has no alternative name of the host's kind, as in libpq.
pub(in crate::postgres) fn matches(certificate: &CertificateDer<'_>, host: &ServerName<'_>) -> bool {
    let by_alternative = ParsedCertificate::try_from(certificate)
        .is_ok_and(|certificate| verify_server_name(&certificate, host).is_ok());
    by_alternative || matches_common_name(certificate, host)
}

fn matches_common_name(certificate: &CertificateDer<'_>, host: &ServerName<'_>) -> bool {
    let Ok(certificate) = Certificate::from_der(certificate) else {
        return false;
    };
    if has_alternative_name(&certificate, host) {
        return false;
    }
    let names = certificate
        .tbs_certificate
        .subject
        .0
        .iter()
        .flat_map(|part| part.0.iter());
    let Some(name) = names.into_iter().find(|name| name.oid == COMMON_NAME) else {
        return false;
    };
    std::str::from_utf8(name.value.value()).is_ok_and(|pattern| matches_pattern(pattern, &host.to_str()))
}

/// Whether there is an alternative name of the host's kind, right or wrong.
fn has_alternative_name(certificate: &Certificate, host: &ServerName<'_>) -> bool {
    let is_same_kind = |name: &GeneralName| match host {
        ServerName::IpAddress(_) => matches!(name, GeneralName::IpAddress(_)),
        _ => matches!(name, GeneralName::DnsName(_)),
    };
    match certificate.tbs_certificate.get::<SubjectAltName>() {
        Ok(Some((_, names))) => names.0.iter().any(is_same_kind),
        Ok(None) => false,
        // Names that cannot be read are not replaced by another.
        Err(_) => true,
    }
}

/// The name itself, or `*.` for exactly one label in front.
fn matches_pattern(pattern: &str, host: &str) -> bool {
    match pattern.strip_prefix("*.") {
        None => pattern.eq_ignore_ascii_case(host),
        Some(domain) => host
            .split_once('.')
            .is_some_and(|(label, rest)| !label.is_empty() && rest.eq_ignore_ascii_case(domain)),
    }
}

#[cfg(test)]
mod tests {
    use super::matches_pattern;

    #[test]
    fn a_wildcard_stands_for_one_label() {
        let cases = [
            ("db.example", "db.example", true),
            ("DB.example", "db.EXAMPLE", true),
            ("db.example", "db.example.org", false),
            ("*.example", "db.example", true),
            ("*.example", "a.db.example", false),
            ("*.example", "example", false),
            ("*.example", ".example", false),
            ("d*.example", "db.example", false),
            ("*", "db", false),
            ("*.", "db", false),
            ("", "db", false),
        ];
        for (pattern, host, expected) in cases {
            assert_eq!(matches_pattern(pattern, host), expected, "{pattern} for {host}");
        }
    }
}
