//! Whether a certificate is for a host, by libpq's rules.
//!
//! Names are compared as they are written: a host may have a name that DNS would not have. The common name counts where there is no
//! alternative name of the host's kind.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use tokio_rustls::rustls::Error;
use tokio_rustls::rustls::pki_types::CertificateDer;

use crate::certificates::Certificate;

/// Kinds of alternative names.
const DNS: u8 = 2;
const ADDRESS: u8 = 7;

/// Whether it is.
///
/// # Errors
/// When the certificate, or its names, cannot be read.
pub(in crate::postgres) fn matches(certificate: &CertificateDer<'_>, host: &str) -> Result<bool, Error> {
    let certificate = Certificate::read(certificate)?;
    let address = address(host);
    let kind = if address.is_some() { ADDRESS } else { DNS };
    let names = certificate.alternative_names()?.unwrap_or_default();
    let is_meant = |(kind, name): &(u8, &[u8])| match *kind {
        DNS => matches_pattern(name, host),
        ADDRESS => address.is_some_and(|address| is_address(name, address)),
        _ => false,
    };
    if names.iter().any(is_meant) {
        return Ok(true);
    }
    if names.iter().any(|(other, _)| *other == kind) {
        return Ok(false);
    }
    Ok(certificate
        .common_name()
        .is_some_and(|name| matches_pattern(&name, host)))
}

fn is_address(bytes: &[u8], address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => bytes == address.octets(),
        IpAddr::V6(address) => bytes == address.octets(),
    }
}

/// The name itself, or `*.` for exactly one label in front.
fn matches_pattern(pattern: &[u8], host: &str) -> bool {
    let host = host.as_bytes();
    if host.is_empty() || pattern.contains(&0) {
        return false;
    }
    if pattern.eq_ignore_ascii_case(host) {
        return true;
    }
    let (Some(domain), Some(dot)) = (
        pattern.strip_prefix(b"*.").filter(|domain| !domain.is_empty()),
        host.iter().position(|byte| *byte == b'.'),
    ) else {
        return false;
    };
    let rest = host.get(dot + 1..).unwrap_or_default();
    dot > 0 && rest.eq_ignore_ascii_case(domain)
}

/// The address that a host is by inet_aton and inet_pton: `127.1` is one, too.
fn address(host: &str) -> Option<IpAddr> {
    if let Ok(address) = host.parse::<Ipv6Addr>() {
        return Some(address.into());
    }
    let parts: Vec<u64> = host.split('.').map(number).collect::<Option<_>>()?;
    let (last, first) = parts.split_last()?;
    let room = 4_u32
        .checked_sub(u32::try_from(first.len()).ok()?)
        .filter(|room| *room > 0)?;
    if first.iter().any(|part| *part > 255) || *last >= 1_u64 << (8 * room) {
        return None;
    }
    let high = first
        .iter()
        .zip([24, 16, 8])
        .fold(0, |sum, (part, shift)| sum | part << shift);
    u32::try_from(high | last)
        .ok()
        .map(|address| Ipv4Addr::from(address).into())
}

/// A decimal, octal (`010`) or hexadecimal (`0x8`) number.
fn number(text: &str) -> Option<u64> {
    let (digits, radix) = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => (digits, 16),
        None if text.len() > 1 && text.starts_with('0') => (text, 8),
        None => (text, 10),
    };
    let is_number = !digits.is_empty() && digits.chars().all(|digit| digit.is_digit(radix));
    is_number.then(|| u64::from_str_radix(digits, radix).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

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
            ("*.", "db.", false),
            ("", "db", false),
            ("", "", false),
            ("db\0.evil", "db", false),
            ("my-db-", "my-db-", true),
            ("fe80::1%lo", "fe80::1%lo", true),
        ];
        for (pattern, host, expected) in cases {
            assert_eq!(
                matches_pattern(pattern.as_bytes(), host),
                expected,
                "{pattern} for {host}"
            );
        }
    }

    #[test]
    fn addresses_are_what_the_c_library_takes_for_one() {
        let cases = [
            ("127.0.0.1", Some("127.0.0.1")),
            ("127.1", Some("127.0.0.1")),
            ("127.0.1", Some("127.0.0.1")),
            ("2130706433", Some("127.0.0.1")),
            ("0x7f.1", Some("127.0.0.1")),
            ("010.0.0.1", Some("8.0.0.1")),
            ("::1", Some("::1")),
            ("1.2.3.4.5", None),
            ("256.1.1.1", None),
            ("4294967296", None),
            ("fe80::1%lo", None),
            ("db1", None),
            ("", None),
            ("1..2", None),
        ];
        for (host, expected) in cases {
            assert_eq!(
                address(host).map(|address| address.to_string()).as_deref(),
                expected,
                "{host}"
            );
        }
    }
}
