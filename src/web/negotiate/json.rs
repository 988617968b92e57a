//! JSON or text.

use hyper::HeaderMap;
use hyper::header::ACCEPT;

use super::items::items;

/// Whether the client wants JSON rather than text: by `?format=json`, or because it likes that better.
pub(in crate::web) fn wants_json(headers: &HeaderMap, query: &str) -> bool {
    if let Some(format) = query.split('&').find_map(|pair| pair.strip_prefix("format=")) {
        return format == "json";
    }
    let accepted = items(headers, &ACCEPT);
    let quality = |kind, subtype| {
        let fitting = accepted
            .iter()
            .filter_map(|item| Some((item.fit(kind, subtype)?, item.quality)));
        // Of those that fit equally well the first counts.
        fitting
            .rev()
            .max_by_key(|(fit, _)| *fit)
            .map_or(0, |(_, quality)| quality)
    };
    quality("application", "json") > quality("text", "plain")
}
