//! Durations as people write them: `500ms`, `1.5s`, `1m30s`.

use std::time::Duration;

/// Longest duration that is taken: a year. It keeps every sum with a clock's reading in range.
const LONGEST: f64 = 365.0 * 24.0 * 3600.0;

/// Seconds of `text`; a number without a unit counts in `bare` seconds.
///
/// Signs are allowed, since some settings give zero and negative values a meaning. `None` when it is no duration.
pub(crate) fn seconds(text: &str, bare: f64) -> Option<f64> {
    let text = text.trim();
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text.strip_prefix('+').unwrap_or(text)),
    };
    if let Some(number) = number(rest) {
        return Some(sign * number * bare);
    }
    let mut total = 0.0;
    while !rest.is_empty() {
        let (digits, tail) = rest.split_at(rest.find(|c: char| c.is_ascii_alphabetic() || c == 'µ')?);
        let (unit, tail) = tail.split_at(
            tail.find(|c: char| c.is_ascii_digit() || c == '.')
                .unwrap_or(tail.len()),
        );
        total += number(digits)? * unit_seconds(unit)?;
        rest = tail;
    }
    (!text.is_empty()).then_some(sign * total)
}

/// A positive duration that a clock can be advanced by; `None` when it is zero, negative or no duration.
pub(crate) fn positive(text: &str, bare: f64) -> Option<Duration> {
    let seconds = seconds(text, bare)?;
    (seconds > 0.0 && seconds <= LONGEST).then(|| Duration::from_secs_f64(seconds))
}

fn number(text: &str) -> Option<f64> {
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    plain.then(|| text.parse().ok()).flatten()
}

fn unit_seconds(unit: &str) -> Option<f64> {
    Some(match unit {
        "ns" => 1e-9,
        "us" | "µs" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write() {
        let ms = Duration::from_millis;
        let table = [
            ("100", Some(ms(100))),
            ("500ms", Some(ms(500))),
            ("1s", Some(ms(1000))),
            ("1.5s", Some(ms(1500))),
            ("1m30s", Some(ms(90_000))),
            ("2h", Some(ms(7_200_000))),
            (" 3s ", Some(ms(3000))),
            ("250000us", Some(ms(250))),
            ("0", None),
            ("-5s", None),
            ("", None),
            ("s", None),
            ("1", Some(ms(1))),
            ("1 s", None),
            ("1x", None),
            ("1.2.3s", None),
            ("1e3s", None),
            ("inf", None),
            ("99999999999h", None),
        ];
        for (text, expected) in table {
            assert_eq!(positive(text, 1e-3), expected, "{text:?}");
        }
    }

    #[test]
    fn keeps_the_sign() {
        assert_eq!(seconds("-1m30s", 1.0), Some(-90.0));
        assert_eq!(seconds("-5", 1e-3), Some(-0.005));
        assert_eq!(seconds("+5", 1.0), Some(5.0));
        assert_eq!(seconds("--5", 1.0), None);
    }
}
