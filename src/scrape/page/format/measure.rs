//! Units of measurement, as far as names tell them.

/// Prometheus' and OpenMetrics' base units as they stand at the end of names.
const UNITS: [&str; 9] = [
    "seconds", "bytes", "ratio", "celsius", "meters", "volts", "amperes", "joules", "grams",
];

/// The unit that a family's name, without `_total`, ends in.
pub(in crate::scrape) fn unit(name: &str) -> Option<&'static str> {
    let (rest, last) = name.rsplit_once('_')?;
    UNITS.into_iter().find(|unit| *unit == last && !rest.is_empty())
}
