//! Durations as Go writes them: `5m`, `1h30m`, `250ms`.

/// Seconds of a duration.
pub(crate) fn seconds(text: &str) -> Option<f64> {
    let mut rest = text.trim();
    let mut total = 0.0;
    if rest == "0" {
        return Some(0.0);
    }
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, behind) = rest.split_at_checked(end)?;
        let unit_end = behind.find(|c: char| c.is_ascii_digit()).unwrap_or(behind.len());
        let (unit, behind) = behind.split_at_checked(unit_end)?;
        let factor = match unit {
            "ns" => 1e-9,
            "us" | "µs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3_600.0,
            _ => return None,
        };
        total += number.parse::<f64>().ok()? * factor;
        rest = behind;
    }
    (!text.trim().is_empty()).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::seconds;

    #[test]
    fn units_add_up() {
        for (text, number) in [
            ("5m", Some(300.0)),
            ("1h30m", Some(5_400.0)),
            ("250ms", Some(0.25)),
            ("0", Some(0.0)),
            ("1.5s", Some(1.5)),
            ("5", None),
            ("", None),
            ("5 minutes", None),
        ] {
            assert_eq!(seconds(text), number, "{text}");
        }
    }
}
