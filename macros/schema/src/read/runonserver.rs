//! Ranges of versions as postgres_exporter and CloudNativePG write them: `>=12.0.0 <17.0.0`.

/// The first version that is meant, and the first that is no longer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) min: Option<u32>,
    pub(crate) max: Option<u32>,
}

/// The range that a text means.
pub(crate) fn range(text: &str) -> Result<Range, String> {
    let mut range = Range::default();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let operator_end = rest.find(|c: char| !"<>=!|".contains(c)).unwrap_or(rest.len());
        let (operator, behind) = rest.split_at_checked(operator_end).unwrap_or((rest, ""));
        let behind = behind.trim_start();
        let end = behind
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(behind.len());
        let (version, behind) = behind.split_at_checked(end).unwrap_or((behind, ""));
        let number = number(version).filter(|_| !"|!".contains(operator.chars().next().unwrap_or('=')));
        let number = number.ok_or_else(|| {
            format!(
                "`{text}` is no range of versions such as \">=12.0.0 <17.0.0\"; write `min_version` and `max_version`, \
                 one branch for each range"
            )
        })?;
        narrow(&mut range, operator, number, text)?;
        rest = behind.trim_start_matches([' ', ',', '\t']);
    }
    Ok(range)
}

fn narrow(range: &mut Range, operator: &str, number: u32, text: &str) -> Result<(), String> {
    let min = |range: &mut Range, number| range.min = Some(range.min.map_or(number, |old| old.max(number)));
    let max = |range: &mut Range, number| range.max = Some(range.max.map_or(number, |old| old.min(number)));
    match operator {
        ">=" => min(range, number),
        ">" => min(range, number + 1),
        "<" => max(range, number),
        "<=" => max(range, number + 1),
        "=" | "==" | "" => {
            min(range, number);
            max(range, number + 1);
        }
        other => {
            return Err(format!(
                "`{text}` has `{other}`, which no range has; write `min_version` and `max_version`"
            ));
        }
    }
    Ok(())
}

/// `server_version_num` of `12.3.0`, `9.6.5`, `17`.
fn number(version: &str) -> Option<u32> {
    let mut parts = version.trim_end_matches('.').split('.');
    let major: u32 = parts.next()?.parse().ok()?;
    let mut part = || match parts.next() {
        Some(part) => part.parse::<u32>().ok().filter(|part| *part < 100),
        None => Some(0),
    };
    let (minor, patch) = (part()?, part()?);
    if !(1..1000).contains(&major) || parts.next().is_some() {
        return None;
    }
    Some(if major < 10 {
        major * 10_000 + minor * 100 + patch
    } else {
        // From 10 on there is no third part.
        major * 10_000 + minor
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read() {
        for (text, min, max) in [
            (">=12.0.0 <17.0.0", Some(120_000), Some(170_000)),
            (">=9.6.5", Some(90_605), None),
            ("<9.4.0", None, Some(90_400)),
            ("> 10.4", Some(100_005), None),
            ("<=16", None, Some(160_001)),
            ("=13.2.0", Some(130_002), Some(130_003)),
            (">=10.0.0,<12", Some(100_000), Some(120_000)),
            (">=10 >=11 <15 <14", Some(110_000), Some(140_000)),
            ("", None, None),
        ] {
            assert_eq!(range(text), Ok(Range { min, max }), "{text}");
        }
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for text in [
            ">=12 || <9.4",
            "!=12",
            "latest",
            ">=",
            "~12",
            ">=1.2.3.4",
            "=>12",
            "0.9",
        ] {
            assert!(range(text).is_err(), "{text}");
        }
    }
}
