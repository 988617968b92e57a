//! What is made for people, and may be large: off the thread that answers probes, one at a time.
//!
//! One at a time bounds the memory, too: what is known of 2,000 databases is tens of megabytes until a page is made of it.

use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

use super::context::Context;

/// The right to make one.
pub(super) struct Turn(OwnedSemaphorePermit);

/// Why nothing was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotMade {
    /// Others are before it.
    #[error("other pages are being made, come back in a second")]
    Busy,
    /// It panicked, which the log says.
    #[error("this page cannot be made; the log says why")]
    Failed,
}

/// Waits for those before it.
pub(super) async fn turn<B>(context: &Context<B>) -> Result<Turn, NotMade> {
    let turn = Arc::clone(&context.people).acquire_owned();
    match timeout(context.limits.turn, turn).await {
        Ok(Ok(permit)) => Ok(Turn(permit)),
        _ => Err(NotMade::Busy),
    }
}

/// Makes it on a thread of its own; what it is made of ends there, too. A client that leaves does not give its turn on
/// before that.
pub(super) async fn make<T: Send + 'static>(
    turn: Turn,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, NotMade> {
    let work = move || {
        let made = work();
        drop(turn.0);
        made
    };
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| NotMade::Failed)
}
