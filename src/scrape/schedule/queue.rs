//! The scrape queue: which client waits for which run, and when a run begins. It does nothing itself: [`Queue::handle`]
//! takes what happened and says what to do.
//!
//! A run is *queued* until a slot is free for it, then *running* until it has ended. For [`YOUNG`] after its beginning a
//! running one is young: others wait for it, since it is over soon. Then it is *slow*, and another may begin beside it if
//! there is a second slot.
//!
//! A client waits for exactly one run, as a *joiner* if that run was there already. It joins a running one that asks for the
//! same collectors, or for more while it is young (or for as long as there is one slot only), unless its time is over; else a queued one that asks for
//! more; else it queues one of its own. A joiner of a run of more leaves it when that becomes slow and there are two slots.
//! A client is answered when its run ends, or at its own deadline with what is there by then, whichever is first.
//!
//! A run ends a little before the deadline of the client with the most time, but never sooner than [`SHORTEST`] after its
//! beginning: a client in a hurry gets its page in time, and does not cut short what others want too.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::run_id::{RunId, RunStart};
use super::selection::Selection;

/// For how long a run keeps those waiting who ask for other collectors, or for some of its own only. One that takes longer
/// has a slow collector in it.
pub(in crate::scrape) const YOUNG: Duration = Duration::from_millis(200);

/// What a run may take at least, however little time its clients have.
pub(in crate::scrape) const SHORTEST: Duration = Duration::from_secs(1);

/// Names a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::scrape) struct ClientId(pub(in crate::scrape) u64);

/// A client that waits for its page.
#[derive(Clone, Debug)]
pub(in crate::scrape) struct Client {
    pub(in crate::scrape) id: ClientId,
    pub(in crate::scrape) selection: Selection,
    /// It must have its page by then.
    pub(in crate::scrape) deadline: Instant,
}

/// What happened.
#[derive(Clone, Debug)]
pub(in crate::scrape) enum Event {
    /// A client asks for a page.
    Asks(Client),
    /// A client has gone and wants nothing any more.
    Gone(ClientId),
    /// A run has ended.
    Ended(RunId),
    /// Time has passed.
    Tick,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::scrape) enum Action {
    /// Begin a run that ends at `end` at the latest.
    Begin {
        run: RunStart,
        selection: Selection,
        end: Instant,
    },
    /// That run may take until then.
    Extend { run: RunId, end: Instant },
    /// Give the client its page, as that run knows it; as the last run does where it has not begun.
    Answer { client: ClientId, run: Option<RunId> },
}

/// The runs that are on and those to come.
#[derive(Debug)]
pub(in crate::scrape) struct Queue {
    slots: usize,
    last: RunId,
    running: Vec<Running>,
    queued: VecDeque<Group>,
}

/// Clients of one run.
#[derive(Debug)]
struct Group {
    selection: Selection,
    clients: Vec<Client>,
}

#[derive(Debug)]
struct Running {
    run: RunStart,
    group: Group,
    end: Instant,
}

impl Group {
    /// Takes out those whose deadline has come.
    fn due(&mut self, now: Instant, run: Option<RunId>) -> Vec<Action> {
        let due = self.clients.extract_if(.., |client| client.deadline <= now);
        due.map(|Client { id, .. }| Action::Answer { client: id, run })
            .collect()
    }

    /// Whether somebody waits for it who asks for some of its collectors only.
    fn has_joiners_of_less(&self) -> bool {
        self.clients
            .iter()
            .any(|client| client.selection != self.selection)
    }
}

impl Running {
    /// When it becomes slow.
    fn slow_at(&self) -> Instant {
        self.run.at + YOUNG
    }
}

/// When a run of such a client ends: before its deadline by a twentieth of the time, within bounds, so that the page can say
/// what did not answer.
fn end_for(deadline: Instant, now: Instant) -> Instant {
    let left = deadline.saturating_duration_since(now);
    let margin = (left / 20).clamp(Duration::from_millis(20), Duration::from_millis(200));
    deadline.checked_sub(margin).unwrap_or(deadline)
}

impl Queue {
    /// A queue of so many runs at a time, at least one.
    pub(in crate::scrape) fn new(slots: usize) -> Self {
        Self {
            slots: slots.max(1),
            last: RunId(0),
            running: Vec::new(),
            queued: VecDeque::new(),
        }
    }

    /// Takes notice of what happened, and says what to do, in order.
    pub(in crate::scrape) fn handle(&mut self, event: Event) -> Vec<Action> {
        let now = Instant::now();
        let mut actions = match event {
            Event::Asks(client) => self.asks(client, now),
            Event::Gone(client) => self.gone(client),
            Event::Ended(run) => self.ended(run),
            Event::Tick => Vec::new(),
        };
        actions.extend(self.answer_due(now));
        self.leave_slow_ones(now);
        actions.extend(self.begin(now));
        actions
    }

    /// When a [`Event::Tick`] is wanted; `None` while nothing waits for time to pass.
    pub(in crate::scrape) fn wake_at(&self) -> Option<Instant> {
        let groups = self
            .running
            .iter()
            .map(|running| &running.group)
            .chain(&self.queued);
        let deadlines = groups
            .flat_map(|group| &group.clients)
            .map(|client| client.deadline);
        let is_slot_wanted = !self.queued.is_empty() && self.running.len() < self.slots;
        let is_awaited =
            |running: &&Running| is_slot_wanted || (self.slots > 1 && running.group.has_joiners_of_less());
        let awaited = self.running.iter().filter(is_awaited).map(Running::slow_at);
        deadlines.chain(awaited).min()
    }

    fn asks(&mut self, client: Client, now: Instant) -> Vec<Action> {
        let slots = self.slots;
        let suits = |running: &&mut Running| {
            let selection = &running.group.selection;
            // What the end of a run has cut short is missing for whoever joins it after that.
            if running.end <= now {
                return false;
            }
            let is_soon_over = slots == 1 || now < running.slow_at();
            *selection == client.selection || (is_soon_over && selection.covers(&client.selection))
        };
        let Some(running) = self.running.iter_mut().find(suits) else {
            self.enqueue(client);
            return Vec::new();
        };
        let end = end_for(client.deadline, now);
        running.group.clients.push(client);
        if end <= running.end {
            return Vec::new();
        }
        // A client with more time gives it to the run: one with less does not decide for all.
        running.end = end;
        vec![Action::Extend {
            run: running.run.id,
            end,
        }]
    }

    fn enqueue(&mut self, client: Client) {
        let covers = |group: &&mut Group| group.selection.covers(&client.selection);
        match self.queued.iter_mut().find(covers) {
            Some(group) => group.clients.push(client),
            None => self.queued.push_back(Group {
                selection: client.selection.clone(),
                clients: vec![client],
            }),
        }
    }

    /// Nobody is answered; a queued run that nobody waits for any more is not worth it, a running one goes on.
    fn gone(&mut self, gone: ClientId) -> Vec<Action> {
        let running = self.running.iter_mut().map(|running| &mut running.group);
        for group in running.chain(&mut self.queued) {
            group.clients.retain(|client| client.id != gone);
        }
        self.queued.retain(|group| !group.clients.is_empty());
        Vec::new()
    }

    fn ended(&mut self, run: RunId) -> Vec<Action> {
        let Some(at) = self.running.iter().position(|running| running.run.id == run) else {
            return Vec::new();
        };
        let clients = self.running.swap_remove(at).group.clients;
        let answer = |client: Client| Action::Answer {
            client: client.id,
            run: Some(run),
        };
        clients.into_iter().map(answer).collect()
    }

    fn answer_due(&mut self, now: Instant) -> Vec<Action> {
        let mut answers = Vec::new();
        for Running { run, group, .. } in &mut self.running {
            answers.extend(group.due(now, Some(run.id)));
        }
        for group in &mut self.queued {
            answers.extend(group.due(now, None));
        }
        self.queued.retain(|group| !group.clients.is_empty());
        answers
    }

    /// Where there are two slots, joiners of a run of more do not wait for it once it is slow.
    fn leave_slow_ones(&mut self, now: Instant) {
        if self.slots == 1 {
            return;
        }
        let mut leaving = Vec::new();
        for running in self.running.iter_mut().filter(|running| running.slow_at() <= now) {
            let Group { selection, clients } = &mut running.group;
            leaving.extend(clients.extract_if(.., |client| client.selection != *selection));
        }
        leaving.into_iter().for_each(|client| self.enqueue(client));
    }

    /// Begins runs while there is a slot, beside slow ones only.
    fn begin(&mut self, now: Instant) -> Vec<Action> {
        let mut begun = Vec::new();
        while self.running.len() < self.slots
            && self.running.iter().all(|running| running.slow_at() <= now)
            && let Some(group) = self.queued.pop_front()
        {
            self.last = RunId(self.last.0 + 1);
            let run = RunStart {
                id: self.last,
                at: now,
            };
            let ends = group.clients.iter().map(|client| end_for(client.deadline, now));
            let end = ends.fold(now + SHORTEST, Instant::max);
            begun.push(Action::Begin {
                run,
                selection: group.selection.clone(),
                end,
            });
            self.running.push(Running { run, group, end });
        }
        begun
    }
}
