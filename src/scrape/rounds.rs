//! Scrapes in turn: one runs, clients join the one that suits them, the others wait.

use std::cell::Cell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::target::Target;
use super::{Page, Request, Selection};

/// A run ends at its deadline: so long its pages wait for the end, in order to tell how it went.
const SETTLE: Duration = Duration::from_millis(20);

/// One run and those who wait for its page.
#[derive(Debug)]
struct Round {
    selection: Selection,
    waiters: Vec<(Request, oneshot::Sender<Page>)>,
}

/// The run that is on and those to come.
///
/// A client joins a run of the same selection or of everything; a run of another selection would not bring what it
/// asks for, so it waits for its own. Pages are made before the next run begins.
#[derive(Debug, Default)]
pub(super) struct Rounds {
    running: Option<Running>,
    queue: VecDeque<Round>,
}

/// The round whose run is on.
#[derive(Debug)]
struct Running {
    round: Round,
    task: JoinHandle<()>,
    /// When the run ends: its last client's deadline less a margin, so that it ends before the page is made.
    deadline: Rc<Cell<Instant>>,
}

/// What a run ends before its last client's deadline: a twentieth of the time, within bounds.
fn run_deadline(client: Instant) -> Instant {
    let left = client.saturating_duration_since(Instant::now());
    let margin = (left / 20).clamp(Duration::from_millis(20), Duration::from_millis(200));
    client.checked_sub(margin).unwrap_or(client)
}

impl Round {
    /// Gives their page to those for whom `is_due` holds, and forgets clients that have gone.
    fn answer(&mut self, target: &Target, is_due: impl Fn(&Request) -> bool) {
        let due = self
            .waiters
            .extract_if(.., |(request, reply)| is_due(request) || reply.is_closed());
        for (request, reply) in due {
            if !reply.is_closed() {
                // A client that goes just now wants nothing any more.
                let _ = reply.send(target.page(&request));
            }
        }
    }
}

impl Rounds {
    /// A client asks for a page.
    pub(super) fn join(&mut self, request: Request, reply: oneshot::Sender<Page>) {
        if let Some(Running { round, deadline, .. }) = &mut self.running
            && round.selection.covers(&request.selection)
        {
            // A client with more time gives it to the run: one with less does not decide for all.
            deadline.set(deadline.get().max(run_deadline(request.deadline)));
            round.waiters.push((request, reply));
            return;
        }
        match self
            .queue
            .iter_mut()
            .find(|round| round.selection.covers(&request.selection))
        {
            Some(round) => round.waiters.push((request, reply)),
            None => {
                let selection = request.selection.clone();
                self.queue.push_back(Round {
                    selection,
                    waiters: vec![(request, reply)],
                });
            }
        }
    }

    /// Begins the next run if none is on. One whose clients have all gone is not worth it.
    pub(super) fn begin(&mut self, target: &Rc<Target>) {
        while self.running.is_none()
            && let Some(round) = self.queue.pop_front()
        {
            let Some(deadline) = round.waiters.iter().map(|(request, _)| request.deadline).max() else {
                continue;
            };
            let (target, selection) = (Rc::clone(target), round.selection.clone());
            let deadline = Rc::new(Cell::new(run_deadline(deadline)));
            let end = Rc::clone(&deadline);
            // A task of its own: a panic in it costs this run only.
            let task = tokio::task::spawn_local(async move { target.run(&end, &selection).await });
            self.running = Some(Running {
                round,
                task,
                deadline,
            });
        }
    }

    /// Waits for the end of the run that is on; for ever when there is none.
    pub(super) async fn ended(&mut self) {
        let Some(Running { task, .. }) = &mut self.running else {
            return std::future::pending().await;
        };
        if task.await.is_err() {
            tracing::error!("a scrape panicked; the page is made of what was there");
        }
    }

    /// The run has ended: its clients get their pages.
    pub(super) fn finish(&mut self, target: &Target) {
        if let Some(Running { mut round, .. }) = self.running.take() {
            round.answer(target, |_| true);
        }
    }

    /// When the first client wants its page at the latest.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let waiters = self.rounds().flat_map(|round| &round.waiters);
        waiters.map(|(request, _)| request.deadline + SETTLE).min()
    }

    /// Those whose deadline has come get a page of what is there.
    pub(super) fn release(&mut self, target: &Target, now: Instant) {
        let running = self.running.as_mut().map(|running| &mut running.round);
        for round in running.into_iter().chain(&mut self.queue) {
            round.answer(target, |request| request.deadline + SETTLE <= now);
        }
    }

    fn rounds(&self) -> impl Iterator<Item = &Round> {
        self.running
            .iter()
            .map(|running| &running.round)
            .chain(&self.queue)
    }
}
