//! Settings of the server that a definition may make for its own statement.

use crate::model::Setting;
use crate::read::position::At;
use crate::read::report::FileReport;

/// Settings that would change who asks, or how the exporter and the server understand each other.
const FIXED: [(&str, &str); 15] = [
    ("transaction_read_only", "an exporter only reads"),
    ("role", "connect as that role"),
    ("session_authorization", "connect as that role"),
    ("client_encoding", "results are read as UTF-8"),
    (
        "standard_conforming_strings",
        "write E'…' where a backslash escapes",
    ),
    ("application_name", "it tells whose sessions these are"),
    ("statement_timeout", "write `timeout`"),
    ("lock_timeout", "write `timeout`"),
    ("search_path", "write `search_path`"),
    ("datestyle", "times are read as numbers"),
    ("exit_on_error", ENDS_SESSION),
    ("transaction_timeout", ENDS_SESSION),
    ("idle_in_transaction_session_timeout", ENDS_SESSION),
    ("idle_session_timeout", ENDS_SESSION),
    ("tcp_user_timeout", ENDS_SESSION),
];

/// What all statements of a database lose at once.
const ENDS_SESSION: &str =
    "the session is shared with all other statements, and it would end; write `timeout`";

/// The setting, if a definition may make it.
pub(crate) fn checked(name: &At<String>, value: &str, report: &mut FileReport<'_>) -> Option<Setting> {
    let word = name.value.trim().to_ascii_lowercase();
    if let Some((_, instead)) = FIXED.iter().find(|(fixed, _)| *fixed == word) {
        report.error(
            name.position,
            format!("`{word}` cannot be set by a definition; {instead}"),
        );
        return None;
    }
    if !word.split('.').all(is_part) || word.matches('.').count() > 1 {
        report.error(
            name.position,
            format!(
                "`{}` is no name of a setting; write one such as `work_mem`",
                name.value
            ),
        );
        return None;
    }
    if value.contains('\0') {
        report.error(
            name.position,
            format!("the value of `{word}` holds a NUL character; remove it"),
        );
        return None;
    }
    let setting = Setting {
        name: word.into(),
        value: value.to_owned().into(),
    };
    if let Some(least) = setting.least()
        && !is_size(least)
    {
        report.error(
            name.position,
            format!(
                "`>=` of `{}` takes a size; write a whole number with kB, MB, GB or TB, such as `>=32MB`",
                setting.name
            ),
        );
        return None;
    }
    Some(setting)
}

/// Whether no definition may make a setting.
pub(crate) fn is_fixed(name: &str) -> bool {
    FIXED.iter().any(|(fixed, _)| fixed.eq_ignore_ascii_case(name))
}

/// Whether the server reads it as a number of bytes.
fn is_size(text: &str) -> bool {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = text.get(digits.len()..).unwrap_or_default();
    let is_number = (1..=9).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number && ["kB", "MB", "GB", "TB"].contains(&unit)
}

fn is_part(part: &str) -> bool {
    let starts_well = part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    starts_well
        && part
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '$')
}

/// Seconds of a `statement_timeout` as the server reads it: milliseconds, or a number with its unit. Zero is no limit,
/// which `timeout` says by a negative number.
pub(crate) fn timeout(value: &str) -> Option<f64> {
    let value = value.trim();
    let end = value
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(value.len());
    let (number, unit) = value.split_at_checked(end)?;
    let number: f64 = number.parse().ok()?;
    let factor = match unit.trim() {
        "us" => 1e-6,
        "" | "ms" => 1e-3,
        "s" => 1.0,
        "min" => 60.0,
        "h" => 3_600.0,
        "d" => 86_400.0,
        _ => return None,
    };
    Some(if number == 0.0 { -1.0 } else { number * factor })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_a_session_is_no_definitions() {
        for name in ["exit_on_error", "Transaction_Timeout", "idle_session_timeout"] {
            assert!(is_fixed(name), "{name}");
        }
        assert!(!is_fixed("work_mem"));
    }

    #[test]
    fn sizes_have_units() {
        for text in ["32MB", "1kB", "999999999TB"] {
            assert!(is_size(text), "{text}");
        }
        for text in [
            "",
            "32",
            "MB",
            "32mb",
            "32 MB",
            "-1MB",
            "1.5GB",
            "32MB ",
            "9999999999kB",
        ] {
            assert!(!is_size(text), "{text}");
        }
    }

    #[test]
    fn timeouts_have_units() {
        for (text, seconds) in [
            ("5s", Some(5.0)),
            ("250", Some(0.25)),
            ("500 ms", Some(0.5)),
            ("1min", Some(60.0)),
            ("0", Some(-1.0)),
            ("default", None),
            ("5 parsecs", None),
        ] {
            assert_eq!(timeout(text), seconds, "{text}");
        }
    }
}
