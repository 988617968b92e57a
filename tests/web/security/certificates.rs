//! Certificates that the exporter and its clients ask for.

use pg_exporter_lab::authority::named;
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, SanType};

/// For the exporter on 127.0.0.1; `name` tells one from another.
pub(super) fn server(name: &str) -> CertificateParams {
    named(name, &["127.0.0.1"])
}

/// For a client with one alternative name of each kind, all made of `name`.
pub(super) fn client(name: &str) -> CertificateParams {
    let mut params = named(name, &[]);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params.subject_alt_names = vec![
        SanType::DnsName(format!("{name}.example").try_into().unwrap()),
        SanType::Rfc822Name(format!("{name}@example").try_into().unwrap()),
        SanType::URI(format!("spiffe://example/{name}").try_into().unwrap()),
        SanType::IpAddress([192, 0, 2, 1].into()),
        SanType::IpAddress("2001:db8::1".parse().unwrap()),
    ];
    params
}
