//! Prometheus' `file_sd` form: `[{targets: ["host:5432"], labels: {…}}]`, JSON being YAML.

use super::found::{Found, Given, Keys, Placed};
use super::names::{is_label_name, target_name_like};
use crate::read::node::Node;
use crate::read::position::{At, Location};
use crate::read::report::FileReport;
use crate::read::value::{items, pairs, string, unknown_word};

const GROUP: &[&str] = &["targets", "labels"];

/// A target for each address, named by it.
pub(super) fn read(groups: &[Node], found: &mut Found, report: &mut FileReport<'_>) {
    for group in groups {
        let mut addresses: &[Node] = &[];
        let mut labels = None;
        for (key, value) in pairs(group, "a group of file_sd's form", report) {
            match key.value.as_str() {
                "targets" => addresses = items(value, "targets", report),
                "labels" => labels = Some(value),
                _ => unknown_word(key, GROUP, "a group of file_sd's form", report),
            }
        }
        let labels = labels.map(|node| (node, told(node, report)));
        for address in addresses {
            let Some(text) = string(address, "targets", report) else {
                continue;
            };
            if let Some(mut keys) = target(&text, report) {
                if let Some((node, labels)) = &labels {
                    let place = Location::new(&report.file, node.position);
                    let given = Given::Labels(labels.clone());
                    keys.insert("labels", Placed { given, place });
                }
                found
                    .targets
                    .push((Location::new(&report.file, text.position), keys));
            }
        }
    }
}

/// Its labels. Those that begin with `__` are Prometheus' own, and are left to it.
fn told(node: &Node, report: &mut FileReport<'_>) -> Vec<(String, String)> {
    let mut labels = Vec::new();
    for (name, value) in pairs(node, "`labels`", report) {
        if name.value.starts_with("__") {
            continue;
        }
        if !is_label_name(&name.value) {
            report.error(
                name.position,
                "no name of a label: letters, digits and _, no digit first",
            );
        } else if let Some(value) = string(value, &name.value, report) {
            labels.push((name.value.clone(), value.value));
        }
    }
    labels
}

fn target(address: &At<String>, report: &mut FileReport<'_>) -> Option<Keys> {
    let text = address.value.trim();
    let (host, port) = split(text);
    if host.is_empty() || host.contains(['/', '@', ' ', '?', '=', ',']) {
        let message =
            "no address: write host or host:port; a target that needs more is written as one of `targets:`";
        report.error(address.position, message);
        return None;
    }
    let mut keys = Keys::new();
    let place = Location::new(&report.file, address.position);
    let mut give = |key, text: &str| {
        let given = Given::Text(text.to_owned());
        let place = place.clone();
        keys.insert(key, Placed { given, place });
    };
    give("name", &target_name_like(text));
    give("host", host);
    if let Some(port) = port {
        give("port", port);
    }
    Some(keys)
}

/// Host and port; an IPv6 address stands in brackets.
fn split(text: &str) -> (&str, Option<&str>) {
    if let Some((host, rest)) = text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return (host, rest.strip_prefix(':'));
    }
    match text.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') => (host, Some(port)),
        _ => (text, None),
    }
}
