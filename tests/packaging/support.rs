//! What the tests share: the repository's files, programs and their output, YAML.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

pub(crate) use pg_exporter_lab::Folder;

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_pg_exporter");

/// The oldest Kubernetes of the chart, one between, the newest whose schemas are there.
pub(crate) const KUBERNETES: [&str; 3] = ["1.25", "1.31", "1.37"];

/// A path within the repository.
pub(crate) fn path(relative: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(relative)
}

pub(crate) fn read(relative: &str) -> String {
    fs::read_to_string(path(relative)).unwrap_or_else(|error| panic!("{relative}: {error}"))
}

/// The files below a folder of the repository whose names end so, sorted; at least one.
pub(crate) fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let mut found: Vec<_> = fs::read_dir(path(folder))
        .unwrap_or_else(|error| panic!("{folder}: {error}"))
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file() && path.to_string_lossy().ends_with(ending))
        .collect();
    found.sort();
    assert!(!found.is_empty(), "no {ending} in {folder}");
    found
}

/// What a command wrote, and whether it succeeded.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) success: bool,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

pub(crate) fn output(command: &mut Command) -> Output {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    Output {
        success: output.status.success(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// What a command wrote to standard output; it must succeed.
#[track_caller]
pub(crate) fn stdout(command: &mut Command) -> String {
    let output = output(command);
    assert!(
        output.success,
        "{command:?} failed:\n{}{}",
        output.stdout, output.stderr
    );
    output.stdout
}

/// A program that `scripts/fetch-tools` brought.
pub(crate) fn tool(name: &str) -> Command {
    Command::new(pg_exporter_lab::tool(name))
}

/// The documents of a YAML text.
pub(crate) fn documents(text: &str) -> Vec<Value> {
    serde_yaml::from_multiple(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// The one document of a YAML file of the repository.
pub(crate) fn document(relative: &str) -> Value {
    documents(&read(relative)).remove(0)
}

/// Checks manifests against Kubernetes' own schemas, where a key that Kubernetes does not know is a mistake. Objects of kinds that
/// come with an operator are returned: their schemas are not Kubernetes'.
pub(crate) fn validate(manifests: &str) -> Vec<Value> {
    let folder = Folder::new();
    let (known, other): (Vec<_>, Vec<_>) = documents(manifests)
        .into_iter()
        .filter(|object| !object.is_null())
        .partition(|object| !api(object).contains("coreos.com"));
    assert!(!known.is_empty(), "{manifests}");
    let text: Vec<_> = known.iter().map(Value::to_string).collect();
    let file = folder.write("manifests.yaml", &text.join("\n---\n"));
    for version in KUBERNETES {
        let found = output(tool("kubernetes-validate").args(["--strict", "-k", version, &file]));
        assert!(found.success, "{version}: {}{}", found.stdout, found.stderr);
        let passed = (found.stdout.clone() + &found.stderr)
            .lines()
            .filter(|line| line.contains(" passed for resource "))
            .count();
        assert_eq!(passed, known.len(), "{version}: {}{}", found.stdout, found.stderr);
    }
    other
}

fn api(object: &Value) -> &str {
    object["apiVersion"].as_str().unwrap()
}

/// The objects of a kind, by name.
pub(crate) fn of_kind<'a>(objects: &'a [Value], kind: &str) -> Vec<&'a Value> {
    objects.iter().filter(|object| object["kind"] == kind).collect()
}
