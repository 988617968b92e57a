//! Backends that may stay behind when we have cut off their connection.
//!
//! A backend whose client has gone ends when it sends the next bytes. One that sends nothing more may go on for long: servers before 14
//! do not look after their clients, and a function can tell newer ones not to. So a place counts until the server says, over the
//! probe's session, that it knows the backend no more. Whoever asks has it ended, too: a function can swallow what cancels it, but not that.

use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// The number of the server's process behind a connection, once the server has told it.
#[derive(Clone, Debug, Default)]
pub(in crate::postgres) struct Backend(Arc<AtomicI32>);

impl Backend {
    /// The server has told it.
    pub(in crate::postgres) fn is(&self, number: i32) {
        self.0.store(number, Ordering::Relaxed);
    }

    pub(in crate::postgres) fn number(&self) -> Option<i32> {
        Some(self.0.load(Ordering::Relaxed)).filter(|number| *number != 0)
    }
}

/// Those of a host, with who waits for their end.
#[derive(Debug, Default)]
pub(in crate::postgres) struct Stragglers(Mutex<Vec<(i32, oneshot::Sender<()>)>>);

impl Stragglers {
    /// Waits until the server knows that backend no more.
    pub(in crate::postgres) async fn outlast(&self, backend: i32) {
        let (end, ended) = oneshot::channel();
        self.all().push((backend, end));
        let _ = ended.await;
    }

    /// Those that may be there.
    pub(in crate::postgres) fn numbers(&self) -> Vec<i32> {
        self.all().iter().map(|(number, _)| *number).collect()
    }

    /// Of those that were asked for these are there.
    pub(in crate::postgres) fn are_left(&self, asked: &[i32], left: &[i32]) {
        self.all()
            .retain(|(number, _)| !asked.contains(number) || left.contains(number));
    }

    fn all(&self) -> MutexGuard<'_, Vec<(i32, oneshot::Sender<()>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::FutureExt as _;

    use super::*;

    #[test]
    fn who_waits_is_told_of_the_end() {
        let stragglers = Stragglers::default();
        let (mut one, mut other) = (Box::pin(stragglers.outlast(1)), Box::pin(stragglers.outlast(2)));
        assert!((&mut one).now_or_never().is_none());
        let asked = stragglers.numbers();
        assert_eq!(asked, [1]);
        assert!((&mut other).now_or_never().is_none());
        stragglers.are_left(&asked, &[1]);
        assert!((&mut one).now_or_never().is_none());
        stragglers.are_left(&asked, &[]);
        assert!((&mut one).now_or_never().is_some());
        assert!((&mut other).now_or_never().is_none(), "it was not asked for");
        assert_eq!(stragglers.numbers(), [2]);
    }

    #[test]
    fn a_backend_has_a_number_once_it_is_told() {
        let backend = Backend::default();
        assert_eq!(backend.number(), None);
        backend.is(7);
        assert_eq!(backend.number(), Some(7));
    }
}
