//! Figures as people read them.

use std::time::{Duration, SystemTime};

use pg_exporter_schema::OPEN;

use crate::scrape::overview::duration;

/// Seconds in the units that suit them: `2.5 ms`, `12.3 s`, `3 min 20 s`, `5 h 12 min`, `12 d 3 h`.
pub(super) fn seconds(seconds: f64) -> String {
    let Ok(time) = Duration::try_from_secs_f64(seconds) else {
        return "–".to_owned();
    };
    let whole = time.as_secs();
    match whole {
        0..60 => spaced(&duration(time)),
        60..3600 => pair(whole / 60, "min", whole % 60, "s"),
        3600..86_400 => pair(whole / 3600, "h", whole / 60 % 60, "min"),
        _ => pair(whole / 86_400, "d", whole / 3600 % 24, "h"),
    }
}

/// The number apart from its unit.
fn spaced(text: &str) -> String {
    match text.find(|c: char| !c.is_ascii_digit() && c != '.') {
        Some(at) => {
            let (number, unit) = text.split_at(at);
            // Rounded up to a minute.
            if unit == "m" {
                "60 s".to_owned()
            } else {
                format!("{number} {unit}")
            }
        }
        None => text.to_owned(),
    }
}

fn pair(large: u64, unit: &str, small: u64, small_unit: &str) -> String {
    match small {
        0 => format!("{large} {unit}"),
        _ => format!("{large} {unit} {small} {small_unit}"),
    }
}

/// How long ago a moment is.
pub(super) fn ago(moment: SystemTime) -> String {
    let age = SystemTime::now().duration_since(moment).unwrap_or_default();
    match age.as_secs() {
        // Nobody reads it faster than that.
        0 => "just now".to_owned(),
        whole => format!("{} ago", seconds(whole as f64)),
    }
}

/// Bytes in the unit of 1024 that suits them.
pub(super) fn bytes(bytes: u64) -> String {
    let mut value = bytes as f64;
    let mut unit = "B";
    for next in ["kB", "MB", "GB", "TB"] {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        unit = next;
    }
    if unit == "B" || value >= 100.0 {
        format!("{value:.0} {unit}")
    } else {
        format!("{value:.1} {unit}")
    }
}

/// A count with its thousands apart.
pub(super) fn count(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3 + 1);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A word for so many.
pub(super) fn plural<'a>(count: usize, one: &'a str, many: &'a str) -> &'a str {
    if count == 1 { one } else { many }
}

/// `server_version_num` as people know it: two parts from PostgreSQL 10 on, three before and for pgbouncer.
pub(super) fn version(number: u32) -> String {
    match number {
        0 => "unknown version".to_owned(),
        100_000.. => format!("{}.{}", number / 10_000, number % 10_000),
        _ => format!("{}.{}.{}", number / 10_000, number / 100 % 100, number % 100),
    }
}

/// The servers that a definition is for.
pub(super) fn versions(min: u32, max: u32) -> String {
    match (min, max) {
        (0, OPEN) => "all".to_owned(),
        (_, OPEN) => format!("{} and newer", bound(min)),
        (0, _) => format!("before {}", bound(max)),
        _ => format!("{} and newer, before {}", bound(min), bound(max)),
    }
}

/// A bound without the zeros of a whole major version.
fn bound(number: u32) -> String {
    match number {
        100_000.. if number.is_multiple_of(10_000) => (number / 10_000).to_string(),
        ..100_000 if number.is_multiple_of(100) => format!("{}.{}", number / 10_000, number / 100 % 100),
        _ => version(number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_for_people() {
        let table = [
            (0.0, "0 s"),
            (0.0123, "12.3 ms"),
            (0.000_25, "0.25 ms"),
            (1.25, "1.25 s"),
            (59.97, "60 s"),
            (200.0, "3 min 20 s"),
            (7200.0, "2 h"),
            (9000.0, "2 h 30 min"),
            (1_047_600.0, "12 d 3 h"),
            (f64::NAN, "–"),
            (-1.0, "–"),
        ];
        for (value, expected) in table {
            assert_eq!(seconds(value), expected);
        }
    }

    #[test]
    fn sizes_counts_and_versions() {
        assert_eq!(
            [0, 1023, 1536, 16 << 20, 3 << 40].map(bytes),
            ["0 B", "1023 B", "1.5 kB", "16.0 MB", "3.0 TB"]
        );
        assert_eq!(
            [0, 999, 1000, 1_234_567].map(count),
            ["0", "999", "1,000", "1,234,567"]
        );
        assert_eq!(
            [150_018, 90_624, 11_800, 0].map(version),
            ["15.18", "9.6.24", "1.18.0", "unknown version"]
        );
        assert_eq!(versions(0, OPEN), "all");
        assert_eq!(versions(90_400, OPEN), "9.4 and newer");
        assert_eq!(versions(100_000, 140_000), "10 and newer, before 14");
        assert_eq!(versions(0, 130_005), "before 13.5");
    }
}
