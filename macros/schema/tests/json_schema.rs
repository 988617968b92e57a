//! The JSON Schema as an editor uses it: every shipped file is valid, every fixture with a mistake that one entry shows is
//! not, and the mistakes that a schema cannot see are listed with the reason.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use jsonschema::Validator;
use pg_exporter_schema::{Severity, Source, Strictness, compile, json_schema, targets, targets_schema};
use serde_json::Value;

/// Mistakes that concern several entries or columns.
const BETWEEN_ENTRIES: &[&str] = &[
    "branch-twice-in-directory",
    "branches-gap",
    "branches-gap-role",
    "branches-other-help",
    "branches-other-labels",
    "branches-other-type",
    "branches-overlap",
    "branches-overlap-tags",
    "clash-collectors",
    "column-duplicate",
    "holder-named-plainly",
    "label-duplicate",
    "label-le",
    "layer-clash",
    "metric-duplicate",
    "metric-duplicate-histogram",
    "optional-not-called",
    "tune-column-nothing",
    "tune-dropped",
    "tune-into-overlap",
    "tune-nothing",
    "tune-one-branch-help",
    "tune-rename-clash",
    "tune-versions",
];
/// Two values of an entry that contradict each other: a schema compares nothing.
const BETWEEN_VALUES: &[&str] = &[
    "bucket-order",
    "tag-extension-operator",
    "tags-contradict",
    "version-equal",
    "version-order",
];
/// What a statement's text says.
const IN_A_STATEMENT: &[&str] = &[
    "predicate-several",
    "query-only-comment",
    "query-pgbouncer",
    "query-several",
    "query-unclosed",
    "statement-begin",
    "statement-begin-and-commit",
    "statement-copy",
    "statement-deallocate",
    "statement-discard",
    "statement-do",
    "statement-explain-analyze",
    "statement-insert",
    "statement-into",
    "statement-listen",
    "statement-nul",
    "statement-parameter",
    "statement-predicate",
    "statement-reset-in-front",
    "statement-set-alone",
    "statement-set-config-in-front",
    "statement-set-in-front",
    "statement-set-role",
    "statement-set-role-equal",
    "statement-set-then-write",
    "statement-set-timeout-bad",
    "statement-set-transaction",
    "statement-with-delete",
    "template-in-query",
];
/// Allowed, and remarked on because it is probably not meant.
const WARNINGS: &[&str] = &[
    "description-cut-at-a-key",
    "scale-on-label",
    "settings-least",
    "tag-misspelt",
    "version-major-only",
];
/// Names that the exporter has taken.
const TAKEN: &[&str] = &["clash-builtin", "clash-builtin-process"];
/// A file without entries is wrong only where no other has any.
const ALONE: &[&str] = &["empty-file"];
/// No YAML, keys that occur twice, or the infinity that JSON does not have: no validator gets to see them.
const UNREADABLE: &[&str] = &[
    "branch-duplicate",
    "bucket-infinite",
    "column-key-duplicate",
    "key-duplicate",
    "not-utf8",
    "number-infinite",
    "syntax-anchor",
    "syntax-braces-block",
    "syntax-braces-bracket",
    "syntax-braces-colon",
    "syntax-braces-comment",
    "syntax-braces-percent",
    "syntax-braces-quote",
    "syntax-braces-star",
    "syntax-bracket",
    "syntax-desc-colon",
    "syntax-indent",
    "syntax-quote",
    "syntax-tab",
    "syntax-tab-behind-spaces",
    "syntax-tab-in-query",
    "syntax-template",
    "syntax-text-ampersand",
    "syntax-text-at",
    "syntax-text-block",
    "syntax-text-brace",
    "syntax-text-colon",
    "syntax-text-dash",
    "syntax-text-list",
    "syntax-text-percent",
    "syntax-text-quote",
    "syntax-text-star",
    "syntax-two-documents",
    "template-comment",
    "template-loop",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn validator() -> Validator {
    let schema: Value = serde_json::from_str(&json_schema()).unwrap();
    jsonschema::draft202012::meta::validate(&schema).unwrap_or_else(|error| panic!("{error}"));
    jsonschema::draft202012::new(&schema).unwrap()
}

/// The file as an editor reads it.
fn read(path: &Path) -> Result<Value, String> {
    let text = String::from_utf8(std::fs::read(path).unwrap()).map_err(|error| error.to_string())?;
    serde_yaml::from_str(&text).map_err(|error| error.to_string())
}

fn problems(validator: &Validator, path: &Path) -> Vec<String> {
    let value = read(path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    let problems = validator.iter_errors(&value);
    problems
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

fn yaml_files(directory: &Path) -> Vec<PathBuf> {
    let paths = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|ext| ext == "yml"))
        .collect();
    files.sort();
    files
}

#[test]
fn every_shipped_file_is_valid() {
    let validator = validator();
    let mut count = 0;
    for directory in [
        "../../collectors",
        "../../collectors/legacy",
        "../../collectors/compat/postgres_exporter",
        "../../tests/site/collectors",
        "tests/golden",
    ] {
        for file in yaml_files(&root().join(directory)) {
            assert_eq!(problems(&validator, &file), [""; 0], "{file:?}");
            count += 1;
        }
    }
    assert!(count > 100, "only {count} files were found");
}

#[test]
fn every_broken_fixture_is_refused_or_listed() {
    let validator = validator();
    let invisible: BTreeSet<&str> = [
        BETWEEN_ENTRIES,
        BETWEEN_VALUES,
        IN_A_STATEMENT,
        WARNINGS,
        TAKEN,
        ALONE,
    ]
    .concat()
    .into_iter()
    .collect();
    let (mut accepted, mut unreadable, mut refused) = (BTreeSet::new(), BTreeSet::new(), 0);
    for entry in std::fs::read_dir(root().join("tests/fixtures")).unwrap() {
        let path = entry.unwrap().path();
        let files = match path.extension() {
            None => yaml_files(&path),
            Some(ext) if ext == "yml" => vec![path.clone()],
            Some(_) => continue,
        };
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if files.iter().any(|file| read(file).is_err()) {
            unreadable.insert(name);
        } else if files.iter().all(|file| problems(&validator, file).is_empty()) {
            accepted.insert(name);
        } else {
            refused += 1;
        }
    }
    let listed = |names: BTreeSet<&str>| names.into_iter().map(str::to_owned).collect::<BTreeSet<_>>();
    assert_eq!(
        accepted,
        listed(invisible),
        "accepted, and listed as invisible to a schema"
    );
    assert_eq!(unreadable, listed(UNREADABLE.iter().copied().collect()));
    assert!(refused > 55, "only {refused} were refused");
}

/// Spellings that the parser takes must not be marked as wrong in an editor.
#[test]
fn what_the_parser_takes_is_valid() {
    let validator = validator();
    let entry = "query: SELECT 1 AS a, metrics: [a: { usage: gauge }]";
    let entries = [
        "ttl: '1e-3', timeout: -1, max_stale: '1_000'",
        "ttl: .5, timeout: '0x10', fatal: 'yes', skip: Off",
        "min_version: 090600, max_version: '100000', priority: -5, max_series: 1e3",
        "ttl: , tags: , predicate_queries: , desc: , name: , fatal:",
        "tags: [cluster, 'extension:x', 5], desc: 5",
        "search_path: 'shop, public', settings: { work_mem: 64MB, 'a.b': on, jit: false }",
        "search_path: [shop], settings:",
        "predicate_queries: [{ predicate_query: SELECT true, ttl: '5' }]",
    ]
    .map(|more| format!("x: {{ {entry}, {more} }}"));
    let others = [
        format!("'5x': {{ {entry}, name: x }}"),
        "x: { ttl: 5, metrics: [a: { description: A }, b: { rename: '', bucket: [1, '2e1'] }] }".to_owned(),
        "x: { query: SELECT 1, metrics: [__a: { usage: GAUGE }, '5min': { usage: GAUGE }, 'a.b': { usage: DISCARD }] }"
            .to_owned(),
        "x: { query: SELECT 1, metrics: [a: { usage: GAUGE }, 'a-b': { usage: LABEL, rename: a_b }] }".to_owned(),
    ];
    for text in entries.iter().chain(&others) {
        let source = Source::new("x.yml".to_owned(), text.as_bytes());
        let is_tuning = !text.contains("query:");
        let said = compile(&[source], Strictness::Lenient).diagnostics;
        let errors = said.iter().filter(|one| one.severity == Severity::Error).count();
        assert!(is_tuning || errors == 0, "{text}: {said:?}");
        let value: Value = serde_yaml::from_str(text).unwrap();
        let problems: Vec<_> = validator
            .iter_errors(&value)
            .map(|error| error.to_string())
            .collect();
        assert_eq!(problems, [""; 0], "{text}");
    }
}

/// Targets files, and whether they may be so.
const TARGETS: [(&str, bool); 27] = [
    ("", true),
    ("targets: []", true),
    ("targets: [{ name: a, host: h }]", true),
    ("targets: [{ host: h }]", false),
    ("targets: [{ name: A, host: h }]", false),
    ("targets: [{ name: a, host: '' }]", false),
    ("targets: [{ name: a, host: h, password: 1234 }]", true),
    (
        "targets: [{ name: a, host: h, sslcrl: x, client_encoding: UTF8 }]",
        true,
    ),
    ("targets: [{ name: a, host: h, sslcr: x }]", false),
    (
        "targets: [{ name: a, host: h, password_command: [token, 5] }]",
        true,
    ),
    ("targets: [{ name: a, host: h, password_command: token }]", false),
    ("targets: [{ name: a, host: h, password_command: [] }]", false),
    (
        "targets: [{ name: a, host: h, tags: [a, 5] }, { name: b, host: h, tags: a }]",
        true,
    ),
    (
        "targets: [{ name: a, host: h, labels: { a: b, _: 1, _1: true, _a: '', a1: , A_: x } }]",
        true,
    ),
    ("targets: [{ name: a, host: h, labels: { __a: b } }]", false),
    ("targets: [{ name: a, host: h, labels: { __: b } }]", false),
    ("targets: [{ name: a, host: h, labels: { 1a: b } }]", false),
    ("targets: [{ name: a, host: h, labels: { a-b: c } }]", false),
    ("targets: [{ name: a, host: h, labels: { a: [b] } }]", false),
    ("defaults: { host: h }\ncredentials: { c: { host: h } }", false),
    ("x-note: 1\ntargets:", true),
    ("[{ targets: ['h:1'] }]", true),
    (
        "[{ targets: ['h:1'], labels: { a: b, _1: c, __meta_x-y: d } }]",
        true,
    ),
    ("[{ targets: ['h:1'], labels: { a-b: c } }]", false),
    ("[{ targets: ['h:1'], labels: { '1': c } }]", false),
    ("[{ targets: ['h:1'], labels: { a: [c] } }]", false),
    ("[{ targets: ['h:1'], label: { a: b } }]", false),
];

/// What an editor remarks on, and what the exporter does, are the same.
#[test]
fn the_schema_and_the_reader_of_targets_agree() {
    let schema: Value = serde_json::from_str(&targets_schema()).unwrap();
    jsonschema::draft202012::meta::validate(&schema).unwrap_or_else(|error| panic!("{error}"));
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    for (text, is_fine) in TARGETS {
        let value: Value = serde_yaml::from_str(text).unwrap();
        assert_eq!(validator.is_valid(&value), is_fine, "by the schema: {text}");
        let read = targets(&[Source::new("t.yml", text)]);
        assert_eq!(read.is_ok(), is_fine, "by the reader: {text} {read:?}");
    }
}
