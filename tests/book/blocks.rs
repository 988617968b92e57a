//! Fenced blocks: each says by its first line what it is, and is run or parsed as such.
//!
//! | behind the fence | tried by |
//! |--|--|
//! | `sh` | bash, shellcheck, the exporter's own command line; what is asked for by curl is served |
//! | `sql` | a server, in a transaction that is rolled back |
//! | `yaml collectors` | `pg_exporter check --strict` |
//! | `yaml targets` | `pg_exporter check --targets` |
//! | `yaml prometheus` | `promtool check config` |
//! | `yaml kubernetes` | Kubernetes' schemas |
//! | `yaml web` | `pg_exporter check --web.config.file` |
//! | `yaml operator` | the definitions of the Prometheus Operator |
//! | `yaml ansible`, `yaml alertmanager` | a parser of YAML |
//! | `haproxy`, `nginx`, `keepalived` | the program itself |
//! | `json` | a parser |
//! | `conninfo` | the parser of connection strings, one a line |
//! | `rust` | it stands in the source of `tests/site`, which is built and run |
//! | `text` | nothing: it is what a program wrote, or a picture |

use std::process::Command;

use pg_exporter_lab::{newest_major, shared};

use crate::markdown::{Block, blocks};
use crate::shell;
use crate::support::{Folder, PROGRAM, documents, nothing_wrong, path, read, run, tool};

/// Documents whose blocks a test runs step by step, on servers.
const RUN: [(&str, &str); 2] = [
    ("docs/tutorial.md", "tests/config/tutorial.rs"),
    ("docs/runbooks.md", "tests/observability/runbooks.rs"),
];

/// Every block of every document that is not run elsewhere.
fn all() -> Vec<Block> {
    let elsewhere = |file: &str| RUN.iter().any(|(name, _)| *name == file);
    let files = documents().into_iter().filter(|file| !elsewhere(file));
    files.flat_map(|file| blocks(&file, &read(&file))).collect()
}

/// Tries each block of a kind; there must be some.
#[track_caller]
fn each(kind: &str, mut mistakes: impl FnMut(&str) -> Vec<String>) {
    let (mut wrong, mut number) = (Vec::new(), 0);
    for block in all().into_iter().filter(|block| block.kind == kind) {
        number += 1;
        wrong.extend(
            mistakes(&block.text)
                .into_iter()
                .map(|said| format!("{}: {said}", block.place)),
        );
    }
    nothing_wrong(&wrong);
    assert!(number > 0, "no document has a block of {kind}");
}

fn error(result: Result<String, String>) -> Vec<String> {
    result.err().into_iter().collect()
}

const KINDS: [&str; 16] = [
    "sh",
    "sql",
    "yaml collectors",
    "yaml targets",
    "yaml operator",
    "yaml prometheus",
    "yaml kubernetes",
    "yaml ansible",
    "yaml alertmanager",
    "yaml web",
    "haproxy",
    "nginx",
    "keepalived",
    "json",
    "conninfo",
    "rust",
];

#[test]
fn every_block_says_what_it_is() {
    let wrong: Vec<_> = all()
        .into_iter()
        .filter(|block| !KINDS.contains(&&*block.kind) && block.kind != "text")
        .map(|block| format!("{}: ```{}", block.place, block.kind))
        .collect();
    nothing_wrong(&wrong);
    for (file, test) in RUN {
        assert!(read(test).contains(file), "{test} does not run {file}");
    }
}

#[test]
fn shell_blocks() {
    each("sh", shell::mistakes);
}

#[test]
fn statements() {
    let url = shared(newest_major()).url("postgres");
    each("sql", |text| {
        let mut command = tool("psql");
        // One transaction, whose end nobody sees; the database is the one that there is.
        let text = text.replace("DATABASE app", "DATABASE postgres");
        command.args([&*url, "-XqAt", "-v", "ON_ERROR_STOP=1", "-c"]);
        error(run(command.arg(format!("BEGIN; {text}\n; ROLLBACK;"))))
    });
}

#[test]
fn collectors() {
    each("yaml collectors", |text| {
        let folder = Folder::new();
        folder.write("collectors.yml", text);
        error(run(Command::new(PROGRAM)
            .args(["check", "--strict"])
            .arg(folder.path())))
    });
}

#[test]
fn targets() {
    each("yaml targets", |text| {
        let folder = Folder::new();
        let file = folder.write("targets.yml", text);
        error(run(Command::new(PROGRAM).args(["check", "--targets"]).arg(file)))
    });
}

#[test]
fn prometheus() {
    each("yaml prometheus", |text| {
        let folder = Folder::new();
        let file = folder.write("prometheus.yml", text);
        error(run(tool("promtool")
            .args(["check", "config", "--syntax-only"])
            .arg(file)))
    });
}

#[test]
fn kubernetes() {
    each("yaml kubernetes", |text| {
        let folder = Folder::new();
        let file = folder.write("manifest.yaml", text);
        error(run(tool("kubernetes-validate")
            .args(["--strict", "-k", "1.31"])
            .arg(file)))
    });
}

#[test]
fn operator() {
    each("yaml operator", |text| {
        let folder = Folder::new();
        let objects: Vec<serde_json::Value> = serde_yaml::from_multiple(text).unwrap();
        let file = folder.write("objects.json", &serde_json::json!(objects).to_string());
        error(run(tool("operator-check").arg(file)))
    });
}

#[test]
fn yaml_of_others() {
    for kind in ["yaml ansible", "yaml alertmanager"] {
        each(kind, |text| {
            let parsed = serde_yaml::from_multiple::<serde_json::Value>(text);
            parsed.err().map(|error| error.to_string()).into_iter().collect()
        });
    }
}

/// A folder with the certificates that configurations in documents name.
fn with_certificates() -> Folder {
    let folder = Folder::new();
    let made = rcgen::generate_simple_self_signed(["db.example".to_owned()]).unwrap();
    for name in ["ca.crt", "clients.crt", "server.crt"] {
        folder.write(name, &made.cert.pem());
    }
    folder.write("server.key", &made.signing_key.serialize_pem());
    folder
}

#[test]
fn web_configurations() {
    each("yaml web", |text| {
        let folder = with_certificates();
        let file = folder.write("web.yml", text);
        let flag = format!("--web.config.file={file}");
        error(run(Command::new(PROGRAM)
            .args(["check", &flag])
            .arg(path("examples/collectors"))))
    });
}

#[test]
fn haproxy() {
    each("haproxy", |text| {
        // The documents' names are nobody's, and timeouts are left out where they are not the point.
        let defaults = "defaults\n    default-server init-addr none\n";
        let times = "    mode tcp\n    timeout connect 1s\n    timeout client 1s\n    timeout server 1s\n";
        let config = if text.contains("defaults\n") {
            text.replace("defaults\n", defaults)
        } else {
            [defaults, times, text].concat()
        };
        // Without any listener it would not start.
        let config = config + "\nlisten here\n    bind 127.0.0.1:1\n";
        let folder = with_certificates();
        let file = folder.write("haproxy.cfg", &config);
        error(run(tool("haproxy")
            .current_dir(folder.path())
            .arg("-c")
            .arg("-f")
            .arg(file)))
    });
}

#[test]
fn nginx() {
    each("nginx", |text| {
        let folder = Folder::new();
        error(nginx_takes(&folder, text))
    });
}

/// Folders of nginx that it makes at a test, too.
const TEMPORARY: &str = "client_body_temp_path a; proxy_temp_path b; fastcgi_temp_path c; uwsgi_temp_path d; scgi_temp_path e; access_log off;\n";

/// Tests a configuration with nginx itself. What is a whole one is taken as it is, a part of one goes into `http`.
pub(crate) fn nginx_takes(folder: &Folder, text: &str) -> Result<String, String> {
    let is_whole = text.contains("events {");
    let whole = if is_whole {
        text.to_owned()
    } else {
        format!("events {{}}\nhttp {{\n{TEMPORARY}{text}\n}}\n")
    };
    let file = folder.write("nginx.conf", &whole);
    let log = format!("pid {}/pid; error_log stderr;", folder.path().display());
    run(tool("nginx")
        .args(["-t", "-e", "stderr", "-g", &log, "-p"])
        .arg(folder.path())
        .arg("-c")
        .arg(file))
}

#[test]
fn keepalived() {
    each("keepalived", |text| error(keepalived_takes(text)));
}

/// Tests a configuration with keepalived itself, with names that this machine has in place of those that it lacks.
pub(crate) fn keepalived_takes(text: &str) -> Result<String, String> {
    let text = text
        .replace("script_user pg_exporter", "script_user nobody")
        .replace("interface eth0", "interface lo");
    let users = if text.contains("global_defs") {
        ""
    } else {
        "global_defs {\n    script_user nobody\n}\n"
    };
    let folder = Folder::new();
    let file = folder.write(
        "keepalived.conf",
        &(users.to_owned() + &text.replace("/usr/bin/pg_exporter", "/bin/true")),
    );
    let said = run(tool("keepalived")
        .arg("--config-test")
        .arg("--use-file")
        .arg(file));
    // Addresses that are taken over want an interface to the world, which not every machine of tests has.
    let only = |said: &str| {
        said.trim_end()
            .ends_with("cannot use a loopback interface (lo) for vrrp - ignoring")
            && said.trim().lines().count() == 1
    };
    said.or_else(|said| if only(&said) { Ok(said) } else { Err(said) })
}

#[test]
fn connection_strings() {
    each("conninfo", |text| {
        let lines = text.lines().filter(|line| !line.is_empty());
        lines.filter_map(conninfo_mistake).collect()
    });
}

/// What the exporter says of a connection string without connecting.
fn conninfo_mistake(line: &str) -> Option<String> {
    let service = Folder::new();
    let file = service.write("services.conf", "[monitoring]\nhost=db.example\n");
    let mut command = Command::new(PROGRAM);
    command.env("PGSERVICEFILE", file).args([
        "--fail-fast",
        "--connect-timeout=1ms",
        "--web.listen-address=127.0.0.1:0",
        "--url",
        line,
    ]);
    let said = run(&mut command).unwrap_err();
    said.contains("connection string").then_some(said)
}

/// Rust that a document shows is part of a crate that is built and run.
#[test]
fn rust() {
    let source = ["lib", "main", "tables"]
        .map(|name| read(&format!("tests/site/src/{name}.rs")))
        .concat();
    each("rust", |text| {
        let lines = text
            .lines()
            .map(str::trim)
            .filter(|line| line.len() > 1 && !line.contains('…'));
        lines
            .filter(|line| !source.contains(line))
            .map(|line| format!("not in tests/site: {line}"))
            .collect()
    });
}

#[test]
fn json() {
    each("json", |text| {
        let parsed = serde_json::from_str::<serde_json::Value>(text);
        parsed.err().map(|error| error.to_string()).into_iter().collect()
    });
}
