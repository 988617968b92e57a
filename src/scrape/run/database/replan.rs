//! A database is planned anew: which collectors are installed, and what survives of those that were.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Database, Planned};
use crate::catalog::facts::Facts;
use crate::catalog::plan;
use crate::catalog::plan::Context;
use crate::postgres::facts;
use crate::postgres::session::Session;
use crate::scrape::run::collector_state::{CollectorState, Texts};
use crate::scrape::run::env::Env;
use crate::scrape::run::timing::Timing;

impl Database {
    /// Plans anew when a fact or the set of collectors changed. Counts survive; results survive where the collector,
    /// the cluster, the database and the role are the same.
    pub(in crate::scrape) fn replan(&self, facts: Facts, env: &Env<'_>, session: &mut Session) {
        let mut state = self.state.borrow_mut();
        if state.learned > Some(env.run.id) {
            // A run that began later knows the server and the set as they are now.
            return;
        }
        state.learned = Some(env.run.id);
        let is_planned = state
            .planned
            .as_ref()
            .is_some_and(|planned| Arc::ptr_eq(&planned.live, env.live));
        // Whoever reloads may have mended what a collector rests for, a missing right for one.
        if state.reloaded != Some(env.reloaded) {
            state.reloaded = Some(env.reloaded);
            state.collectors.iter_mut().for_each(CollectorState::resume);
        }
        if is_planned && state.facts == facts {
            return;
        }
        let is_another = state.facts.cluster != facts.cluster
            || state.facts.oid != facts.oid
            || state.facts.in_recovery != facts.in_recovery
            || state.facts.version != facts.version;
        let context = Context {
            kind: session.kind(),
            discovered: self.discovered,
            tags: Arc::clone(&env.config.tags),
            skips: Arc::clone(&env.config.skips),
        };
        let plan = plan::plan(&env.live.collectors, &facts, &context);
        let state = &mut *state;
        let mut old: HashMap<String, CollectorState> = std::mem::take(&mut state.resting);
        old.extend(
            state
                .collectors
                .drain(..)
                .map(|one| (one.collector.branch.to_string(), one)),
        );
        for collector in plan.installed() {
            let texts = Texts::new(collector, &facts);
            let mut one = match old.remove(&*collector.branch) {
                Some(mut one) if one.collector.means_the_same_as(collector) => {
                    one.collector = Arc::clone(collector);
                    one.reword(texts, || env.next_key());
                    one
                }
                Some(one) => {
                    let mut new = CollectorState::new(Arc::clone(collector), texts, || env.next_key());
                    new.stats = one.stats;
                    new.stats.timing = Timing::default();
                    new
                }
                None => CollectorState::new(Arc::clone(collector), texts, || env.next_key()),
            };
            if is_another {
                one.expire(|| env.next_key());
            }
            one.resume();
            state.collectors.push(one);
        }
        // Spare room would be kept as long as the plan.
        state.collectors.shrink_to_fit();
        // What is not installed must not show its old result when it comes back.
        for one in old.values_mut() {
            one.expire(|| env.next_key());
        }
        let is_known = |branch: &String| {
            env.live
                .collectors
                .iter()
                .any(|collector| *collector.branch == **branch)
        };
        state.resting = old.into_iter().filter(|(branch, _)| is_known(branch)).collect();
        let keys: Vec<_> = state.collectors.iter().flat_map(CollectorState::keys).collect();
        session.retain_statements(|key| key.0 < facts::FIRST_FREE_KEY || keys.contains(&key));
        state.planned = Some(Planned {
            live: Arc::clone(env.live),
            context,
        });
        state.facts = facts;
    }
}
