//! The server's clock: what it will show at the end of a budget.

use std::time::Instant;

/// The server's clock at a moment.
#[derive(Clone, Copy, Debug)]
pub(in crate::postgres) struct ServerClock {
    asked: Instant,
    /// Seconds since 1970 by the server.
    epoch: f64,
}

impl ServerClock {
    /// The clock, as asked for at a moment: by the time of the answer it has gone on, so statements end a little later
    /// rather than too early.
    pub(in crate::postgres) fn asked(at: Instant, epoch: f64) -> Self {
        Self { asked: at, epoch }
    }

    /// What it shows at a moment, in milliseconds.
    pub(in crate::postgres) fn at(self, moment: Instant) -> f64 {
        (self.epoch + moment.saturating_duration_since(self.asked).as_secs_f64()) * 1e3
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_servers_clock_goes_on() {
        let clock = ServerClock::asked(Instant::now(), 1_000.5);
        let later = clock.at(clock.asked + Duration::from_millis(250));
        assert!((later - 1_000_750.0).abs() < 1e-3, "{later}");
    }
}
