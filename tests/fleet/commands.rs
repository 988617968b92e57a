//! Programs that write passwords: one that hangs costs its target, one that fails costs nothing until its password is old.

use std::time::{Duration, Instant};

use pg_exporter_lab::{process, wait_until};

use crate::credentials::{file, program, with_passwords};
use crate::support::{Fleet, Folder, SOON};

/// Programs that run at the same time, at most.
const MOST: usize = 4;

/// How long a health answer may take, whatever else goes on.
const HEALTH_LIMIT: Duration = Duration::from_secs(3);

#[test]
fn programs_that_hang_cost_their_targets_alone() {
    let cluster = with_passwords();
    let files = Folder::new();
    let hangs = program(&files, "hangs", "#!/bin/sh\nsleep 600 & wait\n");
    let token = program(&files, "token", "#!/bin/sh\necho f1rst-s3cret\n");
    let mut names: Vec<String> = (0..8).map(|number| format!("hangs-{number}")).collect();
    let mut credentials: Vec<String> = names
        .iter()
        .map(|name| format!("{name}: {{ user: monitor, password_command: [{hangs}, {name}] }}"))
        .collect();
    names.push("well".to_owned());
    credentials.push(format!(
        "well: {{ user: monitor, password_command: [{token}], ttl: 1s }}"
    ));
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let fleet = Fleet::start(&file(&cluster, &credentials.join(", "), &names));
    // It has its turn although more hang than run at a time, and whenever its password is old again.
    fleet.wait_for("/primary?target=well", 200);
    let (begun, mut most) = (Instant::now(), 0);
    while begun.elapsed() < Duration::from_secs(5) {
        let asked = Instant::now();
        for name in &names {
            let expected = if *name == "well" { 200 } else { 503 };
            assert_eq!(
                fleet.get(&format!("/up?target={name}")).status,
                expected,
                "{name}"
            );
        }
        assert!(asked.elapsed() < HEALTH_LIMIT, "{:?}", asked.elapsed());
        most = most.max(process::children(fleet.exporter.pid()).len());
    }
    assert!((1..=MOST).contains(&most), "{most} programs at once");
    // One that keeps others waiting has 5 s, later 10 s.
    wait_until("it is told who hangs", SOON, || {
        let page = fleet.get("/?target=hangs-0").text();
        page.contains("did not end within 5s, and others wait") || page.contains("did not end within 10s")
    });
    // What they started ends with them, and nothing is begun for a target that is gone.
    fleet.rewrite(&file(&cluster, &credentials[8..].join(""), &["well"]));
    fleet.wait_for("/up?target=hangs-0", 404);
    wait_until("no program is left", SOON * 2, || {
        process::children(fleet.exporter.pid()).is_empty()
    });
    assert_eq!(fleet.page("well").value("pg_up", &[]), Some(1.0));
}

#[test]
fn the_last_password_is_used_until_it_is_old() {
    let cluster = with_passwords();
    let files = Folder::new();
    let token = program(
        &files,
        "token",
        &format!(
            "#!/bin/sh\n[ -e {} ] && exit 3\necho f1rst-s3cret\n",
            files.at("broken").display()
        ),
    );
    let credentials = format!("it: {{ user: monitor, password_command: [{token}], ttl: 32s }}");
    let fleet = Fleet::start(&file(&cluster, &credentials, &["it"]));
    fleet.wait_for("/primary?target=it", 200);
    files.write("broken", "");
    let end_sessions =
        || cluster.psql("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'monitor'");
    let is_let_in = || {
        end_sessions();
        wait_until("it is let in", SOON, || {
            fleet.page("it").value("pg_up", &[]) == Some(1.0)
        });
    };
    is_let_in();
    // From three quarters of that time on it is to be renewed.
    assert!(
        fleet
            .exporter
            .logs("; the last one is used until its ttl is over")
    );
    is_let_in();
    // Sessions that are there stay; who needs a new one has no password for it any more.
    wait_until("the reason is told", SOON * 2, || {
        end_sessions();
        fleet
            .get("/?target=it")
            .text()
            .contains("ended with exit status: 3")
    });
    fleet.wait_for("/up?target=it", 503);
    assert_eq!(fleet.page("it").value("pg_up", &[]), Some(0.0));
    files.remove("broken");
    fleet.wait_for("/primary?target=it", 200);
    assert!(!fleet.exporter.final_log().contains("s3cret"));
}
