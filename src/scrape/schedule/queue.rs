//! Scrapes in turn: clients join the run that suits them, and wait for one of their own only while that is quick.

use std::cell::Cell;
use std::collections::VecDeque;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::selection::Selection;
use crate::scrape::request::{Page, Request};
use crate::scrape::run::target::Target;

/// For how long a run keeps those waiting who ask for other collectors, or for some of its own only. A run that takes
/// longer has a slow collector in it, and they get a run beside it.
const PATIENCE: Duration = Duration::from_millis(200);

/// A client that waits for its page.
#[derive(Debug)]
struct Waiter {
    request: Request,
    reply: oneshot::Sender<Page>,
}

/// One run and those who wait for its page.
#[derive(Debug)]
struct Round {
    selection: Selection,
    waiters: Vec<Waiter>,
}

/// The runs that are on and those to come.
///
/// As a rule there is one run at a time, on one connection per database. A client joins one that does what it asks for,
/// or waits for its turn. Only beside a run that has used up its [`PATIENCE`] another one begins, on connections of its
/// own; the target says how many may be on ([`Target::lanes`]).
#[derive(Debug, Default)]
pub(in crate::scrape) struct Rounds {
    running: Vec<Running>,
    queue: VecDeque<Round>,
}

/// A round whose run is on.
#[derive(Debug)]
struct Running {
    round: Round,
    start: Instant,
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
    /// Gives those their page for whom `is_due` holds, as the run begun at `run` knows it, and forgets clients that
    /// have gone.
    fn answer(&mut self, target: &Target, run: Instant, is_due: impl Fn(&Request) -> bool) {
        let due = self
            .waiters
            .extract_if(.., |waiter| is_due(&waiter.request) || waiter.reply.is_closed());
        for Waiter { request, reply } in due {
            if !reply.is_closed() {
                // A client that goes just now wants nothing any more.
                let _ = reply.send(target.page(&request, run));
            }
        }
    }

    /// Whether somebody waits for it who asks for some of its collectors only.
    fn has_guests(&self) -> bool {
        let is_guest = |waiter: &Waiter| waiter.request.selection != self.selection;
        self.waiters.iter().any(is_guest)
    }
}

impl Running {
    /// When others need not wait for it any more.
    fn patience(&self) -> Instant {
        self.start + PATIENCE
    }

    /// Whether a client does well to wait for its page. Where no run may be beside it, one that does more than is asked
    /// for is over before one of the client's own.
    fn suits(&self, wanted: &Selection, target: &Target, now: Instant) -> bool {
        let selection = &self.round.selection;
        selection == wanted || (selection.covers(wanted) && (target.lanes() == 1 || now < self.patience()))
    }
}

impl Rounds {
    /// A client asks for a page.
    pub(in crate::scrape) fn join(
        &mut self,
        target: &Target,
        request: Request,
        reply: oneshot::Sender<Page>,
    ) {
        let now = Instant::now();
        let suits = |running: &&mut Running| running.suits(&request.selection, target, now);
        match self.running.iter_mut().find(suits) {
            Some(Running { round, deadline, .. }) => {
                // A client with more time gives it to the run: one with less does not decide for all.
                deadline.set(deadline.get().max(run_deadline(request.deadline)));
                round.waiters.push(Waiter { request, reply });
            }
            None => self.enqueue(Waiter { request, reply }),
        }
    }

    fn enqueue(&mut self, waiter: Waiter) {
        let selection = &waiter.request.selection;
        match self
            .queue
            .iter_mut()
            .find(|round| round.selection.covers(selection))
        {
            Some(round) => round.waiters.push(waiter),
            None => self.queue.push_back(Round {
                selection: selection.clone(),
                waiters: vec![waiter],
            }),
        }
    }

    /// Begins runs as long as they may. One whose clients have all gone is not worth it.
    pub(in crate::scrape) fn begin(&mut self, target: &Rc<Target>) {
        while self.may_begin(target, Instant::now())
            && let Some(mut round) = self.queue.pop_front()
        {
            round.waiters.retain(|waiter| !waiter.reply.is_closed());
            let Some(deadline) = round.waiters.iter().map(|waiter| waiter.request.deadline).max() else {
                continue;
            };
            let (target, selection) = (Rc::clone(target), round.selection.clone());
            let (start, deadline) = (Instant::now(), Rc::new(Cell::new(run_deadline(deadline))));
            target.begin_run(start, &deadline, &selection);
            let end = Rc::clone(&deadline);
            // A task of its own: a panic in it costs this run only.
            let task = tokio::task::spawn_local(async move { target.run(start, &end, &selection).await });
            self.running.push(Running {
                round,
                start,
                task,
                deadline,
            });
        }
    }

    fn may_begin(&self, target: &Target, now: Instant) -> bool {
        self.running.len() < target.lanes() && self.running.iter().all(|running| running.patience() <= now)
    }

    /// Waits for the end of a run that is on and says which; for ever when there is none.
    pub(in crate::scrape) async fn ended(&mut self) -> usize {
        let (at, ended) = std::future::poll_fn(|context| {
            for (at, running) in self.running.iter_mut().enumerate() {
                if let Poll::Ready(ended) = Pin::new(&mut running.task).poll(context) {
                    return Poll::Ready((at, ended));
                }
            }
            Poll::Pending
        })
        .await;
        if ended.is_err() {
            tracing::error!("a scrape panicked; the page is made of what was there");
        }
        at
    }

    /// That run has ended: its clients get their pages.
    pub(in crate::scrape) fn finish(&mut self, at: usize, target: &Target) {
        if at < self.running.len() {
            let Running { mut round, start, .. } = self.running.swap_remove(at);
            round.answer(target, start, |_| true);
            target.retire_run(start);
        }
    }

    /// When there is something to do at the latest: a client wants its page, or patience with a run ends that somebody
    /// waits for.
    pub(in crate::scrape) fn next(&self, target: &Target) -> Option<Instant> {
        let running = self.running.iter().map(|running| &running.round);
        let waiters = running.chain(&self.queue).flat_map(|round| &round.waiters);
        let deadlines = waiters.map(|waiter| waiter.request.deadline);
        let is_lane_free = !self.queue.is_empty() && self.running.len() < target.lanes();
        let may_leave = |running: &&Running| target.lanes() > 1 && running.round.has_guests();
        let waited_for = self
            .running
            .iter()
            .filter(|running| is_lane_free || may_leave(running));
        deadlines.chain(waited_for.map(Running::patience)).min()
    }

    /// Those whose deadline has come get a page of what is there; those whose patience with a run of more than they ask
    /// for has ended queue for one of their own, where there may be two.
    pub(in crate::scrape) fn release(&mut self, target: &Target, now: Instant) {
        let is_due = |request: &Request| request.deadline <= now;
        let mut leaving = Vec::new();
        for running in &mut self.running {
            let is_over = target.lanes() > 1 && running.patience() <= now;
            let Running { round, start, .. } = running;
            round.answer(target, *start, is_due);
            let Round { selection, waiters } = round;
            leaving
                .extend(waiters.extract_if(.., |waiter| is_over && waiter.request.selection != *selection));
        }
        leaving.into_iter().for_each(|waiter| self.enqueue(waiter));
        let last = target.last_run();
        for round in &mut self.queue {
            round.answer(target, last, is_due);
        }
    }
}
