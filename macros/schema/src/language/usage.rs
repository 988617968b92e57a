//! The words of `usage`.

use crate::model::Usage;

const USAGES: [Usage; 5] = [
    Usage::Label,
    Usage::Gauge,
    Usage::Counter,
    Usage::Histogram,
    Usage::Discard,
];

/// The usage of that word, in any case.
pub(crate) fn usage(word: &str) -> Option<Usage> {
    USAGES
        .into_iter()
        .find(|usage| usage.word().eq_ignore_ascii_case(word))
}

/// The words of the usages that satisfy a condition.
pub(crate) fn words(which: impl Fn(Usage) -> bool) -> Vec<&'static str> {
    let chosen = USAGES.into_iter().filter(|usage| which(*usage));
    chosen.map(Usage::word).collect()
}

/// The words of all usages.
pub(crate) fn all() -> Vec<&'static str> {
    words(|_| true)
}

/// What to write instead of a usage that only postgres_exporter has.
pub(crate) fn foreign(word: &str) -> Option<&'static str> {
    match word.to_ascii_uppercase().as_str() {
        "DURATION" => Some(
            "write GAUGE, `rename` with a name that ends in `_milliseconds`, and a number of milliseconds in the query: \
             a text such as `2.5s` has to become one there",
        ),
        "MAPPEDMETRIC" => {
            Some("write GAUGE, and the numbers in the query: CASE … WHEN 'on' THEN 1 WHEN 'off' THEN 0 END")
        }
        _ => None,
    }
}
