//! By what a role is proven, and that none of it is shown.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use pg_exporter_lab::{Cluster, newest_major, wait_until};

use crate::support::{Fleet, Folder, SOON};

/// A server that demands the password of `monitor`.
pub(crate) fn with_passwords() -> Cluster {
    let cluster = Cluster::start(newest_major());
    cluster.psql("create role monitor login password 'f1rst-s3cret'; grant pg_monitor to monitor");
    cluster.write_file(
        "pg_hba.conf",
        "host all monitor 127.0.0.1/32 scram-sha-256\nhost all postgres 127.0.0.1/32 trust\n",
    );
    cluster.reload();
    wait_until("passwords are asked for", SOON, || {
        cluster.psql("select count(*) from pg_hba_file_rules where auth_method = 'scram-sha-256'") == "1"
    });
    cluster
}

pub(crate) fn file(cluster: &Cluster, credentials: &str, names: &[&str]) -> String {
    let mut text = format!(
        "defaults: {{ host: 127.0.0.1, port: {}, dbname: postgres, sslmode: disable, connect_timeout: 5s, auto_discovery: false, health_connect_interval: 1s }}\n\
         credentials: {{ {credentials} }}\ntargets:\n",
        cluster.port()
    );
    for name in names {
        text += &format!("  - {{ name: {name}, credentials: {name} }}\n");
    }
    text
}

/// No page shows a password, of the exporter or of a target, nor does anything that it writes until its end.
#[track_caller]
fn assert_hidden(fleet: &Fleet, names: &[&str]) {
    for name in names {
        assert!(!shown(fleet, name).contains("s3cret"), "{name}");
    }
    let written = fleet.exporter.final_log() + &fleet.exporter.stdout();
    assert!(!written.contains("s3cret"), "a password is written");
}

/// All that pages show of anything.
fn shown(fleet: &Fleet, target: &str) -> String {
    let mut shown = String::new();
    for path in ["/", "/metrics", "/sd", "/reload?dry_run=1"] {
        shown += &fleet.get(path).text();
    }
    for path in ["/", "/metrics", "/explain", "/stat", "/up", "/collector/pg"] {
        shown += &fleet.get(&format!("{path}?target={target}")).text();
    }
    shown
}

pub(crate) fn program(files: &Folder, name: &str, text: &str) -> String {
    let path = files.write(name, text);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[test]
fn passwords_come_from_files_variables_and_programs() {
    let cluster = with_passwords();
    let files = Folder::new();
    let secret = files.write("password", "f1rst-s3cret\n");
    let passfile = files.write(
        "pgpass",
        &format!("127.0.0.1:{}:*:monitor:f1rst-s3cret\n", cluster.port()),
    );
    fs::set_permissions(&passfile, fs::Permissions::from_mode(0o600)).unwrap();
    // It says the password only to who asks for the right server as the right role.
    let token = program(
        &files,
        "token",
        &format!(
            "#!/bin/sh\n[ \"$1 $2 $3 $4\" = '127.0.0.1 {} monitor --db=postgres' ] && echo f1rst-s3cret\n",
            cluster.port()
        ),
    );
    let credentials = format!(
        "literal: {{ user: monitor, password: f1rst-s3cret }}, \
         file: {{ user: monitor, password_file: {secret} }}, \
         variable: {{ user: monitor, password_env: MONITOR_PASSWORD }}, \
         program: {{ user: monitor, password_command: [{token}, '{{host}}', '{{port}}', '{{user}}', '--db={{dbname}}'], ttl: 10m }}, \
         none: {{ user: monitor, passfile: /nonexistent }}, \
         wrong: {{ user: monitor, password_env: NO_SUCH_VARIABLE }}, \
         fails: {{ user: monitor, password_command: ['false'] }}"
    );
    let names = ["literal", "file", "variable", "program", "none", "wrong", "fails"];
    let fleet = Fleet::start_with(&file(&cluster, &credentials, &names), |builder| {
        // Nothing of the process' own is sent to servers.
        builder
            .env("MONITOR_PASSWORD", "f1rst-s3cret")
            .env("PGPASSWORD", "f1rst-s3cret")
            .env("PGUSER", "postgres")
    });
    for name in ["literal", "file", "variable", "program"] {
        fleet.wait_for(&format!("/primary?target={name}"), 200);
        assert_eq!(fleet.page(name).value("pg_up", &[]), Some(1.0), "{name}");
    }
    let reasons = [
        ("none", "password"),
        ("wrong", "NO_SUCH_VARIABLE"),
        ("fails", "the password command false"),
    ];
    for (name, reason) in reasons {
        fleet.wait_for(&format!("/up?target={name}"), 503);
        wait_until("the reason is told", SOON, || {
            fleet.get(&format!("/?target={name}")).text().contains(reason)
        });
    }
    assert_hidden(&fleet, &names);
}

#[test]
fn a_password_that_changes_is_read_again() {
    let cluster = with_passwords();
    let files = Folder::new();
    let secret = files.write("password", "f1rst-s3cret");
    let token = program(&files, "token", &format!("#!/bin/sh\ncat {secret}\n"));
    let credentials = format!(
        "file: {{ user: monitor, password_file: {secret} }}, program: {{ user: monitor, password_command: [{token}], ttl: 1s }}"
    );
    let fleet = Fleet::start(&file(&cluster, &credentials, &["file", "program"]));
    for name in ["file", "program"] {
        fleet.wait_for(&format!("/primary?target={name}"), 200);
    }
    files.write("password", "sec0nd-s3cret");
    cluster.psql("alter role monitor password 'sec0nd-s3cret'");
    cluster.psql("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'monitor'");
    for name in ["file", "program"] {
        wait_until("it is let in again", SOON, || {
            fleet.page(name).value("pg_up", &[]) == Some(1.0)
        });
        fleet.wait_for(&format!("/primary?target={name}"), 200);
    }
    assert_hidden(&fleet, &["file", "program"]);
}
