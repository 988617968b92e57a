//! Which program runs next, and where.
//!
//! A line is *first* when its last run was good, or it was never run: it has whatever place is free. It is *second* when its last run
//! failed: then it waits behind those, and all of these have half of the places at most. So those that hang keep nobody from a new
//! password, however many they are.

use std::collections::VecDeque;

/// Programs that run at the same time.
pub(super) const MOST: usize = 4;

/// Places of those whose last run failed.
const OF_SECOND: usize = MOST / 2;

/// A program and its arguments.
pub(super) type Line = Vec<String>;

#[derive(Default)]
pub(super) struct Queue {
    first: VecDeque<Line>,
    second: VecDeque<Line>,
    /// Second ones that run.
    running: usize,
}

/// A line that has its turn.
pub(super) struct Turn {
    pub(super) line: Line,
    pub(super) is_second: bool,
}

impl Queue {
    pub(super) fn push(&mut self, line: Line, is_second: bool) {
        let queue = if is_second {
            &mut self.second
        } else {
            &mut self.first
        };
        queue.push_back(line);
    }

    /// Who is next, for a place that is free.
    pub(super) fn next(&mut self) -> Option<Turn> {
        if let Some(line) = self.first.pop_front() {
            return Some(Turn {
                line,
                is_second: false,
            });
        }
        if self.running >= OF_SECOND {
            return None;
        }
        let line = self.second.pop_front()?;
        self.running += 1;
        Some(Turn {
            line,
            is_second: true,
        })
    }

    /// A turn is over.
    pub(super) fn over(&mut self, turn: &Turn) {
        self.running -= usize::from(turn.is_second);
    }

    /// Whether one waits that has reason to hope.
    pub(super) fn has_first(&self) -> bool {
        !self.first.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.first.clear();
        self.second.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(number: usize) -> Line {
        vec![number.to_string()]
    }

    fn next(queue: &mut Queue) -> Option<String> {
        queue.next().map(|turn| turn.line.concat())
    }

    #[test]
    fn those_that_failed_wait_behind_the_others_and_have_half_of_the_places() {
        let mut queue = Queue::default();
        (0..40).for_each(|number| queue.push(line(number), true));
        let turns: Vec<Turn> = std::iter::from_fn(|| queue.next()).collect();
        assert_eq!(turns.len(), OF_SECOND, "the other places stay free");
        for good in 50..60 {
            queue.push(line(good), false);
        }
        for good in 50..60 {
            assert_eq!(next(&mut queue), Some(good.to_string()), "in the order of asking");
        }
        assert_eq!(next(&mut queue), None);
        turns.iter().for_each(|turn| queue.over(turn));
        for failed in OF_SECOND..2 * OF_SECOND {
            assert_eq!(next(&mut queue), Some(failed.to_string()));
        }
        assert_eq!(next(&mut queue), None);
    }
}
