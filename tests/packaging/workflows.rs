//! What GitHub runs: workflows and forms of the right shape, and scripts in them that a shell understands.

use serde_json::Value;

use crate::support::{Folder, document, files, output, path, stdout, tool};

#[test]
fn workflows_and_forms_have_the_shape_that_github_wants() {
    let check = |schema: &str, file: &std::path::Path| {
        stdout(
            tool("check-jsonschema")
                .args(["--builtin-schema", schema])
                .arg(file),
        );
    };
    for file in files(".github/workflows", ".yml") {
        check("vendor.github-workflows", &file);
    }
    for name in ["fault", "wish"] {
        check(
            "vendor.github-issue-forms",
            &path(&format!(".github/ISSUE_TEMPLATE/{name}.yml")),
        );
    }
    check(
        "vendor.github-issue-config",
        &path(".github/ISSUE_TEMPLATE/config.yml"),
    );
    check("vendor.dependabot", &path(".github/dependabot.yml"));
}

#[test]
fn actionlint_has_no_complaint_and_finds_what_is_wrong() {
    stdout(tool("actionlint").args(files(".github/workflows", ".yml")));
    let folder = Folder::new();
    let file = folder.write(
        "wrong.yml",
        "on: push\njobs:\n  one:\n    runs-on: ubuntu-24.04\n    steps: [{ run: \"echo ${{ gihub.ref }}\" }]\n",
    );
    let found = output(tool("actionlint").arg(file));
    assert!(
        !found.success && found.stdout.contains("gihub"),
        "{}{}",
        found.stdout,
        found.stderr
    );
}

#[test]
fn steps_are_scripts_that_a_shell_understands_and_jobs_have_an_end() {
    let mut number = 0;
    for file in files(".github/workflows", ".yml") {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let workflow = document(&format!(".github/workflows/{name}"));
        for (job, body) in workflow["jobs"].as_object().unwrap() {
            assert!(
                body["timeout-minutes"].is_u64(),
                "{name}: {job} has no time limit"
            );
            for script in body["steps"]
                .as_array()
                .unwrap()
                .iter()
                .filter_map(|step| step["run"].as_str())
            {
                number += 1;
                understood(&name, job, script);
            }
        }
        assert!(
            workflow["permissions"].is_object(),
            "{name}: rights are not restricted"
        );
    }
    assert!(number > 5);
}

fn understood(name: &str, job: &str, script: &str) {
    let folder = Folder::new();
    // What GitHub puts in before the shell sees it.
    let mut text = String::from("#!/bin/bash\n");
    let mut rest = script;
    while let Some((before, behind)) = rest.split_once("${{") {
        text.push_str(before);
        text.push('1');
        rest = behind.split_once("}}").unwrap().1;
    }
    text.push_str(rest);
    let file = folder.write("step.sh", &text);
    let found = output(tool("shellcheck").arg(&file));
    assert!(found.success, "{name}, {job}:\n{}", found.stdout);
}

/// What a workflow calls must be there.
#[test]
fn workflows_call_scripts_and_targets_that_exist() {
    let makefile = crate::support::read("Makefile");
    for file in files(".github/workflows", ".yml") {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let workflow: Value = document(&format!(".github/workflows/{name}"));
        for (_, body) in workflow["jobs"].as_object().unwrap() {
            for script in body["steps"]
                .as_array()
                .unwrap()
                .iter()
                .filter_map(|step| step["run"].as_str())
            {
                for line in script.lines() {
                    called(&name, &makefile, line);
                }
            }
        }
    }
}

fn called(name: &str, makefile: &str, line: &str) {
    let words: Vec<_> = line.split_whitespace().collect();
    for (index, word) in words.iter().enumerate() {
        if word.starts_with("scripts/") || word.starts_with(".ci/") {
            assert!(path(word).is_file(), "{name}: {word}");
        }
        // The command, behind variables at most.
        if *word == "make" && words[..index].iter().all(|before| before.contains('=')) {
            let target = words[index + 1];
            assert!(
                makefile.contains(&format!("\n{target}:")),
                "{name}: make {target}"
            );
        }
    }
}
