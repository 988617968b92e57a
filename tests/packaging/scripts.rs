//! Scripts: of the repository, and those that run as root when a package is installed.

use std::fs;
use std::process::Command;

use crate::support::{Folder, output, path, read, stdout, tool};

#[test]
fn shellcheck_has_no_complaint() {
    stdout(
        tool("shellcheck")
            .current_dir(path(""))
            .arg("-x")
            .args([".ci/run", "tests/lab/src/watchdog.sh"])
            .args(["preinst", "postinst", "prerm", "postrm"].map(|name| format!("packaging/deb/{name}")))
            .args(
                fs::read_dir(path("scripts"))
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            ),
    );
}

/// The scriptlets of the RPM, as a shell sees them.
#[test]
fn scriptlets_of_the_rpm_are_understood() {
    let spec = read("packaging/rpm/pg_exporter.spec");
    let mut number = 0;
    for section in ["pre", "post", "preun", "postun", "posttrans"] {
        let body = spec.split_once(&format!("\n%{section}\n")).unwrap().1;
        let body = body.split("\n%").next().unwrap();
        let folder = Folder::new();
        let file = folder.write("scriptlet", &format!("#!/bin/sh\n{body}\n"));
        let found = output(tool("shellcheck").arg(&file));
        assert!(found.success, "%{section}:\n{}", found.stdout);
        // A scriptlet that fails leaves a half-installed package.
        assert!(body.trim_end().ends_with("exit 0"), "%{section}");
        number += 1;
    }
    assert_eq!(number, 5);
}

/// The list of what cannot be had here, which says what tests are left out: a call for some tools changes nothing else in it.
#[test]
fn a_call_for_one_tool_forgets_no_absent_one() {
    let folder = Folder::new();
    let bin = folder.path().join("tools/bin");
    fs::create_dir_all(&bin).unwrap();
    stdout(Command::new("chmod").args(["-R", "a+rX"]).arg(folder.path()));
    let list = folder.path().join("tools/absent");
    fs::write(&list, "chromium\nchromedriver\n").unwrap();
    let fetch = |name: &str| {
        stdout(
            Command::new(path("scripts/fetch-tools"))
                .arg(name)
                .env("PG_EXPORTER_CACHE", folder.path())
                .env_remove("CI"),
        );
        fs::read_to_string(&list).unwrap_or_default()
    };
    // One that is there already, or comes from the system.
    fs::write(bin.join("curl"), "").unwrap();
    assert_eq!(fetch("curl"), "chromium\nchromedriver\n");
    fs::write(bin.join("chromium"), "").unwrap();
    assert_eq!(fetch("chromium"), "chromedriver\n");
    fs::write(bin.join("chromedriver"), "").unwrap();
    assert_eq!(fetch("chromedriver"), "");
    assert!(!list.exists());
}

/// An old Rust, or none: the first line says which is needed and how to get it.
#[test]
fn an_old_rust_is_told_in_the_first_line() {
    let folder = Folder::new();
    let wanted = env!("CARGO_PKG_RUST_VERSION");
    let old = [
        ("cargo 1.65.0", false),
        ("cargo 1.90.0 (840b83a10 2025-07-30)", false),
        ("cargo 1.91.0-nightly (840b83a10 2025-07-30)", true),
        ("cargo 1.91.1", true),
        ("cargo 2.0.0", true),
    ];
    for (version, enough) in old {
        let cargo = folder.write("cargo", &format!("#!/bin/sh\necho '{version}'\n"));
        stdout(Command::new("chmod").args(["755", &cargo]));
        let found = output(Command::new(path("scripts/check-rust")).arg(&cargo));
        assert_eq!(found.success, enough, "{version}: {}", found.stderr);
        let first = found.stderr.lines().next().unwrap_or_default();
        assert!(
            enough || (first.contains(wanted) && first.contains("rustup")),
            "{first}"
        );
    }
    let found = output(Command::new(path("scripts/check-rust")).arg("no-such-cargo"));
    assert!(
        !found.success && found.stderr.contains("rustup"),
        "{}",
        found.stderr
    );
}
