//! What is recorded of the statements of one directory.

use std::collections::{BTreeMap, BTreeSet};

use super::server::Server;

/// What servers said to the statements of one directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lock {
    pub(crate) entries: BTreeMap<Statement, Entry>,
}

/// A statement of a branch. Those of a branch stand together, its query first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Statement {
    /// The branch's key.
    pub branch: String,
    /// Which of its statements.
    pub part: Part,
}

/// Which statement of a branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The one that yields its rows.
    Query,
    /// One that decides whether it is run, by its place among them, from 1.
    Predicate(usize),
}

/// What is known of one statement's text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) fingerprint: u64,
    /// Line of the lock on which it stands, for messages.
    pub(crate) line: u32,
    /// Why no server that was asked could tell, where none could.
    pub(crate) unproven: Option<String>,
    pub(crate) answers: BTreeSet<(Server, Answer)>,
}

/// What a server said to a statement.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Answer {
    /// It would yield these columns.
    Columns(Vec<ResultColumn>),
    /// It cannot be run.
    Refused {
        /// The server's error code.
        sqlstate: String,
        /// Where in the text it saw the mistake, in characters from 1.
        position: Option<u32>,
    },
}

/// A column of a result, as the server names and types it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ResultColumn {
    /// Its name.
    pub name: String,
    /// Its type, by its internal name: `int8`, `timestamptz`; `unknown` where the server does not tell.
    pub kind: String,
}

impl Lock {
    /// Adds what a server says to a text. What was said to another text is forgotten; what other servers said to this one is
    /// kept.
    pub fn record(
        &mut self,
        statement: Statement,
        fingerprint: u64,
        server: &Server,
        answers: impl IntoIterator<Item = Answer>,
    ) {
        let entry = self.entry(statement, fingerprint);
        entry.unproven = None;
        entry.answers.retain(|(known, _)| known != server);
        let of_server = answers.into_iter().map(|answer| (server.clone(), answer));
        entry.answers.extend(of_server);
    }

    /// Adds that no server could tell, and why, unless another one has told before.
    pub fn record_unproven(&mut self, statement: Statement, fingerprint: u64, why: &str) {
        let entry = self.entry(statement, fingerprint);
        if entry.answers.is_empty() {
            entry.unproven = Some(why.split_whitespace().collect::<Vec<_>>().join(" "));
        }
    }

    /// Forgets the statements for which it does not hold.
    pub fn retain(&mut self, keep: impl Fn(&Statement) -> bool) {
        self.entries.retain(|statement, _| keep(statement));
    }

    /// Forgets what servers said that a branch is not for.
    pub fn retain_servers(&mut self, branch: &str, keep: impl Fn(&Server) -> bool) {
        for (_, entry) in self
            .entries
            .iter_mut()
            .filter(|(known, _)| known.branch == branch)
        {
            entry.answers.retain(|(server, _)| keep(server));
        }
    }

    /// Whether nothing is recorded.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn entry(&mut self, statement: Statement, fingerprint: u64) -> &mut Entry {
        let entry = self.entries.entry(statement).or_default();
        if entry.fingerprint != fingerprint {
            *entry = Entry {
                fingerprint,
                ..Entry::default()
            };
        }
        entry
    }
}

impl Entry {
    /// The answers that are columns.
    pub(crate) fn columns(&self) -> impl Iterator<Item = (&Server, &[ResultColumn])> {
        self.answers.iter().filter_map(|(server, answer)| match answer {
            Answer::Columns(columns) => Some((server, columns.as_slice())),
            Answer::Refused { .. } => None,
        })
    }
}
