//! The rooms of the compiler: data flows from `read` to `render`, and no files use each other in a circle.
//!
//! What a file uses are the `use` lines and paths that begin with `crate::` or `super::`. A `mod.rs` and `lib.rs` only declare
//! and re-export, so they hold no code that could be part of a circle.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Rooms in the order in which data flows; each uses those before it.
const ROOMS: [&str; 10] = [
    "model", "language", "sql", "read", "web", "targets", "resolve", "lock", "render", "convert",
];

/// Every file by the path of its module, such as `read::node`, with its code.
fn modules(directory: &Path, prefix: &str, found: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            modules(&path, &format!("{prefix}{name}::"), found);
        } else if !["lib", "mod"].contains(&name.as_str()) && !name.ends_with("tests") {
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap().to_owned();
            found.insert(format!("{prefix}{name}"), code);
        }
    }
}

/// The modules that a file uses.
fn used(module: &str, code: &str, all: &BTreeSet<&str>) -> BTreeSet<String> {
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    let code: String = lines.collect::<Vec<_>>().join(" ");
    let parent = module.rsplit_once("::").map_or("", |(parent, _)| parent);
    let mut paths = Vec::new();
    for (word, base) in [("crate::", String::new()), ("super::", format!("{parent}::"))] {
        for rest in code.split(word).skip(1) {
            let end = rest.find(|c: char| !c.is_alphanumeric() && !"_:{}, ".contains(c));
            let path = rest.get(..end.unwrap_or(rest.len())).unwrap();
            match path.split_once('{') {
                Some((head, list)) if head.ends_with("::") || head.is_empty() => {
                    let list = list.split('}').next().unwrap();
                    paths.extend(list.split(',').map(|item| format!("{base}{head}{}", item.trim())));
                }
                _ => paths.push(format!("{base}{}", path.split([',', ' ', '}']).next().unwrap())),
            }
        }
    }
    let is_it = |path: &&String, one: &str| **path == one || path.starts_with(&format!("{one}::"));
    let meant = all
        .iter()
        .filter(|one| paths.iter().any(|path| is_it(&path, one)));
    meant
        .filter(|one| **one != module)
        .map(|one| (*one).to_owned())
        .collect()
}

fn graph() -> BTreeMap<String, BTreeSet<String>> {
    let mut found = BTreeMap::new();
    modules(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), "", &mut found);
    let all: BTreeSet<&str> = found.keys().map(String::as_str).collect();
    let uses = found
        .iter()
        .map(|(module, code)| (module.clone(), used(module, code, &all)));
    uses.collect()
}

#[test]
fn no_files_use_each_other_in_a_circle() {
    let mut graph = graph();
    assert!(
        graph.values().map(BTreeSet::len).sum::<usize>() > 100,
        "{graph:?}"
    );
    // Takes away what uses nothing that is left, until nothing can be taken away.
    loop {
        let left: BTreeSet<String> = graph.keys().cloned().collect();
        let before = graph.len();
        graph.retain(|_, uses| uses.iter().any(|used| left.contains(used)));
        if graph.len() == before {
            break;
        }
    }
    assert_eq!(graph.keys().collect::<Vec<_>>(), Vec::<&String>::new());
}

#[test]
fn rooms_use_those_before_them() {
    let room = |module: &str| {
        let first = module.split("::").next().unwrap();
        ROOMS
            .iter()
            .position(|room| *room == first)
            .unwrap_or_else(|| panic!("{module} has no room"))
    };
    for (module, uses) in graph() {
        let ahead: Vec<_> = uses.iter().filter(|used| room(used) > room(&module)).collect();
        assert_eq!(ahead, Vec::<&String>::new(), "used by {module}");
    }
}
