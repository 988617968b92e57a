//! Small plots, as the text of SVG paths: nothing is loaded, nothing is styled in place.

use std::fmt::Write as _;

use super::figures;
use crate::scrape::Run;

/// Width of a sparkline's box.
pub(super) const SPARK_WIDTH: usize = 69;
const SPARK_HEIGHT: f64 = 16.0;

/// The points of a sparkline, newest at the right; nothing for less than two values.
pub(super) fn spark(values: &[f32]) -> Option<String> {
    if values.len() < 2 {
        return None;
    }
    let most = values.iter().copied().fold(f32::MIN_POSITIVE, f32::max);
    let mut points = String::with_capacity(values.len() * 8);
    for (at, value) in values.iter().enumerate() {
        let x = SPARK_WIDTH.saturating_sub((values.len() - 1 - at) * 3);
        // A half on each side, for the width of the line.
        let y = SPARK_HEIGHT - 1.0 - f64::from(value / most) * (SPARK_HEIGHT - 2.0);
        let _ = write!(points, "{x},{y:.0} ");
    }
    points.pop();
    Some(points)
}

/// The durations of the last scrapes as bars.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Bars {
    /// Scrapes without any failure.
    pub(super) good: String,
    /// Scrapes in which a collector failed.
    pub(super) warn: String,
    /// Scrapes that found the target down.
    pub(super) bad: String,
    /// What the plot says, in words.
    pub(super) summary: String,
    /// The height of the plot as a time.
    pub(super) most: String,
    /// Width of the plot's box.
    pub(super) width: usize,
    /// How long ago the first of them was, where it is at the left end.
    pub(super) since: Option<String>,
}

/// Bars that fit beside each other, as many as scrapes are remembered.
const BARS: usize = 120;
/// Fewer than that do not fill the box.
const FEW: usize = 60;
const BAR: usize = 5;
/// Height of the plot's box.
pub(super) const HEIGHT: usize = 64;

impl Bars {
    /// `None` before the first scrape.
    pub(super) fn new(runs: &[Run]) -> Option<Self> {
        let shown = runs.get(runs.len().saturating_sub(BARS)..)?;
        let first = shown.first()?;
        let mut sorted: Vec<f64> = shown.iter().map(|run| run.took.as_secs_f64()).collect();
        sorted.sort_unstable_by(f64::total_cmp);
        let most = sorted.last().copied().unwrap_or_default();
        let median = sorted.get(sorted.len() / 2).copied().unwrap_or_default();
        let mut bars = Self {
            most: figures::seconds(most),
            width: shown.len().max(FEW) * BAR,
            since: (shown.len() >= FEW).then(|| figures::ago(first.ended)),
            ..Self::default()
        };
        for (at, run) in shown.iter().enumerate() {
            let x = bars.width.saturating_sub((shown.len() - at) * BAR);
            let height = (run.took.as_secs_f64() / most.max(f64::MIN_POSITIVE) * HEIGHT as f64).max(1.0);
            let path = if !run.up {
                &mut bars.bad
            } else if run.failures > 0 {
                &mut bars.warn
            } else {
                &mut bars.good
            };
            let _ = write!(path, "M{x} {HEIGHT}v-{height:.0}h{}v{height:.0}z", BAR - 1);
        }
        let count = |is: fn(&&Run) -> bool| shown.iter().filter(is).count();
        let down = count(|run| !run.up);
        let failing = count(|run| run.up && run.failures > 0);
        bars.summary = format!(
            "{} {}: median {}, longest {}, {down} with the target down, {failing} with a failed collector",
            shown.len(),
            figures::plural(shown.len(), "scrape", "scrapes"),
            figures::seconds(median),
            bars.most,
        );
        Some(bars)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::time::{Duration, SystemTime};

    use super::*;

    #[test]
    fn a_sparkline_ends_at_the_right_and_stays_in_its_box() {
        assert_eq!(spark(&[1.0]), None);
        assert_eq!(spark(&[0.0, 0.5, 1.0]).unwrap(), "63,15 66,8 69,1");
        assert_eq!(spark(&[0.0, 0.0]).unwrap(), "66,15 69,15");
    }

    #[test]
    fn bars_are_sorted_by_outcome() {
        let run = |milliseconds, up, failures| Run {
            ended: SystemTime::now(),
            took: Duration::from_millis(milliseconds),
            up,
            failures,
        };
        assert_eq!(Bars::new(&[]), None);
        let bars = Bars::new(&[run(10, true, 0), run(20, true, 1), run(0, false, 0)]).unwrap();
        assert_eq!(bars.good, "M285 64v-32h4v32z");
        assert_eq!(bars.warn, "M290 64v-64h4v64z");
        assert_eq!(bars.bad, "M295 64v-1h4v1z");
        assert_eq!(
            bars.summary,
            "3 scrapes: median 10 ms, longest 20 ms, 1 with the target down, 1 with a failed collector"
        );
    }
}
