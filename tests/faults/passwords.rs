//! Passwords: wrong ones, and ones that change in the files that they come from.

use std::fs;
use std::time::{Duration, Instant};

use pg_exporter_lab::{Cluster, Exporter, wait_until};

use crate::support::{
    HEALTH_LIMIT, SOON, State, assert_down, assert_reason, assert_recovers, builder, cluster, page_within,
    wait_for_page, wait_for_state,
};

/// A primary that demands a password of `monitor` over TCP.
fn with_passwords() -> Cluster {
    let cluster = cluster();
    cluster.psql("create role monitor login password 'f1rst-s3cret'; grant pg_monitor to monitor");
    cluster.write_file(
        "pg_hba.conf",
        "host all monitor 127.0.0.1/32 scram-sha-256\nhost all postgres 127.0.0.1/32 trust\n",
    );
    cluster.reload();
    wait_until("passwords are asked for", SOON, || {
        cluster.try_psql("postgres", "select 1").is_ok()
            && cluster.psql("select count(*) from pg_hba_file_rules where auth_method = 'scram-sha-256'")
                == "1"
    });
    cluster
}

#[test]
fn a_wrong_password() {
    let cluster = with_passwords();
    let url = |password: &str| {
        format!(
            "postgresql://monitor:{password}@127.0.0.1:{}/postgres",
            cluster.port()
        )
    };
    let exporter = builder(&url("wr0ng-s3cret")).start();
    assert_down(&exporter, HEALTH_LIMIT);
    assert_reason(&exporter, "28P01");
    cluster.psql("alter role monitor password 'wr0ng-s3cret'");
    assert_recovers(&exporter, State::Primary);
    let pages = exporter.get("/").text() + &exporter.get("/metrics").text();
    let shown = pages + &exporter.final_log() + &exporter.stdout();
    assert!(!shown.contains("s3cret"), "a password is shown");
}

#[test]
fn a_password_file_that_changes() {
    use std::os::unix::fs::PermissionsExt;
    let cluster = with_passwords();
    let file = std::env::temp_dir().join(format!("pgx-faults-{}.pgpass", std::process::id()));
    let write = |password: &str| {
        fs::write(
            &file,
            format!("127.0.0.1:{}:*:monitor:{password}\n", cluster.port()),
        )
        .unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    };
    write("f1rst-s3cret");
    let url = format!("postgresql://monitor@127.0.0.1:{}/postgres", cluster.port());
    let exporter = builder(&url).env("PGPASSFILE", &file).start();
    wait_for_state(&exporter, State::Primary, SOON);
    wait_for_page(&exporter, 1.0);

    cluster.psql("alter role monitor password 'sec0nd-s3cret'");
    cluster.psql("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'monitor'");
    assert_down(&exporter, HEALTH_LIMIT);
    write("sec0nd-s3cret");
    assert_recovers(&exporter, State::Primary);
    fs::remove_file(&file).unwrap();
    assert!(!exporter.final_log().contains("s3cret"));
}

/// The role is refused, by what it is proven with or by the server's rules: others are let in, so health is as it was. The log
/// says why, and what file is meant.
#[test]
fn a_role_that_is_refused_while_a_session_is_kept() {
    use std::os::unix::fs::PermissionsExt;
    let cluster = with_passwords();
    let file = std::env::temp_dir().join(format!("pgx-faults-{}.gone.pgpass", std::process::id()));
    let write = |line: &str| {
        fs::write(&file, line).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    };
    let sound = format!("127.0.0.1:{}:*:monitor:f1rst-s3cret\n", cluster.port());
    write(&sound);
    let url = format!("postgresql://monitor@127.0.0.1:{}/postgres", cluster.port());
    let exporter = builder(&url)
        .env("PGPASSFILE", &file)
        .arg("--health-connect-interval=1s")
        .start();
    wait_for_state(&exporter, State::Primary, SOON);
    wait_for_page(&exporter, 1.0);

    let hba = |method: &str| {
        let host = "127.0.0.1/32";
        let rules = format!("host all monitor {host} {method}\nhost all postgres {host} trust\n");
        cluster.write_file("pg_hba.conf", &rules);
        cluster.reload();
    };
    let name = file.file_name().unwrap().to_str().unwrap().to_owned();
    let kinds: [(&str, &dyn Fn(), &str); 5] = [
        (
            "taken away",
            &|| fs::remove_file(&file).unwrap(),
            "does not exist",
        ),
        (
            "open to all",
            &|| fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap(),
            "chmod 0600",
        ),
        (
            "of another role",
            &|| write("*:*:*:other:s3cret\n"),
            "has no line for 127.0.0.1:",
        ),
        (
            "wrong",
            &|| write("*:*:*:monitor:wr0ng-s3cret\n"),
            "(SQLSTATE 28P01)",
        ),
        ("no rule", &|| hba("reject"), "(SQLSTATE 28000)"),
    ];
    for (kind, fault, told) in kinds {
        let before = exporter.stderr().len();
        fault();
        let said = || exporter.stderr()[before..].to_owned();
        wait_until(kind, SOON, || said().contains("new connections are refused"));
        let line = said()
            .lines()
            .find(|line| line.contains("are refused"))
            .unwrap()
            .to_owned();
        assert!(line.contains(told), "{kind}: {line}");
        let is_of_file = !line.contains("SQLSTATE");
        assert_eq!(line.contains(&name), is_of_file, "{kind}: {line}");
        // As long as health would have taken to say down.
        let begin = Instant::now();
        while begin.elapsed() < HEALTH_LIMIT {
            assert_eq!(exporter.get("/primary").status, 200, "{kind}: {}", said());
            std::thread::sleep(Duration::from_millis(100));
        }
        write(&sound);
        hba("scram-sha-256");
        wait_until(kind, SOON, || said().contains("new connections are let in again"));
    }
    fs::remove_file(&file).unwrap();
    assert!(!exporter.final_log().contains("s3cret"));
}

#[test]
fn a_file_of_the_url_that_changes() {
    let cluster = with_passwords();
    let file = std::env::temp_dir().join(format!("pgx-faults-{}.url", std::process::id()));
    let write = |password: &str| {
        let address = format!("127.0.0.1:{}/postgres", cluster.port());
        fs::write(&file, format!("postgresql://monitor:{password}@{address}\n")).unwrap();
    };
    write("f1rst-s3cret");
    let exporter = Exporter::builder(env!("CARGO_BIN_EXE_pg_exporter"))
        .env("PG_EXPORTER_URL_FILE", &file)
        .start();
    wait_for_state(&exporter, State::Primary, SOON);
    wait_for_page(&exporter, 1.0);

    cluster.psql("alter role monitor password 'sec0nd-s3cret'");
    cluster.psql("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'monitor'");
    assert_down(&exporter, HEALTH_LIMIT);
    // Half written, or wrong: the one from before holds, and the log says why.
    fs::write(&file, "postgresql://monitor:s3cret@127.0.0.1:nowhere").unwrap();
    wait_until("what is wrong with the file is told", SOON, || {
        page_within(&exporter, 2.0);
        exporter.logs("ports from 1 to 65535")
    });
    write("sec0nd-s3cret");
    assert_recovers(&exporter, State::Primary);
    fs::remove_file(&file).unwrap();
    assert!(!exporter.final_log().contains("s3cret"));
}
