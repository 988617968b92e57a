//! Which target a task is about, so that each line of the log that it writes says so.

use std::future::Future;
use std::sync::Arc;

tokio::task_local! {
    static TARGET: Option<Arc<str>>;
}

/// The same work, about a target of that name; about the only one when it is `None`.
pub fn about<F: Future>(target: Option<Arc<str>>, work: F) -> impl Future<Output = F::Output> {
    TARGET.scope(target, work)
}

/// Tells the name of the target that the running task is about, if it is about one of many.
pub fn tell_target(tell: impl FnOnce(&str)) {
    let _ = TARGET.try_with(|target| target.as_deref().map(tell));
}

/// What the running task is about, for tasks that it starts.
#[must_use]
pub fn this_target() -> Option<Arc<str>> {
    TARGET.try_with(Clone::clone).ok().flatten()
}
