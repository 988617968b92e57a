//! Files that a package puts under /etc: the program takes them.

use std::process::Command;

use crate::support::{Folder, PROGRAM, read, stdout};

#[test]
fn the_example_of_a_collector_has_no_mistake() {
    let folder = Folder::new();
    folder.write("collectors.yml", &read("packaging/etc/collectors.yml.example"));
    let found = stdout(
        Command::new(PROGRAM)
            .args(["check", "--strict"])
            .arg(folder.path()),
    );
    assert_eq!(found, "");
}

/// Each variable of the settings, and each flag, is one of the program's.
#[test]
fn the_settings_name_what_the_program_knows() {
    let help = stdout(Command::new(PROGRAM).arg("--help"));
    let settings = read("packaging/etc/pg_exporter.env");
    let mut number = 0;
    for line in settings.lines().filter_map(|line| line.strip_prefix("#PG")) {
        let (name, value) = line.split_once('=').unwrap();
        number += 1;
        if name != "_EXPORTER_OPTS" {
            assert!(help.contains(&format!("PG{name}")), "PG{name}");
        }
        for flag in value
            .split([' ', '\'', '='])
            .filter(|word| word.starts_with("--"))
        {
            assert!(help.contains(flag), "{flag}");
        }
    }
    assert!(number > 5, "{settings}");
    assert!(
        settings
            .lines()
            .all(|line| line.is_empty() || line.starts_with('#'))
    );
}

/// A package creates the user that its unit names, and ships each configuration file that it declares.
#[test]
fn unit_user_and_packages_agree() {
    let unit = read("packaging/systemd/pg_exporter.service");
    let user = unit.lines().find_map(|line| line.strip_prefix("User=")).unwrap();
    assert!(read("packaging/systemd/pg_exporter.sysusers").contains(&format!("\nu {user} ")));
    assert!(read("packaging/deb/postinst").contains(&format!(
        "adduser --system --quiet --group --no-create-home --home /nonexistent --gecos 'PG Exporter' {user}"
    )));
    assert!(read("packaging/rpm/pg_exporter.spec").contains(&format!("'PG Exporter' {user}")));
    for settings in ["/etc/default/pg_exporter", "/etc/sysconfig/pg_exporter"] {
        assert!(unit.contains(&format!("\nEnvironmentFile=-{settings}\n")));
    }
}
