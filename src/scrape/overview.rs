//! A target's state for people.

use super::slot::Slot;
use super::target::Target;
use super::{CollectorOverview, DatabaseOverview, Overview};

impl Target {
    /// What is known of every database and collector.
    #[must_use]
    pub fn overview(&self) -> Overview {
        let start = self.runs.borrow().start;
        let databases = self.databases().into_iter().map(|database| {
            let name = database.label();
            let state = database.state.borrow();
            DatabaseOverview {
                name,
                version: state.facts.version,
                error: state.status.failure.as_ref().map(ToString::to_string),
                collectors: state.slots.iter().map(|slot| collector(slot, start)).collect(),
            }
        });
        Overview { databases: databases.collect() }
    }
}

fn collector(slot: &Slot, start: std::time::Instant) -> CollectorOverview {
    CollectorOverview {
        name: slot.collector.name.to_string(),
        branch: slot.collector.branch.to_string(),
        state: slot.state(start),
        duration: slot.stats.duration.as_secs_f64(),
        age: slot.age(start).map(|age| age.as_secs_f64()),
        series: slot.served(start).map_or(0, |samples| samples.series),
        errors: slot.stats.errors,
        last_error: slot.stats.last_error.as_ref().map(ToString::to_string),
    }
}
