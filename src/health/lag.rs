//! `?lag=`: how far behind a replica may be and still count as good.

use std::fmt;
use std::time::Duration;

use super::snapshot::{Lag, State};

/// The farthest behind that is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Allowed {
    Time(Duration),
    Bytes(u64),
}

/// A `lag` parameter that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// Why a replica is not good enough.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Behind {
    Paused,
    Unknown(Allowed),
    Time(Duration, Duration),
    Bytes(u64, u64),
}

/// Looks at every `lag` parameter of the query: each must hold. Other parameters are not ours.
pub(crate) fn judge(query: &str, state: State, lag: &Lag) -> Result<Option<Behind>, Malformed> {
    let mut found = None;
    for value in query.split('&').filter_map(|pair| match pair.split_once('=') {
        Some(("lag", value)) => Some(value),
        None if pair == "lag" => Some(""),
        _ => None,
    }) {
        let allowed = Allowed::parse(value).ok_or(Malformed)?;
        if state == State::Replica && found.is_none() {
            found = allowed.exceeded(lag);
        }
    }
    Ok(found)
}

impl Allowed {
    /// A whole number and its unit; units of bytes are powers of 1024, as in PostgreSQL's settings.
    fn parse(text: &str) -> Option<Self> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let number: u64 = number.parse().ok()?;
        let time = |milliseconds: u64| {
            Some(Self::Time(Duration::from_millis(
                number.checked_mul(milliseconds)?,
            )))
        };
        let bytes = |power: u32| Some(Self::Bytes(number.checked_mul(1024_u64.pow(power))?));
        match unit {
            "ms" => time(1),
            "s" => time(1000),
            "m" => time(60_000),
            "h" => time(3_600_000),
            "B" => bytes(0),
            "kB" => bytes(1),
            "MB" => bytes(2),
            "GB" => bytes(3),
            _ => None,
        }
    }

    fn exceeded(self, lag: &Lag) -> Option<Behind> {
        if lag.paused {
            return Some(Behind::Paused);
        }
        match self {
            Self::Time(allowed) => match lag.time {
                None => Some(Behind::Unknown(self)),
                Some(time) => (time > allowed).then_some(Behind::Time(time, allowed)),
            },
            Self::Bytes(allowed) => match lag.bytes {
                None => Some(Behind::Unknown(self)),
                Some(bytes) => (bytes > allowed).then_some(Behind::Bytes(bytes, allowed)),
            },
        }
    }
}

impl fmt::Display for Behind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Paused => f.write_str("replay is paused"),
            Self::Unknown(Allowed::Time(_)) => f.write_str("the replay lag in time is not known"),
            Self::Unknown(Allowed::Bytes(_)) => f.write_str("the replay lag in bytes is not known"),
            Self::Time(lag, allowed) => {
                write!(
                    f,
                    "replay is {:.3} s behind, allowed is {} s",
                    lag.as_secs_f64(),
                    allowed.as_secs_f64()
                )
            }
            Self::Bytes(lag, allowed) => {
                write!(f, "replay is {lag} bytes behind, allowed are {allowed} bytes")
            }
        }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "lag is not a whole number with one of the units ms, s, m, h, B, kB, MB, GB, as in lag=10s",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units() {
        let table = [
            ("500ms", Allowed::Time(Duration::from_millis(500))),
            ("10s", Allowed::Time(Duration::from_secs(10))),
            ("2m", Allowed::Time(Duration::from_secs(120))),
            ("1h", Allowed::Time(Duration::from_secs(3600))),
            ("0B", Allowed::Bytes(0)),
            ("7B", Allowed::Bytes(7)),
            ("64kB", Allowed::Bytes(64 << 10)),
            ("16MB", Allowed::Bytes(16 << 20)),
            ("3GB", Allowed::Bytes(3 << 30)),
        ];
        for (text, allowed) in table {
            assert_eq!(Allowed::parse(text), Some(allowed), "{text}");
        }
    }

    #[test]
    fn malformed() {
        for value in [
            "",
            "10",
            "s",
            "-1s",
            "+1s",
            "1.5s",
            "1 s",
            "10S",
            "1KB",
            "1mb",
            "1TB",
            "99999999999999999999s",
            "99999999999999999h",
            "99999999999999GB",
            "1s1s",
            "%31s",
        ] {
            for state in [State::Replica, State::Primary, State::Down] {
                assert_eq!(
                    judge(&format!("a=b&lag={value}"), state, &Lag::default()),
                    Err(Malformed),
                    "{value:?}"
                );
            }
        }
        assert_eq!(judge("lag", State::Primary, &Lag::default()), Err(Malformed));
        assert_eq!(
            judge("lag=1s&lag=x", State::Replica, &Lag::default()),
            Err(Malformed)
        );
    }

    #[test]
    fn rules() {
        let known = Lag {
            bytes: Some(1 << 20),
            time: Some(Duration::from_secs(10)),
            paused: false,
        };
        let blind = Lag::default();
        let paused = Lag {
            paused: true,
            bytes: Some(0),
            time: Some(Duration::ZERO),
        };
        let good = |query, lag| judge(query, State::Replica, lag) == Ok(None);
        assert!(good("", &known) && good("", &blind) && good("", &paused));
        assert!(
            good("lag=10s", &known) && good("lag=1MB", &known),
            "exactly that far behind is allowed"
        );
        assert!(!good("lag=9999ms", &known) && !good("lag=1048575B", &known));
        assert!(!good("lag=1h", &blind) && !good("lag=1GB", &blind));
        assert!(!good("lag=1h", &paused) && !good("lag=1GB", &paused));
        assert!(
            good("lag=10s&lag=1MB", &known)
                && !good("lag=10s&lag=1kB", &known)
                && !good("lag=1s&lag=1GB", &known)
        );
        assert!(good("flag=1s&lagx=0s", &known), "other parameters are not ours");
        for state in [State::Primary, State::Down, State::Unknown, State::Starting] {
            assert_eq!(judge("lag=0s", state, &blind), Ok(None), "only replicas lag");
        }
    }

    #[test]
    fn reasons_say_how_far() {
        let text = |query, lag: Lag| match judge(query, State::Replica, &lag) {
            Ok(Some(behind)) => behind.to_string(),
            other => format!("{other:?}"),
        };
        let lag = Lag {
            bytes: Some(2000),
            time: Some(Duration::from_millis(1500)),
            paused: false,
        };
        assert_eq!(text("lag=1s", lag), "replay is 1.500 s behind, allowed is 1 s");
        assert_eq!(
            text("lag=1kB", lag),
            "replay is 2000 bytes behind, allowed are 1024 bytes"
        );
        assert_eq!(
            text("lag=1s", Lag::default()),
            "the replay lag in time is not known"
        );
        assert_eq!(text("lag=1s", Lag { paused: true, ..lag }), "replay is paused");
    }

    proptest::proptest! {
        #[test]
        fn no_query_panics(query in "(lag=)?[0-9]{0,30}\\PC{0,5}(&lag)?") {
            let lag = Lag { bytes: Some(u64::MAX), time: Some(Duration::MAX), paused: false };
            let _ = judge(&query, State::Replica, &lag).map(|behind| behind.map(|behind| behind.to_string()));
        }
    }
}
