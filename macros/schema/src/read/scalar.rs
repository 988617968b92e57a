//! What a scalar's text means under a key that wants a number, a boolean or a text.
//!
//! The rules are those of the YAML library of pg_exporter 1.x, so that its files mean the same here: numbers may be
//! quoted, `1_000` and `0x10` are numbers, `yes` and `off` are booleans. One is stricter: a leading zero never means
//! octal, so that `070400` is version 7.4.

/// A whole number: decimal, also as `1e5` or `10.0`, hexadecimal `0x10`, octal `0o17`, binary `0b101`.
pub(crate) fn int(text: &str) -> Option<i64> {
    let text = text.trim().replace('_', "");
    if let Ok(number) = text.parse::<i64>() {
        return Some(number);
    }
    if let Some(number) = radix(&text) {
        return Some(number);
    }
    whole(decimal(&text)?)
}

/// A finite number, with or without exponent.
pub(crate) fn float(text: &str) -> Option<f64> {
    let text = text.trim().replace('_', "");
    #[allow(
        clippy::cast_precision_loss,
        reason = "no one writes 2^53 in hexadecimal into a definition"
    )]
    let number = decimal(&text).or_else(|| radix(&text).map(|number| number as f64))?;
    number.is_finite().then_some(number)
}

/// `true`, `yes`, `on`, `y` and their opposites.
pub(crate) fn boolean(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "y" => Some(true),
        "false" | "no" | "off" | "n" => Some(false),
        _ => None,
    }
}

fn radix(text: &str) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (prefix, digits) = digits.split_at_checked(2)?;
    let base = match prefix {
        "0x" | "0X" => 16,
        "0o" | "0O" => 8,
        "0b" | "0B" => 2,
        _ => return None,
    };
    if digits.starts_with(['+', '-']) {
        return None;
    }
    let number = i64::from_str_radix(digits, base).ok()?;
    Some(if negative { -number } else { number })
}

/// Rust reads `inf` and `nan` as numbers as well; a definition must not.
fn decimal(text: &str) -> Option<f64> {
    let looks_decimal = text
        .chars()
        .all(|c| matches!(c, '0'..='9' | '+' | '-' | '.' | 'e' | 'E'));
    looks_decimal.then(|| text.parse().ok()).flatten()
}

#[allow(clippy::cast_possible_truncation, reason = "the range is checked")]
fn whole(number: f64) -> Option<i64> {
    let fits = number.fract() == 0.0 && number.abs() < 9e15;
    fits.then_some(number as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_decimal_whatever_their_leading_zeros() {
        let cases = [
            ("090600", Some(90600)),
            ("070400", Some(70400)),
            ("0", Some(0)),
            ("+5", Some(5)),
            ("-5", Some(-5)),
            ("100_000", Some(100_000)),
            ("1e5", Some(100_000)),
            ("10.0", Some(10)),
            ("0x10", Some(16)),
            ("-0x10", Some(-16)),
            ("0o17", Some(15)),
            ("0b101", Some(5)),
            (" 7 ", Some(7)),
            ("1.5", None),
            ("0x", None),
            ("0x-1", None),
            ("1e300", None),
            ("", None),
            ("ten", None),
            ("9223372036854775808", None),
        ];
        for (text, number) in cases {
            assert_eq!(int(text), number, "{text}");
        }
    }

    #[test]
    fn floats_are_finite() {
        let cases = [
            ("1e-3", Some(0.001)),
            ("1000", Some(1000.0)),
            (".5", Some(0.5)),
            ("5.", Some(5.0)),
            ("-1", Some(-1.0)),
            ("0x10", Some(16.0)),
            ("1_0.5", Some(10.5)),
            ("inf", None),
            (".inf", None),
            ("nan", None),
            ("1e999", None),
            ("", None),
            ("1s", None),
            (".", None),
        ];
        for (text, number) in cases {
            assert_eq!(float(text), number, "{text}");
        }
    }

    #[test]
    fn booleans_have_many_spellings() {
        for text in ["true", "True", "TRUE", "yes", "On", "y"] {
            assert_eq!(boolean(text), Some(true), "{text}");
        }
        for text in ["false", "no", "OFF", "n"] {
            assert_eq!(boolean(text), Some(false), "{text}");
        }
        for text in ["", "1", "0", "t", "enabled"] {
            assert_eq!(boolean(text), None, "{text}");
        }
    }
}
