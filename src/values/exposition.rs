//! The pieces of Prometheus' text format: labels, numbers.

/// 2^53: integers below it are exact in a double.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Appends a number: integers without a point, else the shortest form that reads back to the same double.
pub fn push_number(number: f64, out: &mut Vec<u8>) {
    if number.trunc() == number && number.abs() < EXACT {
        // Exact by the check above; -0 becomes 0, which compares equal.
        out.extend_from_slice(itoa::Buffer::new().format(number as i64).as_bytes());
    } else if number.is_nan() {
        out.extend_from_slice(b"NaN");
    } else if number.is_infinite() {
        out.extend_from_slice(if number > 0.0 { b"+Inf" } else { b"-Inf" });
    } else {
        out.extend_from_slice(zmij::Buffer::new().format_finite(number).as_bytes());
    }
}

/// Appends `name="value"`, escaped.
pub fn push_label(name: &str, value: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"=\"");
    push_escaped(value, out);
    out.push(b'"');
}

fn push_escaped(value: &str, out: &mut Vec<u8>) {
    let mut rest = value.as_bytes();
    while let Some(at) = rest.iter().position(|byte| matches!(byte, b'\\' | b'"' | b'\n')) {
        let (plain, special) = rest.split_at(at);
        out.extend_from_slice(plain);
        out.extend_from_slice(match special.first() {
            Some(b'\\') => b"\\\\",
            Some(b'"') => b"\\\"",
            _ => b"\\n",
        });
        rest = special.get(1..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use proptest::prelude::*;

    fn shown(number: f64) -> String {
        let mut out = Vec::new();
        push_number(number, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn numbers_as_prometheus_reads_them() {
        assert_eq!(shown(0.0), "0");
        assert_eq!(shown(-0.0), "0");
        assert_eq!(shown(1_234_567.0), "1234567");
        assert_eq!(shown(0.1), "0.1");
        assert_eq!(shown(f64::NAN), "NaN");
        assert_eq!(shown(f64::INFINITY), "+Inf");
        assert_eq!(shown(f64::NEG_INFINITY), "-Inf");
        assert_eq!(shown(-2_147_483_648.0), "-2147483648");
    }

    proptest! {
        #[test]
        fn numbers_read_back(number in any::<f64>()) {
            let back: f64 = shown(number).parse().unwrap();
            prop_assert!(back == number || (back.is_nan() && number.is_nan()));
        }
    }

    #[test]
    fn labels_are_escaped() {
        let mut out = Vec::new();
        push_label("a", "x\"y\\z\n", &mut out);
        push_label("b", "", &mut out);
        assert_eq!(out, br#"a="x\"y\\z\n"b="""#);
    }
}
