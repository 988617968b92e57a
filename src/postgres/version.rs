//! Versions as servers write them, as numbers.

/// The first `a.b.c` in a text as 10000·a + 100·b + c.
#[must_use]
pub fn dotted_version(text: &str) -> Option<u32> {
    text.split(|c: char| !c.is_ascii_digit() && c != '.')
        .find_map(|word| {
            let numbers: Vec<u32> = word.split('.').map(str::parse).collect::<Result<_, _>>().ok()?;
            match numbers.as_slice() {
                [major, minor, patch] if *major < 1000 && *minor < 100 && *patch < 100 => {
                    Some(major * 10_000 + minor * 100 + patch)
                }
                _ => None,
            }
        })
}

/// `server_version_num` of a `server_version` such as `15.18 (Debian 15.18-0+deb12u1)`, `18beta1` or `9.6.24`;
/// 0 when it cannot be read.
pub(in crate::postgres) fn server_version(text: &str) -> u32 {
    let mut numbers = text
        .split(|c: char| !c.is_ascii_digit() && c != '.')
        .next()
        .unwrap_or_default()
        .split('.')
        .map(|number| number.parse::<u32>().unwrap_or(0).min(9_999));
    let major = numbers.next().unwrap_or(0);
    let second = numbers.next().unwrap_or(0);
    let third = numbers.next().unwrap_or(0);
    if major >= 10 {
        major * 10_000 + second
    } else {
        major * 10_000 + second * 100 + third
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_in_text() {
        assert_eq!(dotted_version("PgBouncer 1.18.0"), Some(11_800));
        assert_eq!(
            dotted_version("PgBouncer version 1.8.1 (compiled by ..)"),
            Some(10_801)
        );
        assert_eq!(dotted_version("1.25.0/bouncer"), Some(12_500));
        assert_eq!(dotted_version("no number 1.2"), None);
        assert_eq!(dotted_version("99999999999.1.1"), None);
    }

    #[test]
    fn versions_of_the_greeting() {
        assert_eq!(server_version("15.18 (Debian 15.18-0+deb12u1)"), 150_018);
        assert_eq!(server_version("18beta1"), 180_000);
        assert_eq!(server_version("9.6.24"), 90_624);
        assert_eq!(server_version("19devel"), 190_000);
        assert_eq!(server_version(""), 0);
    }
}
