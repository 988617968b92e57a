//! The files below `observability/` and `docs/`.

use std::fs;
use std::path::{Path, PathBuf};

use pg_exporter_observability::dashboards::Source;
use pg_exporter_observability::rules::{Rule, Rules};

/// A path within the repository.
pub(crate) fn path(relative: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(relative)
}

/// The text of a file of the repository.
#[track_caller]
pub(crate) fn read(relative: &str) -> String {
    fs::read_to_string(path(relative)).unwrap_or_else(|error| panic!("{relative}: {error}"))
}

/// The files of a folder with an extension, by name.
pub(crate) fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(path(folder)).unwrap();
    let mut found: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect();
    found.sort();
    assert!(!found.is_empty(), "nothing in {folder}");
    found
}

/// The rule files' texts: recording rules first, since the others build on them.
pub(crate) fn rule_texts() -> Vec<String> {
    let mut paths = files("observability/rules", "yml");
    paths.sort_by_key(|path| !path.ends_with("recording.yml"));
    paths
        .iter()
        .map(|path| fs::read_to_string(path).unwrap())
        .collect()
}

/// All rules of all files, recording rules first.
pub(crate) fn all_rules() -> Vec<Rule> {
    let parsed = rule_texts().into_iter().map(|text| Rules::parse(&text).unwrap());
    parsed
        .flat_map(|rules| rules.all().cloned().collect::<Vec<_>>())
        .collect()
}

/// The alerts, with their names.
pub(crate) fn alerts() -> Vec<(String, Rule)> {
    let named = |rule: Rule| rule.alert.clone().map(|name| (name, rule));
    all_rules().into_iter().filter_map(named).collect()
}

/// The dashboards' sources by name.
pub(crate) fn sources() -> Vec<(String, Source)> {
    let parse = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let source = Source::parse(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        (name, source)
    };
    files("observability/dashboards", "yml")
        .into_iter()
        .map(parse)
        .collect()
}

/// The text of a generated file; with `UPDATE_GOLDEN` set it is written first.
#[track_caller]
pub(crate) fn assert_current(relative: &str, expected: &str) {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(path(relative), expected).unwrap();
    }
    assert!(
        fs::read_to_string(path(relative)).unwrap_or_default() == expected,
        "{relative} is not current: UPDATE_GOLDEN=1 cargo test --test observability generated"
    );
}

/// The page of what the scenes found.
const MEASURED: &str = "docs/observability-measured.md";

/// Tells what a scene found; with `UPDATE_MEASURED` set the page gets it in place of what was there under that name.
pub(crate) fn measured(name: &str, table: &str) {
    eprintln!("{table}");
    if std::env::var_os("UPDATE_MEASURED").is_none() {
        return;
    }
    let text = read(MEASURED);
    let (begin, end) = marks(name);
    let (before, rest) = text.split_once(&begin).unwrap();
    let (_, after) = rest.split_once(&end).unwrap();
    fs::write(path(MEASURED), format!("{before}{begin}\n{table}{end}{after}")).unwrap();
}

/// What the page says that a scene found.
#[track_caller]
pub(crate) fn found_before(name: &str) -> String {
    let text = read(MEASURED);
    let (begin, end) = marks(name);
    let between = text
        .split_once(&begin)
        .and_then(|(_, rest)| rest.split_once(&end));
    let (found, _) = between.unwrap_or_else(|| panic!("{MEASURED} has no table of {name}"));
    found.to_owned()
}

fn marks(name: &str) -> (String, String) {
    (format!("<!-- {name} -->"), format!("<!-- end of {name} -->"))
}
