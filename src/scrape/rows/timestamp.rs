//! PostgreSQL's ISO text form of times, for results that arrive as text.

use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::parsing::Parsed;
use time::{Date, Time, UtcOffset};

/// `2024-01-15`, `2024-01-15 10:30:00.25`, `2024-01-15 10:30:00.25+02`, `+05:30`, `+05:53:28`.
const FORM: &[BorrowedFormatItem<'_>] = format_description!(
    version = 2,
    "[year repr:full range:standard sign:automatic]-[month]-[day][optional [ [hour]:[minute]:[second][optional [.[subsecond]]]\
     [optional [[offset_hour sign:mandatory][optional [:[offset_minute][optional [:[offset_second]]]]]]]]]"
);

/// Whole Unix seconds, rounded down, of `2024-01-15 10:30:00.25+02`, of the same without zone (taken as UTC), or of a
/// date alone. `None` for what has another form (years before 1 or after 9999, `BC`) and for days that do not exist.
#[must_use]
pub fn parse(text: &str) -> Option<f64> {
    match text {
        "infinity" => return Some(f64::INFINITY),
        "-infinity" => return Some(f64::NEG_INFINITY),
        _ => {}
    }
    let mut parsed = Parsed::new();
    let rest = parsed.parse_items(text.as_bytes(), FORM).ok()?;
    if !rest.is_empty() {
        return None;
    }
    let date = Date::try_from(parsed).ok().filter(|date| date.year() > 0)?;
    let time = match parsed.hour_24() {
        Some(_) => Time::try_from(parsed).ok()?,
        None => Time::MIDNIGHT,
    };
    let zone = match parsed.offset_hour() {
        Some(_) => UtcOffset::try_from(parsed).ok()?,
        None => UtcOffset::UTC,
    };
    Some(date.with_time(time).assume_offset(zone).unix_timestamp() as f64)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn forms_of_the_server() {
        let table = [
            ("1970-01-01 00:00:00+00", Some(0.0)),
            ("2024-01-15 10:30:00.999+00", Some(1_705_314_600.0)),
            ("2024-01-15 12:30:00+02", Some(1_705_314_600.0)),
            ("2024-01-15 07:00:00-03:30", Some(1_705_314_600.0)),
            ("2024-02-29", Some(1_709_164_800.0)),
            ("infinity", Some(f64::INFINITY)),
            ("1969-12-31 23:59:59.5+00", Some(-1.0)),
            ("1883-11-18 12:03:58-04:56:02", Some(-2_717_650_800.0)),
            ("2024-01-15 10:30:00", Some(1_705_314_600.0)),
            ("2023-02-29", None),
            ("2024-01-15 10:30", None),
            ("2024-01-15 10:30:00+00 or so", None),
            ("0044-03-15 BC", None),
            ("yesterday", None),
            ("", None),
        ];
        for (text, seconds) in table {
            assert_eq!(parse(text), seconds, "{text}");
        }
    }
}
