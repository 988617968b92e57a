//! What is due in one database's turn.

use std::sync::Arc;

use pg_exporter_schema::Collector;

use crate::postgres::denied::Without;
use crate::postgres::failure::Failure;
use crate::postgres::rows::{Format, ResultColumn};
use crate::postgres::search_path::SearchPath;
use crate::postgres::session::StatementKey;
use crate::scrape::rows::decode::Decoder;
use crate::scrape::run::collector_state::{CollectorState, PredicateState, Text};
use crate::scrape::run::database::Database;
use crate::scrape::run::env::Env;
use crate::scrape::run::timing::Allowance;
use crate::values::encoding::TextReader;

/// A collector to run: a copy of what its state says, so that the state is not borrowed across waits.
#[derive(Clone, Debug)]
pub(in crate::scrape) struct Due {
    /// Its position in the order of execution.
    pub(in crate::scrape) position: usize,
    pub(in crate::scrape) key: StatementKey,
    pub(in crate::scrape) collector: Arc<Collector>,
    /// The statement's text on this database.
    pub(in crate::scrape) query: Text,
    /// Whether its names are looked for where the role finds them.
    pub(in crate::scrape) on_role_path: bool,
    /// The statement and its text of each predicate.
    pub(in crate::scrape) predicates: Vec<(StatementKey, Text)>,
    pub(in crate::scrape) decoder: Option<Arc<Decoder>>,
    /// Functions that its text has been freed from, as the server denies them.
    pub(in crate::scrape) without: Without,
    /// Whether the server is asked again which functions are denied.
    pub(in crate::scrape) asks_again: bool,
    /// Times this run has looked for what it can do without.
    pub(in crate::scrape) looks: u8,
    /// Whether the server's clock times it.
    pub(in crate::scrape) is_timed: bool,
    /// Times it has been tried on this session after the server refused its prepared statement.
    pub(in crate::scrape) retries: u8,
}

impl Due {
    /// Where the names of its statements are looked for: shipped ones name all that is not in `pg_catalog`; a site's own may
    /// rely on the role's path.
    pub(in crate::scrape) fn path(&self) -> SearchPath<'_> {
        SearchPath::of(&self.collector, self.on_role_path)
    }

    /// How its rows are read. Where functions are left out a NULL may be what one of them tells: it stands for no default.
    ///
    /// # Errors
    /// When a column is missing that the series need.
    pub(in crate::scrape) fn read_by(
        &self,
        columns: &[ResultColumn],
        format: Format,
        reader: Arc<TextReader>,
    ) -> Result<Decoder, Failure> {
        let decoder = Decoder::resolve(&self.collector, columns, format, reader)?;
        Ok(if self.without.is_empty() {
            decoder
        } else {
            decoder.without_defaults()
        })
    }
}

/// Takes what is due in the order of execution. What is not counts as served from the cache.
pub(in crate::scrape) fn take(database: &Database, env: &Env<'_>) -> Vec<Due> {
    take_where(database, env, |one| {
        let is_due = one.is_due(env.run.at, env.config.cache);
        if !is_due {
            one.hit();
        }
        is_due
    })
}

/// The same, of what has not answered since the run began: a session was lost in the middle of it.
pub(in crate::scrape) fn take_rest(database: &Database, env: &Env<'_>) -> Vec<Due> {
    take_where(database, env, |one| {
        !one.has_answered_since(env.run.at) && one.is_due(env.run.at, env.config.cache)
    })
}

fn take_where(database: &Database, env: &Env<'_>, is_due: impl Fn(&mut CollectorState) -> bool) -> Vec<Due> {
    let mut state = database.state.borrow_mut();
    let mut due = Vec::new();
    let mut allowance = Allowance::default();
    let is_selected = |one: &CollectorState| env.selection.includes(&one.collector.name);
    let collectors = state.collectors.iter_mut().enumerate();
    for (position, one) in collectors.filter(|(_, one)| is_selected(one)) {
        if !is_due(one) {
            continue;
        }
        one.begin(env.run.at);
        due.push(Due {
            position,
            key: one.key,
            collector: Arc::clone(&one.collector),
            query: one.query.clone(),
            on_role_path: one.on_role_path,
            predicates: predicates(one),
            decoder: None,
            without: one.without(),
            asks_again: one.asks_again(env.run.at),
            looks: 0,
            is_timed: one.stats.timing.ask(env.run.at, &mut allowance),
            retries: 0,
        });
    }
    due
}

fn predicates(one: &CollectorState) -> Vec<(StatementKey, Text)> {
    let pair = |predicate: &PredicateState| (predicate.key, predicate.query.clone());
    one.predicates.iter().map(pair).collect()
}

/// Changes a collector's state, unless the database has been planned anew without it: by a run beside this one.
pub(in crate::scrape) fn update<T>(
    database: &Database,
    item: &Due,
    change: impl FnOnce(&mut CollectorState) -> T,
) -> Option<T> {
    let mut state = database.state.borrow_mut();
    let one = state.collectors.iter_mut().find(|one| one.has_key(item.key))?;
    Some(change(one))
}
