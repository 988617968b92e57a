//! Repeated measurements of one thing.

use std::time::Duration;

/// Measurements in milliseconds, in ascending order.
#[derive(Clone, Debug, Default)]
pub struct Figures(Vec<f64>);

impl Figures {
    /// Adds one.
    pub fn push(&mut self, duration: Duration) {
        let at = self
            .0
            .partition_point(|known| *known < duration.as_secs_f64() * 1e3);
        self.0.insert(at, duration.as_secs_f64() * 1e3);
    }

    /// The one in the middle.
    pub fn median(&self) -> f64 {
        self.0.get(self.0.len() / 2).copied().unwrap_or_default()
    }

    /// The least: what remains when nothing else disturbs.
    pub fn min(&self) -> f64 {
        self.0.first().copied().unwrap_or_default()
    }

    /// Median and least, as text.
    pub fn shown(&self) -> String {
        format!("{:.2} ({:.2})", self.median(), self.min())
    }
}
