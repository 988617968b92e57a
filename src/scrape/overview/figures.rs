//! Durations and times as people read them.

use std::time::{Duration, SystemTime};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A duration such as `0.1ms`, `2.5ms`, `10s`, `1m30s`: three digits below a minute, whole seconds above.
#[must_use]
pub fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    match seconds {
        0.0 => "0s".to_owned(),
        s if s < 0.000_099_5 => three_digits(s * 1e6, "µs"),
        s if s < 0.999_5 => three_digits(s * 1e3, "ms"),
        s if s < 59.95 => three_digits(s, "s"),
        s => clock(s.round() as u64),
    }
}

/// At most three significant digits, without trailing zeros.
fn three_digits(value: f64, unit: &str) -> String {
    let places = match value {
        v if v < 9.995 => 2,
        v if v < 99.95 => 1,
        _ => 0,
    };
    let text = format!("{value:.places$}");
    let text = if places > 0 {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        &text
    };
    format!("{text}{unit}")
}

fn clock(seconds: u64) -> String {
    let parts = [
        (seconds / 3600, "h"),
        (seconds / 60 % 60, "m"),
        (seconds % 60, "s"),
    ];
    parts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, unit)| format!("{count}{unit}"))
        .collect()
}

/// The line on databases that a text leaves out, indented by so many spaces; empty where it leaves out none.
pub(super) fn left_out(indent: usize, all: usize, shown: usize) -> String {
    match all.saturating_sub(shown) {
        0 => String::new(),
        more => format!(
            "{:indent$}and {more} more databases; all of them: ?databases=all\n",
            ""
        ),
    }
}

/// A moment in UTC as RFC 3339, whole seconds: `2024-01-15T10:29:55Z`.
#[must_use]
pub fn time(moment: SystemTime) -> String {
    let moment = OffsetDateTime::from(moment).replace_nanosecond(0);
    // Fails for years that do not have four digits, which no clock of this exporter shows.
    moment
        .ok()
        .and_then(|moment| moment.format(&Rfc3339).ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let table = [
            (0, "0s"),
            (1, "1µs"),
            (99, "99µs"),
            (100, "0.1ms"),
            (999, "1ms"),
            (1000, "1ms"),
            (2500, "2.5ms"),
            (12_345, "12.3ms"),
            (100_000, "100ms"),
            (999_400, "999ms"),
            (999_600, "1s"),
            (10_000_000, "10s"),
            (59_940_000, "59.9s"),
            (60_000_000, "1m"),
            (90_000_000, "1m30s"),
            (3_600_000_000, "1h"),
            (90_061_000_000, "25h1m1s"),
        ];
        for (microseconds, text) in table {
            assert_eq!(duration(Duration::from_micros(microseconds)), text);
        }
        assert_eq!(duration(Duration::from_nanos(300)), "0.3µs");
    }

    #[test]
    fn times() {
        let moment = SystemTime::UNIX_EPOCH + Duration::from_millis(1_705_314_595_750);
        assert_eq!(time(moment), "2024-01-15T10:29:55Z");
    }
}
