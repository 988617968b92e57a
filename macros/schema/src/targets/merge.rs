//! A target's own keys over those of its credentials, over the defaults; and what is wrong with the whole.

use std::collections::BTreeMap;

use super::found::{Found, Given, Keys, Placed};
use super::keys::{PASSWORDS, TARGET_KEYS, Takes};
use super::names::{is_target_name, target_name_like};
use crate::language::near::did_you_mean;
use crate::read::position::Location;
use crate::read::report::Report;
use crate::read::scalar;
use crate::read::value::clip;

/// A target as all that is said of it.
#[derive(Clone, Debug)]
pub struct Merged {
    /// What requests call it.
    pub name: String,
    /// Where it stands.
    pub place: Location,
    /// What it says itself.
    pub own: Keys,
    /// What its credentials and the defaults say, as far as it says nothing itself.
    pub inherited: Keys,
}

impl Merged {
    /// What is said by a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Placed> {
        self.own.get(key).or_else(|| self.inherited.get(key))
    }
}

pub(super) fn merge(found: Found, report: &mut Report) -> Vec<Merged> {
    let Found {
        defaults,
        credentials,
        targets,
    } = found;
    let defaults = defaults.map(|(_, keys)| keys).unwrap_or_default();
    times(&defaults, report);
    credentials.values().for_each(|(_, keys)| times(keys, report));
    check_reference(&defaults, &credentials, report);
    let mut names: BTreeMap<String, Location> = BTreeMap::new();
    let mut merged = Vec::with_capacity(targets.len());
    for (place, own) in targets {
        times(&own, report);
        check_reference(&own, &credentials, report);
        let Some(name) = name(&place, &own, report) else {
            continue;
        };
        if let Some(first) = names.insert(name.clone(), place.clone()) {
            let message = format!(
                "a second target `{name}`, the first is at {}; give it another name",
                first.brief()
            );
            report.error(&place, message);
            continue;
        }
        let target = Merged {
            inherited: inherited(&own, &defaults, &credentials),
            name,
            place,
            own,
        };
        let is_somewhere = ["url", "service", "host", "hostaddr"]
            .iter()
            .any(|key| target.get(key).is_some());
        if !is_somewhere {
            let message = format!(
                "target `{}` names no server; give it `host`, `url` or `service`",
                target.name
            );
            report.error(&target.place, message);
        }
        if let (Some(url), Some(_)) = (target.own.get("url"), target.own.get("service")) {
            report.error(&url.place, "`url` and `service` exclude each other; leave one");
        }
        merged.push(target);
    }
    merged
}

fn name(place: &Location, keys: &Keys, report: &mut Report) -> Option<String> {
    let Some(Placed {
        given: Given::Text(name),
        place,
    }) = keys.get("name")
    else {
        report.error(place, "a target needs a `name`: what requests call it");
        return None;
    };
    if is_target_name(name) {
        return Some(name.clone());
    }
    let like = target_name_like(name);
    let hint = if is_target_name(&like) {
        format!("; write `{like}`")
    } else {
        String::new()
    };
    let message = format!(
        "`{}` is no name of a target: a-z, 0-9, `.`, `_` and `-`, a letter or digit first, at most 128{hint}",
        clip(name)
    );
    report.error(place, message);
    None
}

fn inherited(own: &Keys, defaults: &Keys, credentials: &BTreeMap<String, (Location, Keys)>) -> Keys {
    let mut inherited = Keys::new();
    let named = match own.get("credentials").or_else(|| defaults.get("credentials")) {
        Some(Placed {
            given: Given::Text(name),
            ..
        }) => credentials.get(name).map(|(_, keys)| keys),
        _ => None,
    };
    for layer in named.into_iter().chain([defaults]) {
        // A password is of who gives it: one of a layer below is another's. So it is where a password file has it.
        let has_password =
            |keys: &Keys| keys.contains_key("passfile") || PASSWORDS.iter().any(|key| keys.contains_key(key));
        let skips_password = has_password(own) || has_password(&inherited);
        for (key, placed) in layer {
            let is_password = PASSWORDS.contains(key) || *key == "ttl";
            if own.contains_key(key) && *key != "labels" || is_password && skips_password {
                continue;
            }
            inherited.entry(key).or_insert_with(|| placed.clone());
        }
    }
    if let (Some(mine), Some(theirs)) = (own.get("labels"), inherited.get_mut("labels")) {
        // Label by label: a target's own are added, or win.
        if let (Given::Labels(mine), Given::Labels(theirs)) = (&mine.given, &mut theirs.given) {
            theirs.retain(|(name, _)| !mine.iter().any(|(own, _)| own == name));
        }
    }
    inherited
}

fn check_reference(keys: &Keys, credentials: &BTreeMap<String, (Location, Keys)>, report: &mut Report) {
    let Some(Placed {
        given: Given::Text(name),
        place,
    }) = keys.get("credentials")
    else {
        return;
    };
    if !credentials.contains_key(name) {
        let hint = did_you_mean(name, credentials.keys().map(String::as_str));
        let message = format!("there are no credentials `{}`{hint}", clip(name));
        report.error(place, message);
    }
}

fn times(keys: &Keys, report: &mut Report) {
    for row in TARGET_KEYS.iter().filter(|row| row.takes == Takes::Time) {
        if let Some(Placed {
            given: Given::Text(text),
            place,
        }) = keys.get(row.name)
            && !is_time(text)
        {
            let message = format!(
                "bad value `{}` for `{}`; write a time above zero with its unit, such as 10s or 500ms",
                clip(text),
                row.name
            );
            report.error(place, message);
        }
    }
}

/// Seconds of `10m`, `1m30s`, `5`; more than zero.
fn is_time(text: &str) -> bool {
    let mut rest = text.trim();
    if let Some(number) = scalar::float(rest) {
        return number > 0.0;
    }
    let mut total = 0.0;
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let unit = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(unit);
        if !["us", "µs", "ms", "s", "m", "h", "d"].contains(&unit) {
            return false;
        }
        let Some(number) = scalar::float(number) else {
            return false;
        };
        total += number;
        rest = after;
    }
    total > 0.0
}
