//! Texts that the engine and its page need ready: bounds, `# HELP` and `# TYPE` lines, names.

use std::fmt::Write as _;

use crate::model::{Family, Usage};

/// A finite number as labels show it, the bounds of buckets among them: Go's shortest `%g`, which is `1`, `0.5`, `1e+06`.
#[must_use]
pub fn shortest(number: f64) -> String {
    let digits = format!("{number:e}");
    let (mantissa, exponent) = digits.split_once('e').unwrap_or((&digits, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if (-4..6).contains(&exponent) || number == 0.0 {
        return format!("{number}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.unsigned_abs())
}

/// The families of a column: none, one, or a histogram's three.
pub(crate) fn families(usage: Usage, name: &str, help: &str) -> Vec<Family> {
    match usage {
        Usage::Label | Usage::Discard => Vec::new(),
        Usage::Gauge => vec![family(name.to_owned(), help, "gauge")],
        Usage::Counter => vec![family(name.to_owned(), help, "counter")],
        Usage::Histogram => HISTOGRAM_PARTS
            .iter()
            .map(|(suffix, meaning)| {
                family(format!("{name}{suffix}"), &format!("{help} ({meaning})"), "gauge")
            })
            .collect(),
    }
}

/// What a histogram is made of. All three are gauges: they describe one moment, they do not accumulate.
const HISTOGRAM_PARTS: [(&str, &str); 3] = [
    ("_bucket", "observations up to the bound"),
    ("_count", "number of observations"),
    ("_sum", "sum of observations"),
];

fn family(name: String, help: &str, kind: &str) -> Family {
    let mut head = String::with_capacity(2 * name.len() + help.len() + 24);
    let _ = write!(head, "# HELP {name} ");
    for c in help.chars() {
        match c {
            '\\' => head.push_str("\\\\"),
            '\n' => head.push_str("\\n"),
            c => head.push(c),
        }
    }
    let _ = writeln!(head, "\n# TYPE {name} {kind}");
    Family {
        name: name.into(),
        head: head.into(),
    }
}

/// Whether a metric may have that name.
pub(crate) fn is_metric_name(name: &str) -> bool {
    is_name(name, |c| c == '_' || c == ':')
}

/// Whether a label may have that name.
pub(crate) fn is_label_name(name: &str) -> bool {
    is_name(name, |c| c == '_')
}

fn is_name(name: &str, is_extra: impl Fn(char) -> bool) -> bool {
    let starts_well = name
        .chars()
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic() || is_extra(c));
    starts_well && name.chars().all(|c| c.is_ascii_alphanumeric() || is_extra(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_shown_as_go_shows_them() {
        let cases = [
            (1.0, "1"),
            (0.5, "0.5"),
            (0.0, "0"),
            (-2.5, "-2.5"),
            (100_000.0, "100000"),
            (999_999.0, "999999"),
            (1e6, "1e+06"),
            (1_234_567.0, "1.234567e+06"),
            (1e100, "1e+100"),
            (0.0001, "0.0001"),
            (0.000_01, "1e-05"),
            (0.000_012_5, "1.25e-05"),
        ];
        for (bound, text) in cases {
            assert_eq!(shortest(bound), text);
        }
    }

    #[test]
    fn heads_are_escaped() {
        let families = families(Usage::Gauge, "pg_x", "a \\ b\nc \"d\"");
        let heads: Vec<&str> = families.iter().map(|family| family.head.as_ref()).collect();
        assert_eq!(heads, ["# HELP pg_x a \\\\ b\\nc \"d\"\n# TYPE pg_x gauge\n"]);
    }

    #[test]
    fn a_histogram_has_three_families() {
        let families = families(Usage::Histogram, "pg_age", "Age");
        let names: Vec<&str> = families.iter().map(|family| family.name.as_ref()).collect();
        assert_eq!(names, ["pg_age_bucket", "pg_age_count", "pg_age_sum"]);
        assert!(families.iter().all(|family| family.head.ends_with(" gauge\n")));
    }

    #[test]
    fn names_are_those_of_the_text_format() {
        for name in ["a", "_a", "A9", "a:b"] {
            assert!(is_metric_name(name), "{name}");
        }
        for name in ["", "9a", "a-b", "a b", "é", "a.b"] {
            assert!(!is_metric_name(name), "{name}");
        }
        assert!(!is_label_name("a:b"));
    }
}
