//! From what a file says of a target to what it is made of. What is wrong is told at its place in the file.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use pg_exporter_schema::{Diagnostic, Given, Keys, Location, Merged, Placed, Secret, Severity, TARGET_KEYS};

use super::base::Base;
use super::environment::Surroundings;
use super::target::TargetSettings;
use crate::catalog::Catalog;
use crate::health::probe::Manner;
use crate::postgres::connect::{Endpoint, Pace};
use crate::postgres::conninfo::{ConnInfo, ConnInfoError, Parts, PasswordSource};
use crate::scrape::{Config, NamePattern, database_names};
use crate::values::duration;

/// For how long a command's password is good when nobody says: cloud tokens live for 15 minutes.
const TTL: Duration = Duration::from_secs(600);

/// Reads one target after the other, and gathers what is wrong.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    pub(super) base: &'a Base,
    pub(super) catalog: &'a Catalog,
    pub(super) pace: &'a Pace,
    pub(super) surroundings: &'a Surroundings,
    pub(super) found: Vec<Diagnostic>,
}

impl Reader<'_> {
    /// What a target is made of; `None` when something is wrong with it.
    pub(super) fn settings(&mut self, target: &Merged) -> Option<TargetSettings> {
        let before = self.found.len();
        let info = self.info(target)?;
        let base = self.base;
        let config = self.config(target, &info);
        let connect_timeout = self.time(target, "connect_timeout").or(info.connect_timeout());
        let cap = self
            .count(target, "max_connections", 2)
            .unwrap_or(base.max_connections);
        let endpoint = Endpoint::new(info, connect_timeout.unwrap_or(base.connect_timeout))
            .with_max_connections(cap)
            .with_result_limits(base.results)
            .paced(self.pace.clone());
        let manner = Manner {
            interval: self
                .time(target, "health_interval")
                .unwrap_or(base.health_interval),
            connect_interval: self
                .time(target, "health_connect_interval")
                .unwrap_or(base.health_connect_interval),
            has_two: endpoint.permits().of_probe() > 1,
            writes: switch(target, "health_write").unwrap_or(base.health_write),
        };
        let settings = TargetSettings {
            name: Some(target.name.as_str().into()),
            labels: labels(target),
            scrape_timeout: self.time(target, "scrape_timeout").unwrap_or(base.scrape_timeout),
            endpoint,
            config,
            manner,
        };
        (self.found.len() == before).then_some(settings)
    }

    fn info(&mut self, target: &Merged) -> Option<ConnInfo> {
        let url = match target.get("url") {
            Some(Placed {
                given: Given::Secret(url),
                ..
            }) => url.expose_text(),
            _ => None,
        };
        let parts = Parts {
            own: libpq(target, |key| target.own.contains_key(key)),
            url,
            inherited: libpq(target, |key| !target.own.contains_key(key)),
            own_password: password(&target.own),
            inherited_password: password(&target.inherited),
        };
        match ConnInfo::of_parts(parts, self.surroundings) {
            Ok(info) => Some(info),
            Err(error) => {
                self.refused(target, &error);
                None
            }
        }
    }

    /// A mistake in connection information, at the key that it is of.
    fn refused(&mut self, target: &Merged, error: &ConnInfoError) {
        let key = error.key().or_else(|| error.column().map(|_| "url"));
        let place = key
            .and_then(|key| target.get(key))
            .map_or(&target.place, |placed| &placed.place);
        let message = match (error.key(), error.column()) {
            (Some(key), _) => format!("`{key}` of target `{}`: {}", target.name, error.problem()),
            (None, Some(column)) => format!(
                "`url` of target `{}`, byte {column}: {}",
                target.name,
                error.problem()
            ),
            (None, None) => format!("target `{}`: {error}", target.name),
        };
        self.wrong(place, message);
    }

    fn config(&mut self, target: &Merged, info: &ConnInfo) -> Config {
        let base = &self.base.config;
        let own = if info.is_pgbouncer() { "pgbouncer" } else { "pg" };
        let namespace = self.namespace(target);
        let namespace = namespace.or_else(|| self.base.namespace.clone());
        let discovers = switch(target, "auto_discovery").unwrap_or(base.auto_discovery);
        let mut tags: BTreeSet<String> = (*base.tags).clone();
        tags.extend(list(target, "tags").unwrap_or_default());
        Config {
            target: Some(target.name.as_str().into()),
            namespace: namespace.unwrap_or_else(|| own.to_owned()),
            labels: self.labels(target),
            tags: Arc::new(tags),
            skips: Arc::new(self.skips(target)),
            shares_process: true,
            cache: !switch(target, "disable_cache").unwrap_or(!base.cache),
            parallel: self.count(target, "parallel", 1).unwrap_or(base.parallel),
            follows_room: base.follows_room && target.get("max_connections").is_none(),
            auto_discovery: discovers && !info.is_pgbouncer(),
            exclude: self
                .databases(target, "exclude_databases")
                .unwrap_or_else(|| base.exclude.clone()),
            include: self
                .databases(target, "include_databases")
                .unwrap_or_else(|| base.include.clone()),
            ..base.clone()
        }
    }

    /// Constant labels: those of all targets, then its own; of one name its own wins, and if that is empty there is none.
    fn labels(&mut self, target: &Merged) -> Vec<(String, String)> {
        let (own, said) = (labels(target), said_labels(target));
        for (name, _) in &own {
            if let Some(owner) = self.catalog.owner_of_label(name) {
                let place = target.get("labels").map_or(&target.place, |placed| &placed.place);
                self.wrong(
                    place,
                    format!("label `{name}` is a label of {owner}; choose another name"),
                );
            }
        }
        let shared = self.base.config.labels.iter();
        let shared = shared.filter(|(name, _)| !said.iter().any(|(known, _)| known == name));
        shared.cloned().chain(own.iter().cloned()).collect()
    }

    fn skips(&mut self, target: &Merged) -> BTreeSet<String> {
        let skips = list(target, "skip_collectors").unwrap_or_default();
        let live = self.catalog.live();
        for name in &skips {
            if !live.collectors.iter().any(|collector| collector.name == *name) {
                let place = target
                    .get("skip_collectors")
                    .map_or(&target.place, |placed| &placed.place);
                self.wrong(
                    place,
                    format!("there is no collector `{name}`; /explain lists them"),
                );
            }
        }
        skips.into_iter().collect()
    }

    fn databases(&mut self, target: &Merged, key: &str) -> Option<Vec<NamePattern>> {
        let mut patterns = Vec::new();
        for text in list(target, key)? {
            match database_names::parse(&text) {
                Ok(parsed) => patterns.extend(parsed),
                Err(reason) => self.wrong_value(target, key, &reason),
            }
        }
        Some(patterns)
    }

    fn namespace(&mut self, target: &Merged) -> Option<String> {
        let text = text(target, "namespace")?;
        let is_word = text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':'));
        if !is_word || text.starts_with(|c: char| c.is_ascii_digit()) {
            self.wrong_value(target, "namespace", "write letters, digits and _, no digit first");
        }
        Some(text)
    }

    fn time(&mut self, target: &Merged, key: &str) -> Option<Duration> {
        let text = text(target, key)?;
        let time = duration::positive(&text, 1.0);
        if time.is_none() {
            self.wrong_value(
                target,
                key,
                "write a time above zero with its unit, such as 10s or 500ms",
            );
        }
        time
    }

    fn count(&mut self, target: &Merged, key: &str, least: usize) -> Option<usize> {
        let Given::Whole(number) = target.get(key)?.given else {
            return None;
        };
        let count = usize::try_from(number).ok().filter(|count| *count >= least);
        if count.is_none() {
            self.wrong_value(target, key, &format!("write a whole number, at least {least}"));
        }
        count
    }

    fn wrong_value(&mut self, target: &Merged, key: &str, advice: &str) {
        let place = target.get(key).map_or(&target.place, |placed| &placed.place);
        self.wrong(place, format!("bad value for `{key}`: {advice}"));
    }

    fn wrong(&mut self, place: &Location, message: String) {
        let mistake = Diagnostic {
            file: place.file.to_string(),
            line: place.position.line,
            column: place.position.column,
            severity: Severity::Error,
            message,
        };
        // One in the defaults is every target's.
        if !self.found.contains(&mistake) {
            self.found.push(mistake);
        }
    }
}

fn text(target: &Merged, key: &str) -> Option<String> {
    match &target.get(key)?.given {
        Given::Text(text) => Some(text.clone()),
        _ => None,
    }
}

fn list(target: &Merged, key: &str) -> Option<Vec<String>> {
    match &target.get(key)?.given {
        Given::List(list) => Some(list.clone()),
        _ => None,
    }
}

fn switch(target: &Merged, key: &str) -> Option<bool> {
    match target.get(key)?.given {
        Given::Switch(is_on) => Some(is_on),
        _ => None,
    }
}

/// Its labels; an empty value is no label.
fn labels(target: &Merged) -> Vec<(String, String)> {
    let mut labels = said_labels(target);
    labels.retain(|(_, value)| !value.is_empty());
    labels
}

/// Labels of the defaults that it has not itself, then its own.
fn said_labels(target: &Merged) -> Vec<(String, String)> {
    let of = |placed: Option<&Placed>| match placed.map(|placed| &placed.given) {
        Some(Given::Labels(labels)) => labels.clone(),
        _ => Vec::new(),
    };
    let mut labels = of(target.inherited.get("labels"));
    labels.extend(of(target.own.get("labels")));
    labels
}

/// Parameters of libpq, as far as they are meant.
fn libpq(target: &Merged, is_meant: impl Fn(&str) -> bool) -> Vec<(&'static str, Secret)> {
    let keys = TARGET_KEYS
        .iter()
        .filter(|key| key.is_libpq && is_meant(key.name));
    let given = keys.filter_map(|key| match &target.get(key.name)?.given {
        Given::Text(text) => Some((key.name, Secret::from(text.as_str()))),
        Given::Secret(secret) => Some((key.name, secret.clone())),
        _ => None,
    });
    given.collect()
}

/// Where a layer says that the password comes from.
fn password(keys: &Keys) -> Option<PasswordSource> {
    let text = |key| match keys.get(key).map(|placed| &placed.given) {
        Some(Given::Text(text)) => Some(text),
        _ => None,
    };
    if let Some(Given::List(line)) = keys.get("password_command").map(|placed| &placed.given) {
        let ttl = text("ttl").and_then(|text| duration::positive(text, 1.0));
        return Some(PasswordSource::Command {
            line: line.clone(),
            ttl: ttl.unwrap_or(TTL),
        });
    }
    let file = text("password_file").map(|path| PasswordSource::File(PathBuf::from(path)));
    file.or_else(|| text("password_env").cloned().map(PasswordSource::Variable))
}
