//! The files of `examples/`, run or parsed by the programs that they are for.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use pg_exporter_lab::{Cluster, Exporter, newest_major, wait_until};

use crate::blocks::keepalived_takes;
use crate::markdown::links;
use crate::nginx::Nginx;
use crate::support::{Folder, PROGRAM, files, path, read, run, tool};

#[track_caller]
fn passes(command: &mut Command) -> String {
    run(command).unwrap_or_else(|said| panic!("{command:?}:\n{said}"))
}

/// A folder that no test knows would stay as it is when everything around it changes.
#[test]
fn every_folder_is_listed_with_what_tries_it() {
    let mut folders: Vec<_> = files("examples")
        .iter()
        .filter_map(|file| Some(file.strip_prefix("examples/")?.split_once('/')?.0.to_owned()))
        .collect();
    folders.dedup();
    let listed: Vec<_> = links(&read("examples/README.md"))
        .into_iter()
        .map(|(_, target)| target)
        .collect();
    for folder in &folders {
        assert!(
            listed.contains(folder),
            "examples/README.md does not list {folder}"
        );
        let tests = read("tests/book/examples.rs") + &read("tests/book/nginx.rs");
        assert!(
            tests.contains(&format!("examples/{folder}")),
            "no test tries examples/{folder}"
        );
    }
}

#[test]
fn prometheus_takes_its_configuration() {
    let folder = Folder::new();
    // What the operator has, and where.
    for (name, text) in [
        ("ca.crt", ""),
        ("password", "s3cret"),
        (
            "targets/stock.yml",
            &*read("examples/prometheus/targets/stock.yml"),
        ),
    ] {
        folder.write(name, text);
    }
    folder.write("rules.yml", &read("observability/rules/availability.yml"));
    let config = read("examples/prometheus/prometheus.yml");
    let config = config.replace("/usr/share/pg_exporter/observability/rules/*.yml", "rules.yml");
    let certificate = rcgen::generate_simple_self_signed(["billing-1.example".to_owned()]).unwrap();
    folder.write("ca.crt", &certificate.cert.pem());
    let file = folder.write("prometheus.yml", &config);
    let said = passes(tool("promtool").args(["check", "config"]).arg(file));
    assert!(said.contains("1 rule files found"), "{said}");
    passes(
        tool("promtool")
            .args(["check", "config"])
            .arg(path("examples/compose/prometheus.yml")),
    );
}

/// The names that its jobs ask for are collectors.
#[test]
fn prometheus_asks_for_collectors_that_exist() {
    let text = read("examples/prometheus/prometheus.yml");
    let names: Vec<_> = text
        .split("[]\": [")
        .skip(1)
        .map(|rest| rest.split(']').next().unwrap())
        .collect();
    assert_eq!(names.len(), 2);
    for name in names {
        assert!(
            pg_exporter::catalog::compiled::COLLECTORS
                .iter()
                .any(|one| one.name == name),
            "{name}"
        );
    }
}

#[test]
fn haproxy_takes_its_configuration() {
    passes(
        tool("haproxy")
            .args(["-c", "-f"])
            .arg(path("examples/haproxy/haproxy.cfg")),
    );
}

#[test]
fn keepalived_takes_its_configuration() {
    keepalived_takes(&read("examples/keepalived/keepalived.conf")).unwrap_or_else(|said| panic!("{said}"));
}

#[test]
fn kubernetes_takes_its_manifests() {
    for version in ["1.25", "1.31", "1.37"] {
        let mut command = tool("kubernetes-validate");
        passes(
            command
                .args(["--strict", "-k", version])
                .arg(path("examples/kubernetes/exporter.yaml")),
        );
    }
}

#[test]
fn compose_takes_its_file() {
    let mut command = tool("check-jsonschema");
    passes(
        command
            .args(["--builtin-schema", "vendor.compose-spec"])
            .arg(path("examples/compose/compose.yaml")),
    );
}

#[test]
fn the_targets_have_no_mistake() {
    passes(
        Command::new(PROGRAM)
            .args(["check", "--targets"])
            .arg(path("examples/targets")),
    );
}

#[test]
fn the_collectors_have_no_mistake() {
    passes(
        Command::new(PROGRAM)
            .args(["check", "--strict"])
            .arg(path("examples/collectors")),
    );
}

/// systemd tells of what it would ignore, with exit code 0 or 1 by its version; that the programs are not installed here is no
/// mistake of the units.
#[test]
fn units_have_no_key_that_systemd_ignores() {
    let units = [
        "systemd/pg_exporter@.service",
        "nginx/pg-upstream.service",
        "nginx/pg-upstream.timer",
    ];
    for unit in units.map(|name| path("examples").join(name)) {
        let said = verified(&unit);
        assert!(!said.contains("ignoring") && !said.contains("Unknown"), "{said}");
    }
    // It would tell.
    let wrong = Folder::new();
    let unit = wrong.write("wrong.service", "[Service]\nExecStart=/bin/true\nTyp=simple\n");
    let said = verified(unit.as_ref());
    assert!(said.contains("ignoring"), "{said}");
}

/// What systemd says of a unit.
fn verified(unit: &Path) -> String {
    let mut command = tool("systemd-analyze");
    let output = command.args(["verify", "--man=no"]).arg(unit).output().unwrap();
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

/// The settings that the template reads are the program's: it gets as far as its server, which is not there.
#[test]
fn the_settings_of_the_units_are_understood() {
    let mut command = Command::new(PROGRAM);
    for line in read("examples/systemd/orders.env").lines() {
        let (name, value) = line.split_once('=').unwrap();
        let value = value
            .trim_matches('\'')
            .replace("orders.example:5432", "127.0.0.1:1")
            .replace(":9631", ":0");
        if name == "PG_EXPORTER_OPTS" {
            command.args(value.split(' '));
        } else {
            command.env(name, value);
        }
    }
    let said = run(command.arg("--fail-fast")).unwrap_err();
    assert!(said.contains("the target cannot be reached"), "{said}");
}

/// nginx leads to the primary, and after a promotion to the new one.
#[test]
fn a_promotion_moves_nginx() {
    let first = Cluster::start(newest_major());
    let second = first.standby();
    let exporters =
        [&first, &second].map(|server| Exporter::builder(PROGRAM).url(&server.url("postgres")).start());
    let soon = Duration::from_secs(20);
    exporters[0].wait_for_status("/primary", 200, soon);
    exporters[1].wait_for_status("/replica", 200, soon);
    let servers = [(&first, &exporters[0]), (&second, &exporters[1])]
        .map(|(server, exporter)| format!("127.0.0.1:{}:{}", server.port(), exporter.port()));
    let nginx = Nginx::start(&servers);
    let reached = |port: u16| {
        let url = format!("postgresql://postgres@127.0.0.1:{port}/postgres?connect_timeout=3");
        run(tool("psql").args([&*url, "-XAtc", "SHOW port"]))
            .unwrap_or_default()
            .trim()
            .to_owned()
    };
    assert_eq!(reached(nginx.writes()), first.port().to_string());
    assert_eq!(reached(nginx.reads()), second.port().to_string());
    first.kill9();
    exporters[0].wait_for_status("/primary", 503, soon);
    nginx.update();
    wait_until("nobody takes writes", soon, || reached(nginx.writes()).is_empty());
    second.promote();
    exporters[1].wait_for_status("/primary", 200, soon);
    nginx.update();
    wait_until("writes go to the new primary", soon, || {
        reached(nginx.writes()) == second.port().to_string()
    });
    let (writes, reads) = nginx.files();
    assert!(writes.contains(&second.port().to_string()), "{writes}");
    assert!(reads.contains("down"), "there is no replica any more: {reads}");
}
