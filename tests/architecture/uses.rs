//! Which file uses which: read from `use` lines and from paths that begin with `crate`, `super` or `self`. What a folder's
//! `mod.rs` only passes on counts as the file that it comes from. Test code does not count.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::sources;

/// The files of one crate by module path, such as `scrape/rows/batch`, and what each uses.
pub(super) struct Crate {
    pub(super) uses: BTreeMap<String, BTreeSet<String>>,
}

/// Path segments behind `crate`.
type Module = Vec<String>;

struct File {
    module: Module,
    code: String,
    /// Name -> where a `use` of this file takes it from.
    passes_on: BTreeMap<String, Module>,
}

impl Crate {
    /// Reads every file below a folder.
    pub(super) fn read(folder: &str) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let mut files = BTreeMap::new();
        for (path, text) in sources(folder) {
            let name = path.strip_prefix(&root).unwrap().with_extension("");
            let name = name.to_str().unwrap().replace("/mod", "");
            if is_test(&name) {
                continue;
            }
            let module = if ["lib", "main"].contains(&&*name) {
                Vec::new()
            } else {
                segments(&name, '/')
            };
            let code = without_tests(&text);
            let passes_on = imports(&code, &module)
                .into_iter()
                .filter_map(|path| Some((path.last()?.clone(), path)))
                .collect();
            files.insert(
                module.join("/"),
                File {
                    module,
                    code,
                    passes_on,
                },
            );
        }
        let uses = files
            .values()
            .map(|file| (file.module.join("/"), used_by(file, &files)))
            .collect();
        Self { uses }
    }

    /// The files of each room, by the first segment; what is used within a room and what across.
    pub(super) fn edges(&self) -> impl Iterator<Item = (&str, &str)> {
        let pairs = self.uses.iter();
        pairs.flat_map(|(from, uses)| uses.iter().map(move |to| (&**from, &**to)))
    }
}

fn is_test(name: &str) -> bool {
    name.split('/')
        .any(|part| part == "tests" || part.ends_with("_tests"))
}

fn segments(path: &str, separator: char) -> Module {
    path.split(separator).map(str::to_owned).collect()
}

/// Comments, text in quotes and test modules left out.
fn without_tests(text: &str) -> String {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.map(|line| format!("{line}\n")).collect()
}

/// Every path of a `use` that begins in this crate, in full.
fn imports(code: &str, module: &Module) -> Vec<Module> {
    let mut found = Vec::new();
    for statement in code.split("use ").skip(1) {
        let Some((tree, _)) = statement.split_once(';') else {
            continue;
        };
        let tree: String = tree.split_whitespace().collect::<Vec<_>>().join(" ");
        for path in expand(&tree) {
            found.extend(absolute(&path, module));
        }
    }
    found
}

/// The paths of a use tree; of `a as b` the `a`.
fn expand(tree: &str) -> Vec<Module> {
    let Some((before, group)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap_or_default().trim();
        return vec![segments(&path.replace("::", "/"), '/')];
    };
    let group = group.trim_end().trim_end_matches('}');
    let mut parts = vec![String::new()];
    let mut depth = 0;
    for letter in group.chars() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        match letter {
            ',' if depth == 0 => parts.push(String::new()),
            _ => parts.last_mut().unwrap().push(letter),
        }
    }
    let parts = parts
        .iter()
        .map(|part| part.trim())
        .filter(|part| !part.is_empty());
    parts
        .flat_map(|part| expand(&format!("{before}{part}")))
        .collect()
}

/// The path behind `crate`, if it begins in this crate.
fn absolute(path: &Module, module: &Module) -> Option<Module> {
    let mut here = module.clone();
    let mut rest = path.as_slice();
    match rest.first()?.as_str() {
        "crate" => here.clear(),
        "self" => {}
        "super" => {
            while rest.first().is_some_and(|part| part == "super") {
                here.pop();
                rest = &rest[1..];
            }
            here.extend_from_slice(rest);
            return Some(here);
        }
        // A child that is named as such: `use child::Item`.
        first
            if first
                .chars()
                .all(|c| c.is_lowercase() || c == '_' || c.is_numeric()) =>
        {
            here.extend_from_slice(rest);
            return Some(here);
        }
        _ => return None,
    }
    here.extend_from_slice(&rest[1..]);
    Some(here)
}

fn used_by(file: &File, files: &BTreeMap<String, File>) -> BTreeSet<String> {
    let mut paths = imports(&used_only(&file.code), &file.module);
    paths.extend(inline(&file.code, &file.module));
    let own = file.module.join("/");
    let found = paths
        .into_iter()
        .filter_map(|path| defining_file(&path, files, 0));
    found.filter(|used| *used != own && !used.is_empty()).collect()
}

/// The code without its `pub use`, whoever may see it: what a file passes on it need not use itself.
fn used_only(code: &str) -> String {
    let mut left = String::new();
    let mut rest = code;
    while let Some(at) = rest.find("\npub") {
        let (before, statement) = rest.split_at(at + 1);
        left.push_str(before);
        let (head, _) = statement.split_once(' ').unwrap_or((statement, ""));
        let passes_on = statement[head.len()..].starts_with(" use ");
        let length = if passes_on {
            statement.find(';').map_or(statement.len(), |end| end + 1)
        } else {
            head.len()
        };
        left.push_str(if passes_on { "" } else { head });
        rest = &statement[length..];
    }
    left.push_str(rest);
    left
}

/// Paths in the code itself.
fn inline(code: &str, module: &Module) -> Vec<Module> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("crate::").chain(code.match_indices("super::")) {
        let before = code[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == ':' || c == '_' || c == '$') {
            continue;
        }
        let end = code[at..]
            .find(|c: char| !c.is_alphanumeric() && c != ':' && c != '_')
            .unwrap_or(0);
        let path = code[at..at + end].trim_end_matches(':');
        found.extend(absolute(&segments(&path.replace("::", "/"), '/'), module));
    }
    found
}

/// The file that holds what the path names, through what `mod.rs` files pass on.
fn defining_file(path: &Module, files: &BTreeMap<String, File>, depth: usize) -> Option<String> {
    for length in (0..=path.len()).rev() {
        let Some(file) = files.get(&path[..length].join("/")) else {
            continue;
        };
        let passed = path.get(length).and_then(|name| file.passes_on.get(name));
        return match passed {
            Some(origin) if depth < 8 && origin != path => {
                let mut origin = origin.clone();
                origin.extend_from_slice(&path[length + 1..]);
                defining_file(&origin, files, depth + 1)
            }
            _ => Some(path[..length].join("/")),
        };
    }
    None
}
