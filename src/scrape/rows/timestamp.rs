//! PostgreSQL's ISO text form of times, for results that arrive as text.

/// Whole Unix seconds, rounded down, of `2024-01-15 10:30:00.25+02`, of the same without zone (taken as UTC), or of a
/// date alone. `None` for what has another form (years before 1 or after 9999, `BC`).
#[must_use]
pub fn parse(text: &str) -> Option<f64> {
    match text {
        "infinity" => return Some(f64::INFINITY),
        "-infinity" => return Some(f64::NEG_INFINITY),
        _ => {}
    }
    let (date, time) = text.split_once(' ').unwrap_or((text, "00:00:00"));
    let mut parts = date.split('-');
    let year = number(parts.next()?, 4)?;
    let month = number(parts.next()?, 2).filter(|month| (1..=12).contains(month))?;
    let day = number(parts.next()?, 2).filter(|day| (1..=31).contains(day))?;
    if parts.next().is_some() {
        return None;
    }
    let zone_at = time.find(['+', '-']).unwrap_or(time.len());
    let (clock, zone) = time.split_at_checked(zone_at)?;
    let seconds = days_from_epoch(year, month, day) * 86_400 + clock_seconds(clock)? - zone_seconds(zone)?;
    Some(seconds as f64)
}

fn clock_seconds(clock: &str) -> Option<i64> {
    let whole = clock.split('.').next()?;
    let mut parts = whole.split(':');
    let (hour, minute, second) = (parts.next()?, parts.next()?, parts.next()?);
    Some(number(hour, 2)? * 3_600 + number(minute, 2)? * 60 + number(second, 2)?)
}

/// `+02`, `-03:30`, `+05:53:28`, or nothing.
fn zone_seconds(zone: &str) -> Option<i64> {
    let Some(sign) = zone.chars().next() else {
        return Some(0);
    };
    let mut seconds = 0;
    for (part, unit) in zone.get(1..)?.split(':').zip([3_600, 60, 1]) {
        seconds += number(part, 2)? * unit;
    }
    Some(if sign == '-' { -seconds } else { seconds })
}

fn number(text: &str, digits: usize) -> Option<i64> {
    (text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}

/// Days from 1970-01-01 in the proleptic Gregorian calendar, by Howard Hinnant's `days_from_civil`.
fn days_from_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
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
            ("0044-03-15 BC", None),
            ("yesterday", None),
            ("", None),
        ];
        for (text, seconds) in table {
            assert_eq!(parse(text), seconds, "{text}");
        }
    }
}
