//! What a client gets: the page of a moment, made of what the target's collectors serve and the exporter's own metrics.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;

use super::overview::collisions::Collisions;
use super::overview::own_metrics;
use super::overview::own_metrics::View;
use super::page::assemble::Pages;
use super::page::compress::Compressors;
use super::page::part::Part;
use super::request::{Page, Request};
use super::run::target::Target;
use super::schedule::run_id::RunStart;
use super::schedule::selection::Selection;
use crate::self_metrics::{Metric, Prefix, Process, TABLE, Writer};

/// Makes pages, and keeps the parts of them that did not change.
#[derive(Debug, Default)]
pub(in crate::scrape) struct Answers {
    pages: Pages,
    process: Process,
    collisions: Collisions,
}

impl Answers {
    /// Pages that are compressed by these.
    pub(in crate::scrape) fn compressed_by(compressors: Compressors) -> Self {
        Self {
            pages: Pages::compressed_by(compressors),
            ..Self::default()
        }
    }

    /// The page of what is there now: results of that run or since, and cached ones that it did not renew.
    pub(in crate::scrape) fn page(&mut self, target: &Target, request: &Request, run: RunStart) -> Page {
        let Request {
            format,
            encoding,
            selection,
            ..
        } = request;
        let config = &target.config;
        let is_own = |metric: &&Metric| match metric.prefix {
            Prefix::Process => !config.shares_process,
            Prefix::Target | Prefix::Exporter => config.intro,
        };
        let own: Vec<_> = TABLE.iter().filter(is_own).collect();
        if self.pages.follow(target.catalog.live(), &own, &config.namespace) {
            self.collisions = Collisions::default();
        }
        let order = parts(target, run);
        let is_served = |(_, parts): &&(String, Vec<Part>)| parts.iter().any(|part| part.samples.is_some());
        let shown = order
            .iter()
            .filter(|(name, _)| selection.includes(name))
            .filter(is_served);
        let mut duplicates = self.pages.update(shown.clone(), *format);
        self.pages
            .retain(|name| order.iter().any(|(kept, _)| kept == name));
        let gathered = self.pages.gather(&order, |name| selection.includes(name));
        duplicates += gathered.duplicates;
        let write = |duplicates| self.own(target, selection, run, duplicates);
        let mut text = write(duplicates);
        let left_out = self.pages.left_out_for(&text, &gathered);
        if !left_out.is_empty() {
            // Only the number differs.
            text = write(duplicates + left_out.values().sum::<u64>());
        }
        self.collisions
            .update(self.pages.overlaps(), &gathered.collisions, left_out.keys());
        let names = shown.map(|(name, _)| name.as_str());
        let page = self.pages.page(text, &gathered, &names, *format, *encoding);
        if config.shares_process {
            // As a rule another result is there when the next page is made.
            self.pages.forget_small_renderings();
        }
        page
    }

    fn own(&self, target: &Target, selection: &Selection, run: RunStart, duplicates: u64) -> Bytes {
        let mut own = Writer::new(&target.config.namespace, &target.config.labels);
        if target.config.intro {
            let view = View {
                target,
                selection,
                run,
                duplicates,
            };
            own_metrics::write(view, &mut own);
        }
        if !target.config.shares_process {
            self.process.usage().write(&mut own);
        }
        own.finish()
    }

    /// Gives up what is kept of pages: the next one is made anew.
    pub(in crate::scrape) fn forget_renderings(&mut self) {
        self.pages.forget_renderings();
    }

    /// What is wrong with what collectors yield, and what to do about it, a sentence for each.
    pub(in crate::scrape) fn problems(&self) -> Vec<String> {
        self.collisions.sentences()
    }
}

/// What is installed, by collector name in the order of execution, every database's part in order.
fn parts(target: &Target, run: RunStart) -> Vec<(String, Vec<Part>)> {
    let mut order: Vec<(String, Vec<Part>)> = Vec::new();
    let mut positions: BTreeMap<String, usize> = BTreeMap::new();
    for database in target.databases.distinct() {
        let label: Rc<str> = database.label().into();
        let state = database.state.borrow();
        let was_reached = state.was_reached(run.id);
        for one in &state.collectors {
            let name = one.collector.name.to_string();
            let position = *positions.entry(name.clone()).or_insert(order.len());
            if position == order.len() {
                order.push((name, Vec::new()));
            }
            let served = one
                .served(run.at)
                .filter(|samples| was_reached && samples.series > 0);
            if let Some((_, parts)) = order.get_mut(position) {
                parts.push(Part {
                    database: Rc::clone(&label),
                    collector: Arc::clone(&one.collector),
                    samples: served.cloned(),
                });
            }
        }
    }
    order
}
