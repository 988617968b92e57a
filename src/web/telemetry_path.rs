//! Which paths the metrics page may have.

use super::query::percent_decoded;
use super::route;

/// Why a path cannot be that of the metrics page.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TelemetryPathError {
    /// Does not begin with a slash.
    #[error("it must begin with /, as in /metrics")]
    Relative,
    /// Holds a query, a fragment, braces, blanks, or bytes that URLs do not have.
    #[error("it must be a plain path: no query, fragment, braces, blanks or unencoded characters")]
    NotPlain,
    /// Has empty, `.` or `..` segments, or ends with a slash.
    #[error("it must be in canonical form: no //, /./, /../ and no / at its end")]
    NotCanonical,
    /// Belongs to another page.
    #[error("{0} is the path of another page; choose another one")]
    Taken(String),
}

/// Checks the path of the metrics page.
///
/// # Errors
/// What is wrong with it.
pub fn check_telemetry_path(path: &str) -> Result<(), TelemetryPathError> {
    let Some(rest) = path.strip_prefix('/') else {
        return Err(TelemetryPathError::Relative);
    };
    if !path
        .bytes()
        .all(|b| b.is_ascii_graphic() && !b"?#{}<>\"\\^`|".contains(&b))
    {
        return Err(TelemetryPathError::NotPlain);
    }
    let is_digit = |at: Option<&u8>| at.is_some_and(u8::is_ascii_hexdigit);
    let escapes = path.match_indices('%').all(|(at, _)| {
        let bytes = path.as_bytes();
        is_digit(bytes.get(at + 1)) && is_digit(bytes.get(at + 2))
    });
    let decoded = percent_decoded(path)
        .filter(|_| escapes)
        .ok_or(TelemetryPathError::NotPlain)?;
    let segments = |text: &str| text.split('/').any(|segment| matches!(segment, "" | "." | ".."));
    let canonical = decoded.strip_prefix('/').is_some_and(|rest| !segments(rest)) && !segments(rest);
    if path != "/" && !canonical {
        return Err(TelemetryPathError::NotCanonical);
    }
    if route::is_taken(&decoded) {
        return Err(TelemetryPathError::Taken(path.to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table() {
        use TelemetryPathError::{NotCanonical, NotPlain, Relative};
        for path in [
            "/metrics",
            "/a/b-c_d.e~f",
            "/m%C3%A9triques",
            "/up2",
            "/metrics.txt",
        ] {
            assert_eq!(check_telemetry_path(path), Ok(()), "{path}");
        }
        let table = [
            ("", Relative),
            ("metrics", Relative),
            ("/a?b", NotPlain),
            ("/a#b", NotPlain),
            ("/a b", NotPlain),
            ("/{a}", NotPlain),
            ("/é", NotPlain),
            ("/a%2", NotPlain),
            ("/a%zz", NotPlain),
            ("/a%ff", NotPlain),
            ("//a", NotCanonical),
            ("/a/", NotCanonical),
            ("/a/../b", NotCanonical),
            ("/./a", NotCanonical),
            ("/a%2F%2e%2e", NotCanonical),
        ];
        for (path, error) in table {
            assert_eq!(check_telemetry_path(path), Err(error), "{path}");
        }
        for path in [
            "/",
            "/up",
            "/primary",
            "/read-only",
            "/version",
            "/reload",
            "/stat",
            "/explain",
            "/collector/x",
            "/%75p",
        ] {
            assert_eq!(
                check_telemetry_path(path),
                Err(TelemetryPathError::Taken(path.to_owned())),
                "{path}"
            );
        }
    }
}
