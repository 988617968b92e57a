//! What a client gets: the page of a moment, made of what the target's collectors serve and the exporter's own metrics.

use std::collections::BTreeMap;
use std::sync::Arc;

use pg_exporter_schema::Collector;

use super::overview::own_metrics;
use super::overview::own_metrics::View;
use super::page::assemble::Pages;
use super::page::section::Part;
use super::request::{Page, Request};
use super::run::target::Target;
use super::schedule::run_id::RunStart;
use crate::self_metrics::{Process, Writer};

/// Makes pages, and keeps the parts of them that did not change.
#[derive(Debug, Default)]
pub(in crate::scrape) struct Answers {
    pages: Pages,
    process: Process,
}

impl Answers {
    /// The page of what is there now: results of that run or since, and cached ones that it did not renew.
    pub(in crate::scrape) fn page(&mut self, target: &Target, request: &Request, run: RunStart) -> Page {
        let Request {
            format,
            encoding,
            selection,
            ..
        } = request;
        let config = &target.config;
        let order = parts(target, run);
        let shown = order.iter().filter(|(name, _)| selection.includes(name));
        self.pages.follow(target.catalog.live(), &config.namespace);
        let duplicates = self.pages.update(shown.clone(), *format);
        self.pages
            .retain(|name| order.iter().any(|(kept, _)| kept == name));
        let mut own = Writer::new(&config.namespace, &config.labels);
        if config.intro {
            let view = View {
                target,
                selection,
                run,
                duplicates,
            };
            own_metrics::write(view, &mut own);
        }
        self.process.usage().write(&mut own);
        let names = shown.map(|(name, _)| name.as_str());
        self.pages.page(own.finish(), &names, *format, *encoding)
    }
}

/// What is served, by collector name in the order of execution, every database's part in order.
fn parts(target: &Target, run: RunStart) -> Vec<(String, Vec<Part>)> {
    let mut order: Vec<(String, Vec<Part>)> = Vec::new();
    let mut positions: BTreeMap<String, usize> = BTreeMap::new();
    for database in target.databases.distinct() {
        let state = database.state.borrow();
        if !state.was_reached(run.id) {
            continue;
        }
        for one in &state.collectors {
            let Some(samples) = one.served(run.at).filter(|samples| samples.series > 0) else {
                continue;
            };
            let collector: &Arc<Collector> = &one.collector;
            let name = collector.name.to_string();
            let position = *positions.entry(name.clone()).or_insert(order.len());
            if position == order.len() {
                order.push((name, Vec::new()));
            }
            if let Some((_, parts)) = order.get_mut(position) {
                parts.push((Arc::clone(collector), Arc::clone(samples)));
            }
        }
    }
    order
}
