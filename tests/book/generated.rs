//! Pages that are made of the code: flags with their variables, the exporter's own metrics. `UPDATE_GOLDEN=1 cargo test --test book
//! generated` writes them.

use std::fmt::Write as _;
use std::process;

use clap::{Arg, Command, CommandFactory as _};
use pg_exporter::program::cli::Cli;
use pg_exporter::program::settings::VARIABLES;
use pg_exporter::self_metrics::{Prefix, TABLE};

use crate::support::{Folder, PROGRAM, current};

const FLAGS: &str = "\
# Flags, variables, exit codes

Generated from the command line's definition in `src/program/cli` by `UPDATE_GOLDEN=1 cargo test --test book generated`: do not edit.

A flag wins over its variable, a variable over the default. A flag that takes `true` or `false` has the forms `--NAME`, `--NAME=true`,
`--NAME=false` and `--no-NAME`. Times are `500ms`, `2s`, `1m`, or a number of seconds; of `--connect-timeout` a number alone is
milliseconds. Flags may stand before and behind a subcommand.

## Flags
| flag | takes | variable | default | meaning |
|---|---|---|---|---|
";

const COMMANDS: &str = "
## Subcommands
Without one, the exporter serves.

| subcommand | what it does |
|---|---|
";

const CODES: &str = "
## Exit codes
| code | when |
|---|---|
| 0 | it did what was asked; a server that was told to stop (SIGTERM, SIGINT) |
| 1 | the command line, a variable or a file cannot be used; an address cannot be listened on. `check`: there are mistakes. `convert`: something could not be carried over. `doctor`: something is wrong. `probe`: no answer, or none of 2xx |
| 2 | the target cannot be reached: `scrape`, `doctor`, `explain`, `stat`, `check --url`; at the start with `--fail-fast` |
";

/// What a help text says in brackets: `[env: A, B] [default: c]`.
fn bracket(help: &str, name: &str) -> String {
    let begin = format!("[{name}: ");
    let found = help.split_once(&begin).and_then(|(_, rest)| rest.split_once(']'));
    found.map_or_else(String::new, |(value, _)| value.to_owned())
}

fn one_line(text: &str) -> String {
    text.split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .replace('|', "\\|")
}

fn help(argument: &Arg) -> String {
    one_line(&argument.get_help().map(ToString::to_string).unwrap_or_default())
}

/// Names that a text holds, as code.
fn as_code(text: &str) -> String {
    let words = text.split(' ').map(|word| {
        let name = word.trim_end_matches(',');
        let is_name =
            name.starts_with("PG") && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
        if is_name {
            word.replacen(name, &format!("`{name}`"), 1)
        } else {
            word.to_owned()
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

fn flag(argument: &Arg) -> String {
    let long = argument.get_long().unwrap_or_default();
    match argument.get_short() {
        Some(short) => format!("`--{long}`, `-{short}`"),
        None => format!("`--{long}`"),
    }
}

fn value(argument: &Arg) -> String {
    let names: Vec<_> = argument
        .get_value_names()
        .unwrap_or_default()
        .iter()
        .map(ToString::to_string)
        .collect();
    if argument.get_action().takes_values() {
        one_line(&names.join(" "))
    } else {
        String::new()
    }
}

fn flags(text: &mut String, command: &Command) {
    for argument in command
        .get_arguments()
        .filter(|argument| argument.get_long().is_some())
    {
        let help = help(argument);
        let meaning = help.split(" [env: ").next().unwrap_or_default();
        let meaning = meaning.split(" [default: ").next().unwrap_or_default();
        let default = bracket(&help, "default");
        let (flag, value, variable) = (flag(argument), value(argument), as_code(&bracket(&help, "env")));
        writeln!(text, "| {flag} | {value} | {variable} | {default} | {meaning} |").unwrap();
    }
}

fn commands(text: &mut String, command: &Command) {
    for command in command.get_subcommands() {
        let mut usage = format!("`{}`", command.get_name());
        for argument in command.get_positionals() {
            write!(usage, " {}", argument.get_id().as_str().to_uppercase()).unwrap();
        }
        let about = one_line(&command.get_about().map(ToString::to_string).unwrap_or_default());
        write!(text, "| {usage} | {about}").unwrap();
        for argument in command
            .get_arguments()
            .filter(|argument| argument.get_long().is_some())
        {
            let value = value(argument);
            let value = if value.is_empty() {
                value
            } else {
                format!(" {value}")
            };
            write!(text, "<br>{}{value}: {}", flag(argument), help(argument)).unwrap();
        }
        text.push_str(" |\n");
    }
}

#[test]
fn flags_variables_and_exit_codes() {
    let command = Cli::command();
    let mut text = FLAGS.to_owned();
    flags(&mut text, &command);
    text.push_str(COMMANDS);
    commands(&mut text, &command);
    text.push_str(CODES);
    for variable in VARIABLES {
        assert!(text.contains(&format!("`{variable}`")), "{variable}");
    }
    current("docs/flags.md", &text);
}

const METRICS: &str = "\
# Metrics of the exporter

Generated from the table in `src/self_metrics/table.rs` by `UPDATE_GOLDEN=1 cargo test --test book generated`: do not edit.

They are on every page, those by collector (label `query`) for the collectors of the page. `pg` stands for the namespace
(`--namespace`). Constant labels (`--label`) are on all of them; where one has the name of a label of the metric, the metric's own
is meant, but for `build_info` and `config_info`. A family without a sample is left out. `--disable-intro` leaves out all but those of
the process.

| metric | type | labels | meaning |
|---|---|---|---|
";

#[test]
fn metrics_of_the_exporter() {
    let mut text = METRICS.to_owned();
    for (prefix, title) in [
        (Prefix::Target, "**Of the target**"),
        (Prefix::Exporter, "**Of the exporter**"),
        (Prefix::Process, "**Of its process**"),
    ] {
        writeln!(text, "| {title} | | | |").unwrap();
        for metric in TABLE.iter().filter(|metric| metric.prefix == prefix) {
            let name = metric.full_name("pg");
            let labels: Vec<_> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
            let (kind, labels, help) = (metric.kind.word(), labels.join(" "), one_line(metric.help));
            writeln!(text, "| `{name}` | {kind} | {labels} | {help} |").unwrap();
        }
    }
    current("docs/metrics-of-the-exporter.md", &text);
}

/// What the table of exit codes says.
#[test]
fn exit_codes_are_as_the_page_says() {
    const DOWN: &str = "--url=postgresql://nobody@127.0.0.1:1/none";
    const LISTEN: &str = "--web.listen-address=127.0.0.1:0";
    let folder = Folder::new();
    let broken = folder.write("broken.yml", "x: { ttl: soon }\n");
    let sound = folder.write("sound.yml", "pg_table: { ttl: 60 }\n");
    let table: [(&[&str], i32); 14] = [
        (&["--version"], 0),
        (&["check", &sound], 0),
        (&["--no-such-flag"], 1),
        (&["--scrape-timeout=soon"], 1),
        (&["--web.config.file=/no/such/file", LISTEN], 1),
        (&["--web.listen-address=192.0.2.1:1", DOWN], 1),
        (&["check", &broken], 1),
        (&["scrape", DOWN], 2),
        (&["probe", "http://127.0.0.1:1/up"], 1),
        (&["--config", &broken, LISTEN], 1),
        (&["--fail-fast", DOWN, LISTEN], 2),
        (&["doctor", DOWN], 2),
        (&["explain", DOWN], 2),
        (&["stat", DOWN], 2),
    ];
    for (arguments, code) in table {
        let output = process::Command::new(PROGRAM).args(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    }
}
