//! Passwords: in whichever syntax, at whichever place, in no output.

use std::fmt::Write as _;

use pg_exporter_lab::{Cluster, newest_major};

use crate::support::{Folder, program, server};

/// Every password that is used here holds this.
const SECRET: &str = "s3cr";

/// Connection strings with a password in them: proper ones, odd ones, and ones that nobody can make sense of.
fn urls() -> Vec<String> {
    let port = server().port();
    let h = format!("127.0.0.1:{port}");
    [
        "postgresql://postgres:s3cr-plain@{h}/postgres",
        "postgres://postgres:s3cr%25et@{h}/postgres",
        "postgresql://postgres:s3cr%ret@{h}/postgres",
        "postgresql://postgres:s3cr@et@{h}/postgres",
        "postgresql://postgres:s3cr/et@{h}/postgres",
        "postgresql://postgres:s3cr:et@{h}/postgres",
        "postgresql://postgres:s3cr#et@{h}/postgres",
        "postgresql://postgres:s3cr?et@{h}/postgres",
        "postgresql://postgres:s3cr et@{h}/postgres",
        "postgresql://{h}/postgres?user=postgres&password=s3cr-in-query",
        "postgresql://{h}/postgres?user=postgres&password=s3cr=et",
        "postgresql://{h}/postgres?user=postgres&pasword=s3cr-misspelt",
        "postgresql://{h}/postgres?user=postgres&sslpassword=s3cr-of-key",
        "postgresql://{h}/postgres&password=s3cr-without-mark",
        "host=127.0.0.1 port={port} user=postgres dbname=postgres password=s3cr-of-words",
        "host=127.0.0.1 port={port} user=postgres dbname=postgres password='s3cr of words'",
        "host=127.0.0.1 port={port} user=postgres dbname=postgres password='s3cr unclosed",
        "host=127.0.0.1 port={port} user=postgres password = s3cr extra dbname=postgres",
        "host=127.0.0.1, password=s3cr-comma, user=postgres",
        "postgresql:/postgres:s3cr-one-slash@{h}/postgres",
        "POSTGRESQL://postgres:s3cr-upper@{h}/postgres",
        "postgres:s3cr-without-scheme@{h}/postgres",
        "postgresql://postgres:s3cr-host@no-such-host.invalid:5432/postgres",
        "postgresql://postgres:s3cr-port@127.0.0.1:port/postgres",
        "postgresql://postgres:s3cr-mode@{h}/postgres?sslmode=s3cret",
        "s3cr-alone",
    ]
    .iter()
    .map(|url| url.replace("{h}", &h).replace("{port}", &port.to_string()))
    .collect()
}

#[track_caller]
fn assert_hidden(url: &str, output: &str) {
    assert!(
        !output.to_lowercase().contains(SECRET),
        "{url} gives itself away in:\n{output}"
    );
}

#[test]
fn in_no_output_of_a_command() {
    let (mut good, mut refused) = (0, 0);
    for url in urls() {
        let by_flag = program().args(["--log.level=debug", "--url", &url]);
        let by_variable = program().arg("--log.level=debug").env("PG_EXPORTER_URL", &url);
        let misplaced = program().args([&*url]);
        let misplaced_value = program().args([format!("--label={url}"), "--dry-run=maybe".into()]);
        for builder in [
            by_flag.clone().arg("scrape"),
            by_variable.arg("scrape"),
            by_flag.arg("-E"),
            misplaced,
            misplaced_value,
        ] {
            let ended = builder.arg("--connect-timeout=300").run();
            assert_hidden(&url, &(ended.stdout + &ended.stderr));
            good += u32::from(ended.status.success());
            refused += u32::from(!ended.status.success());
        }
    }
    assert!(
        good >= 15 && refused >= 60,
        "{good} runs succeeded, {refused} were refused"
    );
}

#[test]
fn in_no_page_and_no_log_of_an_exporter() {
    let mut served = 0;
    for url in urls() {
        let Ok(exporter) = program().args(["--log.level=debug", "-u", &url]).try_start() else {
            continue;
        };
        let mut shown = String::new();
        for path in [
            "/metrics", "/", "/version", "/up", "/nothing", "/explain", "/stat",
        ] {
            let _ = write!(shown, "{}", exporter.get(path).text());
        }
        assert!(exporter.terminate().success());
        shown.push_str(&exporter.stderr());
        shown.push_str(&exporter.stdout());
        assert_hidden(&url, &shown);
        served += 1;
    }
    assert!(served >= 5, "{served}");
}

#[test]
fn of_a_file_in_no_output() {
    let folder = Folder::new();
    for url in urls() {
        let file = folder.write("url", &format!("{url}\n"));
        let ended = program()
            .env("PG_EXPORTER_URL_FILE", &file)
            .args(["scrape", "--connect-timeout=300"])
            .run();
        assert_hidden(&url, &(ended.stdout + &ended.stderr));
    }
}

/// A standby's setting holds the password of its upstream; the metric shows the rest of it.
#[test]
fn of_a_standby_on_no_page() {
    let primary = Cluster::start(newest_major());
    let standby = primary.standby();
    let conninfo = format!(
        "host=127.0.0.1 port={} user=postgres password=s3cr-upstream",
        primary.port()
    );
    standby.psql(&format!("alter system set primary_conninfo = '{conninfo}'"));
    standby.reload();
    standby.wait_for("select current_setting('primary_conninfo') like '%s3cr%'", "t");
    let ended = program()
        .url(&standby.url("postgres"))
        .args(["scrape", "-T", "5s"])
        .run();
    assert!(ended.status.success(), "{}", ended.stderr);
    let page = pg_exporter_lab::Page::parse(&ended.stdout);
    let shown = page
        .all("pg_meta_info")
        .next()
        .unwrap()
        .label("primary_conninfo")
        .unwrap()
        .to_owned();
    assert!(shown.contains("host=127.0.0.1"), "{shown}");
    assert_hidden(&conninfo, &(ended.stdout + &ended.stderr));
}

/// What stands on the command line is in the list of processes: somebody should say so, and not what it is.
#[test]
fn on_the_command_line_is_worth_a_warning() {
    let h = format!("127.0.0.1:{}", server().port());
    let with = [
        format!("postgresql://postgres:s3cr@{h}/postgres"),
        format!("postgresql://{h}/postgres?user=postgres&password=s3cr"),
        format!(
            "host=127.0.0.1 port={} user=postgres dbname=postgres password=s3cr",
            server().port()
        ),
        format!("postgresql://postgres@{h}/postgres?sslpassword=s3cr"),
    ];
    for url in &with {
        let ended = program().args(["--url", url, "scrape"]).run();
        assert!(
            ended.stderr.contains("level=warn") && ended.stderr.contains("PG_EXPORTER_URL_FILE"),
            "{}",
            ended.stderr
        );
        assert_hidden(url, &ended.stderr);
        // Where only the exporter's user sees it, it is no warning.
        let ended = program().url(url).arg("scrape").run();
        assert!(!ended.stderr.contains("list of processes"), "{}", ended.stderr);
    }
    let without = format!("postgresql://postgres@{h}/postgres");
    let ended = program()
        .env("PGPASSWORD", "s3cr")
        .args(["--url", &without, "scrape"])
        .run();
    assert!(!ended.stderr.contains("list of processes"), "{}", ended.stderr);
}
