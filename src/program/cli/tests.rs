#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
use super::*;

fn read(line: &str) -> Result<Cli, Refusal> {
    Cli::read(
        std::iter::once("pg_exporter")
            .chain(line.split_whitespace())
            .map(OsString::from),
    )
}

#[test]
fn definition_is_sound() {
    Cli::definition().debug_assert();
}

#[test]
fn switches_take_every_form() {
    let table = [
        ("", None),
        ("--auto-discovery", Some(true)),
        ("--auto-discovery=true", Some(true)),
        ("--auto-discovery=false", Some(false)),
        ("--auto-discovery=F", Some(false)),
        ("--no-auto-discovery", Some(false)),
        ("-a", Some(true)),
        ("-a=true", Some(true)),
        ("-a=false", Some(false)),
        ("-mCa", Some(true)),
        ("--no-auto-discovery --auto-discovery", Some(true)),
        ("--auto-discovery --no-auto-discovery", Some(false)),
        ("scrape --no-auto-discovery", Some(false)),
        ("--no-auto-discovery scrape", Some(false)),
    ];
    for (line, expected) in table {
        assert_eq!(read(line).unwrap().flags.auto_discovery, expected, "{line:?}");
    }
}

#[test]
fn each_switch_can_be_negated() {
    for name in SWITCHES {
        assert!(
            read(&format!("--{name} --no-{name} --{name}=true")).is_ok(),
            "{name}"
        );
    }
    assert_eq!(read("--no-builtin").unwrap().flags.builtin, Some(false));
    assert!(read("--no-url").is_err());
}

/// A flag that takes `true|false` and is not in the list would want its value.
#[test]
fn every_flag_that_is_on_or_off_is_a_switch() {
    let definition = Cli::command();
    let on_or_off = definition.get_arguments().filter(|flag| {
        flag.get_value_names()
            .is_some_and(|names| names.iter().any(|name| name == "true|false"))
    });
    let mut found: Vec<_> = on_or_off.filter_map(Arg::get_long).collect();
    let mut listed = SWITCHES;
    found.sort_unstable();
    listed.sort_unstable();
    assert_eq!(found, listed);
}

#[test]
fn short_forms_stand_for_their_flags() {
    let flags = read("-u U -c C -l a=1 -l b=2 -t x,y -x p -i q -n ns -f -T 250 -P /m -D -E")
        .unwrap()
        .flags;
    assert_eq!(flags.url.unwrap()[0].expose_text().unwrap(), "U");
    assert_eq!(flags.config.unwrap()[0].to_str(), Some("C"));
    assert_eq!(flags.label.unwrap(), ["a=1", "b=2"]);
    assert_eq!(flags.tag.unwrap(), ["x,y"]);
    assert_eq!(flags.exclude_database.unwrap(), ["p"]);
    assert_eq!(flags.include_database.unwrap(), ["q"]);
    assert_eq!(flags.namespace.as_deref(), Some("ns"));
    assert_eq!(flags.connect_timeout.as_deref(), Some("250"));
    assert_eq!(flags.telemetry_path.as_deref(), Some("/m"));
    assert_eq!(
        (flags.fail_fast, flags.dry_run, flags.explain),
        (Some(true), Some(true), Some(true))
    );
}

#[test]
fn subcommands() {
    let check = read("check a.yml b --strict --format json --url U").unwrap();
    let expected = Command::Check {
        paths: vec!["a.yml".into(), "b".into()],
        strict: true,
        connect: false,
        record: false,
        format: ReportFormat::Json,
    };
    assert_eq!(check.command, Some(expected));
    assert_eq!(check.flags.url.unwrap()[0].expose_text().unwrap(), "U");
    assert_eq!(read("schema").unwrap().command, Some(Command::Schema));
    assert_eq!(read("-u U scrape").unwrap().command, Some(Command::Scrape));
    assert_eq!(read("").unwrap().command, None);
}
