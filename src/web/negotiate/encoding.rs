//! Compression of a page by `Accept-Encoding`.

use hyper::HeaderMap;
use hyper::header::ACCEPT_ENCODING;

use super::items::{Item, Quality, items};
use crate::scrape::Encoding;

/// The encoding that the client likes best. Compression wins a tie, since the client named it; zstd does before gzip,
/// since it is less work on both sides.
pub(in crate::web) fn encoding(headers: &HeaderMap) -> Encoding {
    let items = items(headers, &ACCEPT_ENCODING);
    let any = quality(&items, &["*"]);
    let identity = quality(&items, &["identity"]).or(any);
    let gzip = quality(&items, &["gzip", "x-gzip"]).or(any);
    // A client that takes anything may well not mean what is that young.
    let zstd = quality(&items, &["zstd"]).unwrap_or(0);
    let best = zstd.max(gzip.unwrap_or(0));
    // Not to name identity is to take it when nothing else fits.
    if best > 0 && (identity == Some(0) || best >= identity.unwrap_or(0)) {
        if zstd == best {
            Encoding::Zstd
        } else {
            Encoding::Gzip
        }
    } else if identity == Some(0) && gzip.is_none() {
        // It refuses nothing else, and everybody knows gzip.
        Encoding::Gzip
    } else {
        Encoding::Identity
    }
}

/// The highest quality of a coding by any of its names.
fn quality(items: &[Item<'_>], names: &[&str]) -> Option<Quality> {
    let is_meant = |item: &&Item<'_>| names.iter().any(|name| item.name.eq_ignore_ascii_case(name));
    items.iter().filter(is_meant).map(|item| item.quality).max()
}

#[cfg(test)]
mod tests {
    use super::super::tests::headers;
    use super::*;

    #[test]
    fn encodings() {
        use Encoding::{Gzip, Identity, Zstd};
        let table: [(&[&str], Encoding); 35] = [
            (&[], Identity),
            (&[""], Identity),
            (&["gzip"], Gzip),
            (&["GZIP"], Gzip),
            (&["x-gzip"], Gzip),
            (&["gzip, deflate, br"], Gzip),
            (&["deflate", "gzip"], Gzip),
            (&["gzip;q=0"], Identity),
            (&["gzip;q=0.000"], Identity),
            (&["gzip;q=0.1"], Gzip),
            (&["gzip ; q=0.5 , identity"], Identity),
            (&["identity;q=0.5, gzip;q=0.5"], Gzip),
            (&["identity;q=0.5, gzip;q=0.4"], Identity),
            (&["identity"], Identity),
            (&["*"], Gzip),
            (&["*;q=0"], Identity),
            (&["gzip;q=0, *"], Identity),
            (&["*;q=0, gzip"], Gzip),
            (&["gzip;q=nonsense"], Identity),
            (&["zstd, br"], Zstd),
            (&["gzip, deflate, br, zstd"], Zstd),
            (&["zstd;q=0.9, gzip"], Gzip),
            (&["gzip;q=0.9, ZSTD;q=0.95"], Zstd),
            (&["zstd;q=0, gzip"], Gzip),
            (&["zstd;q=0"], Identity),
            (&["zstd;q=0.5, identity;q=0.7"], Identity),
            (&["identity;q=0"], Gzip),
            (&["identity;q=0, zstd;q=0.1"], Zstd),
            (&["identity;q=0, gzip;q=0"], Identity),
            (&["identity;q=0, *;q=0"], Identity),
            (&["identity;q=0, gzip;q=0, zstd"], Zstd),
            (&["deflate, gzip;q=1.0, *;q=0.5"], Gzip),
            (&["gzip;q=0.3, *;q=0.5"], Identity),
            (&["zstd;q=0.3, gzip;q=0.2, *;q=0"], Zstd),
            (&[";;,=,q"], Identity),
        ];
        for (values, expected) in table {
            assert_eq!(
                encoding(&headers(&ACCEPT_ENCODING, values)),
                expected,
                "{values:?}"
            );
        }
    }
}
