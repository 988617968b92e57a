#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::ffi::OsString;

use super::*;
use crate::program::cli::Cli;

/// Settings from a command line and variables, both written as words.
fn resolve(line: &str, environment: &[(&str, &str)]) -> Result<Settings, Error> {
    let words = std::iter::once("pg_exporter").chain(line.split(' ').filter(|word| !word.is_empty()));
    let cli = Cli::read(words.map(OsString::from)).unwrap();
    let variable = |name: &str| {
        let found = environment.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    Settings::resolve(cli.flags, &variable)
}

/// A list of databases as it is written.
fn names(list: &[NamePattern]) -> String {
    list.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

#[test]
fn defaults() {
    let settings = resolve("", &[]).unwrap();
    assert_eq!(
        settings.url.expose_text().unwrap(),
        "postgresql:///?sslmode=disable"
    );
    assert_eq!(settings.url_origin, "default");
    assert!(settings.builtin && settings.auto_discovery);
    assert!(
        !settings.disable_cache && !settings.disable_intro && !settings.fail_fast && !settings.disable_reload
    );
    assert!(!settings.dry_run && !settings.explain);
    assert_eq!(names(&settings.exclude_databases), "template0,template1,postgres");
    assert!(settings.include_databases.is_empty() && settings.tags.is_empty() && settings.labels.is_empty());
    assert_eq!(
        (settings.namespace(false), settings.namespace(true)),
        ("pg", "pgbouncer")
    );
    assert_eq!(settings.connect_timeout, None);
    assert_eq!(settings.scrape_timeout, Duration::from_secs(10));
    assert_eq!(settings.health_interval, Duration::from_secs(1));
    assert_eq!((settings.parallel, settings.max_connections), (4, 8));
    assert_eq!(settings.telemetry_path, "/metrics");
    assert_eq!(
        settings.listen,
        [Listen::Tcp {
            host: None,
            port: 9630
        }]
    );
    assert_eq!(
        (settings.log_level, settings.log_format),
        (Level::Info, Format::Logfmt)
    );
    assert!(settings.notes.is_empty());
}

/// Shows one setting as text, so that one table can hold them all.
type Show = fn(&Settings) -> String;

#[test]
fn flag_wins_over_variable_over_default() {
    let table: [(&str, &str, &str, &str, Show); 14] = [
        (
            "--url f",
            "PG_EXPORTER_URL",
            "v",
            "f v postgresql:///?sslmode=disable",
            |s| s.url.expose_text().unwrap().to_owned(),
        ),
        ("--tag f", "PG_EXPORTER_TAG", "v", "f v ", |s| s.tags.join(",")),
        ("--label f=1", "PG_EXPORTER_LABEL", "v=1", "f v ", |s| {
            s.labels.iter().map(|l| l.0.clone()).collect()
        }),
        (
            "--no-disable-cache",
            "PG_EXPORTER_DISABLE_CACHE",
            "true",
            "false true false",
            |s| s.disable_cache.to_string(),
        ),
        (
            "-m=false",
            "PG_EXPORTER_DISABLE_INTRO",
            "1",
            "false true false",
            |s| s.disable_intro.to_string(),
        ),
        ("-a", "PG_EXPORTER_AUTO_DISCOVERY", "f", "true false true", |s| {
            s.auto_discovery.to_string()
        }),
        (
            "-x f",
            "PG_EXPORTER_EXCLUDE_DATABASE",
            "v",
            "f v template0,template1,postgres",
            |s| names(&s.exclude_databases),
        ),
        ("-i f", "PG_EXPORTER_INCLUDE_DATABASE", "v", "f v ", |s| {
            names(&s.include_databases)
        }),
        ("-n f", "PG_EXPORTER_NAMESPACE", "v", "f v pg", |s| {
            s.namespace(false).to_owned()
        }),
        (
            "-f=false",
            "PG_EXPORTER_FAIL_FAST",
            "TRUE",
            "false true false",
            |s| s.fail_fast.to_string(),
        ),
        (
            "-T 20",
            "PG_EXPORTER_CONNECT_TIMEOUT",
            "2s",
            "Some(20ms) Some(2s) None",
            |s| format!("{:?}", s.connect_timeout),
        ),
        (
            "-P /f",
            "PG_EXPORTER_TELEMETRY_PATH",
            "/v",
            "/f /v /metrics",
            |s| s.telemetry_path.clone(),
        ),
        ("--parallel 2", "PG_EXPORTER_PARALLEL", "3", "2 3 4", |s| {
            s.parallel.to_string()
        }),
        (
            "--scrape-timeout 2",
            "PG_EXPORTER_SCRAPE_TIMEOUT",
            "300ms",
            "2s 300ms 10s",
            |s| format!("{:?}", s.scrape_timeout),
        ),
    ];
    for (line, name, value, expected, show) in table {
        let both = show(&resolve(line, &[(name, value)]).unwrap());
        let variable = show(&resolve("", &[(name, value)]).unwrap());
        let neither = show(&resolve("", &[(name, "")]).unwrap());
        assert_eq!(format!("{both} {variable} {neither}"), expected, "{line} {name}");
    }
}

#[test]
fn connection_string_has_four_sources() {
    let file = std::env::temp_dir().join(format!("pg_exporter_url_{}", std::process::id()));
    std::fs::write(&file, "  postgres://file/db \n").unwrap();
    let path = file.to_str().unwrap();
    let all = [
        ("PG_EXPORTER_URL_FILE", path),
        ("PGURL", "two"),
        ("PG_EXPORTER_URL", "one"),
    ];
    let table = [
        ("-u flag", 3, "flag", "--url"),
        ("", 3, "one", "PG_EXPORTER_URL"),
        ("", 2, "two", "PGURL"),
        ("", 1, "postgres://file/db", "PG_EXPORTER_URL_FILE"),
        ("", 0, DEFAULT_URL, "default"),
    ];
    for (line, variables, url, origin) in table {
        let settings = resolve(line, all.get(..variables).unwrap()).unwrap();
        assert_eq!(
            (settings.url.expose_text().unwrap(), settings.url_origin),
            (url, origin)
        );
    }
    std::fs::remove_file(&file).unwrap();
    let error = resolve("", &[("PG_EXPORTER_URL_FILE", path)])
        .unwrap_err()
        .to_string();
    assert!(error.contains(path) && error.contains("No such file"), "{error}");
}

#[test]
fn named_definitions_need_not_exist() {
    let named = |line, environment: &[(&str, &str)]| resolve(line, environment).unwrap().config;
    let variable = [("PG_EXPORTER_CONFIG", "/no/such/variable")];
    assert_eq!(named("-c /no/such/flag", &variable), Some("/no/such/flag".into()));
    assert_eq!(named("", &variable), Some("/no/such/variable".into()));
}

#[test]
fn lists_of_databases_take_patterns() {
    let settings = resolve(
        "-x a,/^b{1,2}$/ -x /c/,d",
        &[("PG_EXPORTER_INCLUDE_DATABASE", "/e/")],
    )
    .unwrap();
    assert_eq!(names(&settings.exclude_databases), "a,/^b{1,2}$/,/c/,d");
    assert_eq!(names(&settings.include_databases), "/e/");
    let wrong = resolve("", &[("PG_EXPORTER_INCLUDE_DATABASE", "a,/(/")]).unwrap_err();
    assert!(
        wrong
            .to_string()
            .starts_with("PG_EXPORTER_INCLUDE_DATABASE: item 2: the pattern is no regular expression"),
        "{wrong}"
    );
    let wrong = resolve("-x /a", &[]).unwrap_err();
    assert_eq!(
        wrong.to_string(),
        "--exclude-database: item 1: the pattern has no closing slash: write /regex/"
    );
}

#[test]
fn lists_take_commas_repetition_and_nothing() {
    let settings = resolve(
        "-t a,b -t c, -x= -i a, --web.listen-address :1 --web.listen-address [::1]:2",
        &[],
    )
    .unwrap();
    assert_eq!(settings.tags, ["a", "b", "c"]);
    assert!(settings.exclude_databases.is_empty());
    assert_eq!(names(&settings.include_databases), "a");
    assert_eq!(
        settings
            .listen
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>(),
        [":1", "[::1]:2"]
    );
}

#[test]
fn connect_timeout_that_is_not_above_zero_means_the_default() {
    for value in ["0", "-1", "-5s", "0s"] {
        assert_eq!(
            resolve(&format!("--connect-timeout {value}"), &[])
                .unwrap()
                .connect_timeout,
            None,
            "{value}"
        );
    }
}

#[test]
fn log_settings_fall_back_with_a_note() {
    let settings = resolve("--log.level loud --log.format xml", &[]).unwrap();
    assert_eq!(
        (settings.log_level, settings.log_format),
        (Level::Info, Format::Logfmt)
    );
    assert_eq!(settings.notes.len(), 2);
    let settings = resolve("--log.level WARN --log.format json", &[]).unwrap();
    assert_eq!(
        (settings.log_level, settings.log_format),
        (Level::Warn, Format::Json)
    );
}

#[test]
fn of_several_configs_the_last_counts_with_a_note() {
    let settings = resolve("--config one.yml --config two.yml -c three.yml", &[]).unwrap();
    assert_eq!(settings.config.unwrap().to_str(), Some("three.yml"));
    let note = settings.notes.first().unwrap();
    assert!(note.contains("--config is given 3 times"), "{note}");
    assert_eq!(resolve("-c three.yml", &[]).unwrap().notes, [""; 0]);
}

#[test]
fn mistakes_name_the_setting_and_what_it_takes() {
    type Row = (
        &'static str,
        &'static [(&'static str, &'static str)],
        &'static str,
    );
    let table: [Row; 10] = [
        (
            "",
            &[("PG_EXPORTER_FAIL_FAST", "maybe")],
            "PG_EXPORTER_FAIL_FAST has no valid value: write true or false",
        ),
        (
            "--parallel 0",
            &[],
            "--parallel has no valid value: write a whole number, at least 1",
        ),
        (
            "--max-connections=1",
            &[],
            "--max-connections has no valid value: write a whole number, at least 2",
        ),
        (
            "",
            &[("PG_EXPORTER_CONNECT_TIMEOUT", "soon")],
            "PG_EXPORTER_CONNECT_TIMEOUT has no valid value: write milliseconds, or a time with its unit such as 2s",
        ),
        (
            "--health-interval 0",
            &[],
            "--health-interval has no valid value: write a time above zero with its unit, such as 10s or 500ms",
        ),
        (
            "-n 9x",
            &[],
            "--namespace has no valid value: write letters, digits and _, no digit first",
        ),
        (
            "--web.listen-address=",
            &[],
            "--web.listen-address is empty: write host:port or :port",
        ),
        (
            "--web.listen-address=9630",
            &[],
            "--web.listen-address 9630: it has no port; write host:port or :port",
        ),
        (
            "--web.listen-address=unix:exporter.sock",
            &[],
            "--web.listen-address unix:exporter.sock: a unix socket has an absolute path, as in unix:/run/exporter.sock",
        ),
        (
            "-P /up",
            &[],
            "--web.telemetry-path: /up is the path of another page; choose another one",
        ),
    ];
    for (line, environment, expected) in table {
        assert_eq!(
            resolve(line, environment).unwrap_err().to_string(),
            expected,
            "{line}"
        );
    }
}

#[test]
fn no_setting_shows_the_connection_string() {
    let settings = resolve("-u postgres://u:s3cret@h/db", &[]).unwrap();
    assert!(!format!("{settings:?}").contains("s3cret"));
}

proptest::proptest! {
    #[test]
    fn no_value_of_any_variable_panics_or_is_shown(value in "\\PC*") {
        for name in VARIABLES {
            if let Err(error) = resolve("", &[(name, &value)]) {
                let shown = value.len() > 12 && error.to_string().contains(&value);
                assert!(!shown || name == "PG_EXPORTER_URL_FILE", "{name}: {error}");
            }
        }
    }
}

#[test]
fn a_directory_of_examples_is_no_configuration() {
    let folder = std::env::temp_dir().join(format!("pgx-settings-{}", std::process::id()));
    let holds = |path: &Path| holds_definitions(path, &Files::default());
    std::fs::create_dir_all(folder.join("web")).unwrap();
    assert!(!holds(&folder));
    std::fs::write(folder.join("collectors.yml.example"), "").unwrap();
    std::fs::write(folder.join("web/config.yml"), "").unwrap();
    assert!(!holds(&folder));
    std::fs::write(folder.join("mine.yaml"), "").unwrap();
    assert!(holds(&folder) && holds(&folder.join("mine.yaml")));
    assert!(!holds(&folder.join("absent.yml")));
    std::fs::remove_dir_all(&folder).unwrap();
}
