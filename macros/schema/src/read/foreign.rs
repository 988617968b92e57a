//! Keys of postgres_exporter and CloudNativePG that have an exact counterpart here, put in its place.
//!
//! Each is a warning that names what it was read as. A key of ours that is there as well wins.

use super::node::{Kind, Node};
use super::position::At;
use super::report::FileReport;
use super::runonserver::{self, Range};
use super::scalar;

/// A foreign key, and what becomes of its value.
struct Foreign {
    name: &'static str,
    translate: Translate,
}

/// The pairs that stand for a value, or what is wrong with it.
type Translate = fn(&Node) -> Result<Vec<(&'static str, Node)>, String>;

const FOREIGN: [Foreign; 6] = [
    Foreign {
        name: "master",
        translate: |node| flag(node, "cluster"),
    },
    Foreign {
        name: "primary",
        translate: |node| flag(node, "primary"),
    },
    Foreign {
        name: "cache_seconds",
        translate: |node| Ok(vec![("ttl", node.clone())]),
    },
    Foreign {
        name: "runonserver",
        translate: versions,
    },
    Foreign {
        name: "predicate_query",
        translate: |node| {
            let is_blank = match &node.kind {
                Kind::Null => true,
                Kind::Scalar(text) => text.trim().is_empty(),
                Kind::List(_) | Kind::Map(_) => false,
            };
            if is_blank {
                return Ok(Vec::new());
            }
            let pair = (At::new("predicate_query".to_owned(), node.position), node.clone());
            let map = of(node, Kind::Map(vec![pair]));
            Ok(vec![("predicate_queries", of(node, Kind::List(vec![map])))])
        },
    },
    Foreign {
        name: "target_databases",
        translate: databases,
    },
];

/// A definition in our own words.
pub(crate) fn translated(node: &Node, report: &mut FileReport<'_>) -> Node {
    let Kind::Map(pairs) = &node.kind else {
        return node.clone();
    };
    let mut own: Vec<(At<String>, Node)> = Vec::with_capacity(pairs.len());
    let mut found = Vec::new();
    for (key, value) in pairs {
        match FOREIGN.iter().find(|foreign| foreign.name == key.value) {
            Some(foreign) => found.push((foreign, key, value)),
            None => own.push((key.clone(), value.clone())),
        }
    }
    for (foreign, key, value) in found {
        match (foreign.translate)(value) {
            Ok(list) => take(foreign.name, key, list, &mut own, report),
            Err(wrong) => report.error(value.position, format!("`{}` {wrong}", foreign.name)),
        }
    }
    Node {
        position: node.position,
        kind: Kind::Map(own),
    }
}

fn take(
    name: &str,
    key: &At<String>,
    list: Vec<(&'static str, Node)>,
    own: &mut Vec<(At<String>, Node)>,
    report: &mut FileReport<'_>,
) {
    let mut said = Vec::new();
    let says_nothing = list.is_empty();
    for (word, value) in list {
        let there = own.iter_mut().find(|(key, _)| key.value == word);
        match there {
            Some((_, there)) if word == "tags" => add(there, value.clone()),
            Some(_) => {
                let message = format!("`{name}` has no effect beside `{word}`; remove it");
                report.warning(key.position, message);
                continue;
            }
            None => own.push((At::new(word.to_owned(), key.position), value.clone())),
        }
        said.push(format!("{word}: {}", shown(&value)));
    }
    if said.is_empty() && !says_nothing {
        return;
    }
    let read_as = if said.is_empty() {
        "says what holds anyway; remove it".to_owned()
    } else {
        format!("is read as `{}`; write that", said.join(", "))
    };
    report.warning(
        key.position,
        format!("`{name}`, a key of other exporters, {read_as}"),
    );
}

fn add(there: &mut Node, more: Node) {
    let list = match &mut there.kind {
        Kind::List(list) => list,
        Kind::Null => {
            there.kind = more.kind;
            return;
        }
        // What stands there is a mistake that is reported when it is read.
        Kind::Scalar(_) | Kind::Map(_) => return,
    };
    if let Kind::List(more) = more.kind {
        list.extend(more);
    }
}

/// A value as YAML on one line.
fn shown(node: &Node) -> String {
    match &node.kind {
        Kind::Null => String::new(),
        Kind::Scalar(text) => super::value::clip(text),
        Kind::List(items) => {
            let items: Vec<_> = items.iter().map(shown).collect();
            format!("[{}]", items.join(", "))
        }
        Kind::Map(pairs) => {
            let pairs: Vec<_> = pairs
                .iter()
                .map(|(key, value)| format!("{}: {}", key.value, shown(value)))
                .collect();
            format!("{{{}}}", pairs.join(", "))
        }
    }
}

fn of(node: &Node, kind: Kind) -> Node {
    Node {
        position: node.position,
        kind,
    }
}

fn word(node: &Node, text: impl Into<String>) -> Node {
    of(node, Kind::Scalar(text.into()))
}

fn flag(node: &Node, tag: &str) -> Result<Vec<(&'static str, Node)>, String> {
    let value = match &node.kind {
        Kind::Scalar(text) => scalar::boolean(text),
        Kind::Null => Some(false),
        Kind::List(_) | Kind::Map(_) => None,
    };
    match value {
        Some(true) => Ok(vec![("tags", of(node, Kind::List(vec![word(node, tag)])))]),
        Some(false) => Ok(Vec::new()),
        None => Err(format!("must be `true` or `false`; better write `tags: [{tag}]`")),
    }
}

fn versions(node: &Node) -> Result<Vec<(&'static str, Node)>, String> {
    let text = match &node.kind {
        Kind::Scalar(text) => text.as_str(),
        Kind::Null => "",
        Kind::List(_) | Kind::Map(_) => return Err("must be a text such as \">=12.0.0 <17.0.0\"".to_owned()),
    };
    let Range { min, max } = runonserver::range(text)?;
    let mut list = Vec::new();
    if let Some(min) = min {
        list.push(("min_version", word(node, min.to_string())));
    }
    if let Some(max) = max {
        list.push(("max_version", word(node, max.to_string())));
    }
    Ok(list)
}

fn databases(node: &Node) -> Result<Vec<(&'static str, Node)>, String> {
    let advice = "must be a list of names; write `tags: [\"dbname:NAME\"]`";
    let items = match &node.kind {
        Kind::Null => return Ok(Vec::new()),
        Kind::List(items) => items,
        Kind::Scalar(_) | Kind::Map(_) => return Err(advice.to_owned()),
    };
    let mut tags = Vec::new();
    for item in items {
        match &item.kind {
            Kind::Scalar(name) if name == "*" => return Ok(Vec::new()),
            Kind::Scalar(name) if name.contains(['*', '?', '[']) => {
                return Err(format!(
                    "holds the pattern `{name}`, which a definition cannot say; leave it away and start the exporter \
                     with --include-database or --exclude-database"
                ));
            }
            Kind::Scalar(name) => tags.push(word(item, format!("dbname:{name}"))),
            Kind::Null | Kind::List(_) | Kind::Map(_) => return Err(advice.to_owned()),
        }
    }
    Ok(if tags.is_empty() {
        Vec::new()
    } else {
        vec![("tags", of(node, Kind::List(tags)))]
    })
}
