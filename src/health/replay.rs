//! How far behind replay is, of what a standby tells of it. Each part may be refused, by a revoked right or by a service
//! that has no such function: then it is not known, and nothing else changes.

use std::time::Duration;

use super::snapshot::Lag;

/// What a standby tells of its replay; `None` where it does not.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Replay {
    pub(super) is_paused: Option<bool>,
    /// Position up to which WAL was received.
    pub(super) received: Option<u64>,
    /// Position up to which WAL was replayed.
    pub(super) replayed: Option<u64>,
    /// Seconds since the last commit that was replayed.
    pub(super) since_commit: Option<f64>,
    pub(super) receiver: Option<Receiver>,
}

/// The WAL receiver.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Receiver {
    pub(super) is_connected: bool,
    /// The newest position that the sender has reported; a role without `pg_monitor` does not see it.
    pub(super) reported: Option<u64>,
    /// Seconds since something was heard from the sender.
    pub(super) silence: Option<f64>,
    /// `wal_receiver_timeout` in seconds; 0 means that there is none.
    pub(super) timeout: Option<f64>,
}

impl Receiver {
    /// A receiver asks a silent primary for a sign of life after half of `wal_receiver_timeout`, and has it at once: one
    /// that has heard nothing for longer, and two seconds, has lost the primary, though it will find out later. (Who does
    /// not see when it heard something last learns it then, too.)
    fn hears(&self) -> bool {
        let is_deaf = self
            .silence
            .zip(self.timeout)
            .is_some_and(|(silence, timeout)| timeout > 0.0 && silence > timeout / 2.0 + 2.0);
        self.is_connected && !is_deaf
    }
}

impl Replay {
    /// Lag is known only while a WAL receiver is connected: without one the positions that this server has say nothing
    /// about the primary's. Time counts from the last replayed commit while bytes are outstanding.
    pub(super) fn lag(&self) -> Lag {
        let paused = self.is_paused.unwrap_or(false);
        let known = self.receiver.filter(Receiver::hears).and_then(|receiver| {
            let newest = receiver.reported.max(self.received)?;
            Some(newest.saturating_sub(self.replayed?))
        });
        let time = match known {
            None => None,
            Some(0) => Some(Duration::ZERO),
            Some(_) => self
                .since_commit
                .and_then(|seconds| Duration::try_from_secs_f64(seconds.max(0.0)).ok()),
        };
        Lag {
            bytes: known,
            time,
            paused,
        }
    }
}

/// A position as the server writes it: `16/B374D848`.
pub(super) fn position(text: &str) -> Option<u64> {
    let (high, low) = text.split_once('/')?;
    let high = u32::from_str_radix(high, 16).ok()?;
    let low = u32::from_str_radix(low, 16).ok()?;
    Some(u64::from(high) << 32 | u64::from(low))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: Replay = Replay {
        is_paused: Some(false),
        received: Some(100),
        replayed: Some(70),
        since_commit: Some(1.5),
        receiver: Some(Receiver {
            is_connected: true,
            reported: Some(120),
            silence: Some(1.0),
            timeout: Some(60.0),
        }),
    };

    fn receiver(change: impl Fn(&mut Receiver)) -> Replay {
        let mut replay = WHOLE;
        replay.receiver.iter_mut().for_each(change);
        replay
    }

    #[test]
    fn what_is_known_and_what_is_not() {
        let lag = |bytes, seconds: Option<f64>| (bytes, seconds.map(Duration::from_secs_f64));
        let table = [
            ("all", WHOLE, lag(Some(50), Some(1.5))),
            (
                "reported is hidden",
                receiver(|r| r.reported = None),
                lag(Some(30), Some(1.5)),
            ),
            (
                "received is refused",
                Replay {
                    received: None,
                    ..WHOLE
                },
                lag(Some(50), Some(1.5)),
            ),
            (
                "replayed is refused",
                Replay {
                    replayed: None,
                    ..WHOLE
                },
                lag(None, None),
            ),
            (
                "the commit is refused",
                Replay {
                    since_commit: None,
                    ..WHOLE
                },
                lag(Some(50), None),
            ),
            (
                "the receiver is refused",
                Replay {
                    receiver: None,
                    ..WHOLE
                },
                lag(None, None),
            ),
            (
                "no receiver",
                receiver(|r| r.is_connected = false),
                lag(None, None),
            ),
            (
                "deaf for long",
                receiver(|r| r.silence = Some(32.1)),
                lag(None, None),
            ),
            (
                "silent, not too long",
                receiver(|r| r.silence = Some(31.9)),
                lag(Some(50), Some(1.5)),
            ),
            (
                "silence without a timeout",
                receiver(|r| (r.silence, r.timeout) = (Some(1e6), Some(0.0))),
                lag(Some(50), Some(1.5)),
            ),
            (
                "all is replayed",
                Replay {
                    replayed: Some(120),
                    ..WHOLE
                },
                lag(Some(0), Some(0.0)),
            ),
            (
                "more than that",
                Replay {
                    replayed: Some(130),
                    ..WHOLE
                },
                lag(Some(0), Some(0.0)),
            ),
            (
                "the clock went back",
                Replay {
                    since_commit: Some(-3.0),
                    ..WHOLE
                },
                lag(Some(50), Some(0.0)),
            ),
        ];
        for (what, replay, (bytes, time)) in table {
            let expected = Lag {
                bytes,
                time,
                paused: false,
            };
            assert_eq!(replay.lag(), expected, "{what}");
        }
        let paused = Replay {
            is_paused: Some(true),
            ..Replay::default()
        };
        assert!(paused.lag().paused && !Replay::default().lag().paused);
    }

    #[test]
    fn positions() {
        assert_eq!(position("16/B374D848"), Some(0x16_b374_d848));
        assert_eq!(position("0/0"), Some(0));
        for text in ["", "/", "1/", "g/0", "1/100000000", "-1/0"] {
            assert_eq!(position(text), None, "{text}");
        }
    }
}
