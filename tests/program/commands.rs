//! What the program does instead of serving.

use std::process::{Command, Stdio};

use clap::CommandFactory as _;
use pg_exporter::program::cli::Cli;
use pg_exporter_lab::{Page, free_port, promtool_check};
use serde_json::Value;

use crate::support::{Folder, PROGRAM, definition, on_server, program, run, server};

#[test]
fn check_finds_nothing_in_what_is_shipped() {
    for arguments in [&["check"][..], &["check", "--strict"]] {
        let ended = run(arguments);
        assert_eq!(
            (ended.status.code(), &*ended.stdout),
            (Some(0), ""),
            "{}",
            ended.stderr
        );
    }
}

#[test]
fn check_names_every_mistake_with_its_place() {
    let folder = Folder::new();
    let broken = folder.write(
        "broken.yml",
        "one:\n  query: SELECT 1 AS value\n  metrics:\n    - value: { usage: GUAGE, description: x }\n\
         two:\n  querry: SELECT 1 AS value\n  metrics:\n    - value: { usage: GAUGE, description: x }\n",
    );
    let good = folder.write("good.yml", &definition("good", "SELECT 1 AS value", ""));
    let ended = run(&["check", &broken, &good]);
    assert_eq!(ended.status.code(), Some(1));
    let lines: Vec<&str> = ended.stdout.lines().collect();
    assert!(
        lines[0].starts_with(&format!("{broken}:4:")) && lines[0].contains("GAUGE"),
        "{lines:?}"
    );
    assert!(
        lines
            .iter()
            .any(|line| line.starts_with(&format!("{broken}:6:")) && line.contains("query")),
        "{lines:?}"
    );
    assert!(!ended.stdout.contains("good.yml"));
    assert_eq!(run(&["check", &good]).status.code(), Some(0));
}

#[test]
fn check_in_json() {
    let folder = Folder::new();
    let broken = folder.write("broken.yml", "one:\n  query: SELECT 1\n  metrics: 7\n");
    let ended = run(&["check", "--format=json", &broken]);
    assert_eq!(ended.status.code(), Some(1));
    let findings: Value = serde_json::from_str(&ended.stdout).unwrap();
    let first = &findings[0];
    assert_eq!(
        (first["file"].as_str(), first["line"].as_u64()),
        (Some(&*broken), Some(3))
    );
    assert_eq!(first["severity"], "error");
    assert!(first["column"].as_u64().is_some_and(|column| column > 1));
    assert!(
        first["message"]
            .as_str()
            .is_some_and(|message| !message.is_empty())
    );
    let good = folder.write("good.yml", &definition("good", "SELECT 1 AS value", ""));
    assert_eq!(run(&["check", "--format", "json", &good]).stdout.trim(), "[]");
}

/// A gap between versions is odd, and no mistake unless one asks for strictness.
#[test]
fn check_strictly() {
    let folder = Folder::new();
    let branch = |key: &str, versions: &str| {
        definition(key, "SELECT 1 AS value", &format!("  name: gap\n  {versions}\n"))
    };
    let gap = folder.write(
        "gap.yml",
        &(branch("gap_10", "max_version: 110000") + &branch("gap_13", "min_version: 130000")),
    );
    let lenient = run(&["check", &gap]);
    assert_eq!(lenient.status.code(), Some(0), "{}", lenient.stdout);
    assert!(lenient.stdout.contains("gap.yml:"), "{}", lenient.stdout);
    assert_eq!(run(&["check", "--strict", &gap]).status.code(), Some(1));
}

#[test]
fn schema_is_a_json_schema() {
    let ended = run(&["schema"]);
    assert!(ended.status.success());
    let schema: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert!(
        schema["$schema"]
            .as_str()
            .is_some_and(|uri| uri.contains("json-schema.org"))
    );
    for key in [
        "query",
        "metrics",
        "ttl",
        "timeout",
        "tags",
        "max_series",
        "predicate_queries",
    ] {
        assert!(ended.stdout.contains(&format!("\"{key}\"")), "{key}");
    }
}

#[test]
fn scrape_writes_one_page() {
    let ended = on_server().arg("scrape").run();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    let page = Page::parse(&ended.stdout);
    assert_eq!(page.value("pg_up", &[]), Some(1.0));
    assert!(page.samples.len() > 300, "{}", page.samples.len());
    let findings = promtool_check(&ended.stdout);
    assert!(findings.parses, "{:?}", findings.lines);
}

#[test]
fn scrape_of_what_is_down_says_so_by_its_code() {
    let nobody = free_port();
    let url = format!("postgresql://127.0.0.1:{}/x", nobody.number);
    let ended = program().url(&url).arg("scrape").run();
    assert_eq!(ended.status.code(), Some(2));
    assert_eq!(Page::parse(&ended.stdout).value("pg_up", &[]), Some(0.0));
}

/// The same cause ends every command that asks the target with the same code, and with a plain line.
#[test]
fn one_cause_has_one_code_and_plain_words() {
    let nobody = free_port();
    let url = format!("postgresql://127.0.0.1:{}/x", nobody.number);
    for command in [&["doctor"][..], &["explain"], &["stat"], &["-E"]] {
        let ended = program().url(&url).args(command).run();
        assert_eq!(ended.status.code(), Some(2), "{command:?}");
        let last = ended.stderr.lines().last().unwrap_or_default();
        assert!(
            last.starts_with("pg_exporter: the target cannot be "),
            "{command:?}: {last}"
        );
    }
    let commands = [
        &["doctor"][..],
        &["explain"],
        &["stat"],
        &["scrape"],
        &["dump"],
        &["check"],
        &["-D"],
        &["-E"],
    ];
    for command in commands {
        for wrong in ["--config=/nonexistent/x.yml", "--connect-timeout=never"] {
            let ended = program().args(command).arg(wrong).run();
            let told = format!("{}{}", ended.stdout, ended.stderr);
            assert_eq!(ended.status.code(), Some(1), "{command:?} {wrong}: {told}");
            assert!(!told.contains("level=error"), "{command:?} {wrong}: {told}");
        }
    }
}

/// What a person typed wrongly is told to a person, whatever the command.
#[test]
fn usage_errors_of_every_subcommand_are_one_plain_line() {
    let commands = Cli::command();
    let names = commands.get_subcommands().map(clap::Command::get_name);
    for name in names.chain(["-D", "-E"]) {
        let ended = run(&[name, "--no-such-flag"]);
        let said = ended.stderr.trim_end();
        assert_eq!(
            (ended.status.code(), &*ended.stdout),
            (Some(1), ""),
            "{name}: {said}"
        );
        assert!(
            said.starts_with("pg_exporter: unknown flag --no-such-flag; see pg_exporter")
                && said.lines().count() == 1,
            "{name}: {said}"
        );
    }
    let ended = run(&["serve"]);
    for name in commands
        .get_subcommands()
        .map(clap::Command::get_name)
        .chain(["help"])
    {
        assert!(ended.stderr.contains(name), "{name} is not in {}", ended.stderr);
    }
}

#[test]
fn help_of_a_subcommand_has_its_own_flags_first() {
    let commands = Cli::command();
    for command in commands.get_subcommands() {
        let name = command.get_name();
        let own_names: Vec<_> = command.get_arguments().filter_map(clap::Arg::get_long).collect();
        for arguments in [&["help", name][..], &[name, "--help"]] {
            let ended = run(arguments);
            assert!(ended.status.success(), "{}", ended.stderr);
            let (own, others) = ended.stdout.split_once("Options of the exporter:").unwrap();
            for flag in &own_names {
                assert!(own.contains(&format!("--{flag}")), "{name} --{flag}: {own}");
            }
            assert!(!own.contains("--web.listen-address") && others.contains("--web.listen-address"));
        }
    }
    assert!(run(&["help"]).stdout.contains("Exit codes:"));
}

#[test]
fn dry_run_lists_what_is_loaded_in_order() {
    let folder = Folder::new();
    let first = definition("zz_first", "SELECT 1 AS value", "  priority: 1\n");
    let last = definition("aa_last", "SELECT 1 AS value", "  priority: 9\n");
    let layer = folder.write("two.yml", &(last + &first));
    for flag in ["--dry-run", "-D"] {
        let ended = run(&[flag, "--no-builtin", "-c", &layer]);
        assert!(ended.status.success(), "{}", ended.stderr);
        let place = |name| {
            ended
                .stdout
                .find(name)
                .unwrap_or_else(|| panic!("{name} in {}", ended.stdout))
        };
        assert!(place("zz_first") < place("aa_last"));
    }
    // What it writes can be loaded again.
    let all = run(&["--dry-run"]);
    let copy = folder.write("copy.yml", &all.stdout);
    let again = run(&["--dry-run", "--no-builtin", "-c", &copy]);
    assert!(again.status.success(), "{}", again.stderr);
    assert_eq!(again.stdout, all.stdout);
}

#[test]
fn explain_tells_why_of_every_collector() {
    for flag in ["--explain", "-E"] {
        let ended = on_server().arg(flag).run();
        assert!(ended.status.success(), "{}", ended.stderr);
        for part in [
            "Collector: pg_db\n",
            "Status: Active",
            "Inactive (",
            "TTL: ",
            "Timeout: ",
            "Tags: [cluster",
        ] {
            assert!(ended.stdout.contains(part), "{part:?}");
        }
        let listed = ended.stdout.matches("Collector: ").count();
        assert!(
            listed > 100 && ended.stdout.matches("  Status: ").count() == listed,
            "{listed}"
        );
    }
    let nobody = free_port();
    let ended = program()
        .url(&format!("postgresql://127.0.0.1:{}/x", nobody.number))
        .arg("-E")
        .run();
    assert_eq!(ended.status.code(), Some(2));
}

/// Whoever reads may stop reading: that is no reason to panic.
#[test]
fn a_reader_that_leaves_is_no_disaster() {
    let url = server().url("postgres");
    for arguments in [
        &["--help"][..],
        &["schema"],
        &["scrape", "-u", &url],
        &["-D"],
        &["-E", "-u", &url],
        &["--version"],
    ] {
        let mut command = Command::new(PROGRAM);
        command.env_clear().args(arguments).stdin(Stdio::null());
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let ended = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(!said.contains("panicked"), "{arguments:?}: {said}");
        assert!(
            ended.status.code().is_some(),
            "{arguments:?} ended by a signal: {}",
            ended.status
        );
    }
}
