//! The packing itself, of a small stand-in for the program: what is where, whose it is, and that two packings are equal. With the
//! real, released program: `make packages` and `scripts/test-packages`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::{Folder, PROGRAM, output, path, read, stdout, tool};

/// Machines with the names that Debian and Docker have for them.
const MACHINES: [(&str, &str); 2] = [("x86_64", "amd64"), ("aarch64", "arm64")];

/// Packs the program behind a small script: packing a debug build takes minutes.
fn packing(folder: &Folder, name: &str) -> Command {
    let program = folder.write("pg_exporter", &format!("#!/bin/sh\nexec '{PROGRAM}' \"$@\"\n"));
    stdout(Command::new("chmod").args(["755", &program]));
    let bill = folder.write("bill.json", "{}");
    let mut command = Command::new(path("scripts/packages"));
    command
        .args(["--program", &program, "--static", &program, "--bill", &bill])
        .arg("--out")
        .arg(folder.path().join(name))
        .env_remove("PG_EXPORTER_ARCH")
        .env("SOURCE_DATE_EPOCH", "1750000000");
    command
}

fn packed(folder: &Folder, name: &str) -> std::path::PathBuf {
    stdout(&mut packing(folder, name));
    folder.path().join(name)
}

fn file(folder: &Path, ending: &str) -> std::path::PathBuf {
    let mut found = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    found
        .find(|path| path.to_string_lossy().ends_with(ending))
        .unwrap_or_else(|| panic!("no {ending} in {}", folder.display()))
}

#[test]
fn two_packings_are_equal_and_their_checksums_hold() {
    let folder = Folder::new();
    let (one, two) = (packed(&folder, "one"), packed(&folder, "two"));
    let sums = fs::read_to_string(one.join("SHA256SUMS")).unwrap();
    assert_eq!(sums, fs::read_to_string(two.join("SHA256SUMS")).unwrap());
    // Five for each machine, and the chart.
    assert_eq!(sums.lines().count(), 11, "{sums}");
    stdout(
        Command::new("sha256sum")
            .args(["--check", "--quiet", "SHA256SUMS"])
            .current_dir(&one),
    );
    for (machine, architecture) in MACHINES {
        the_debian_package(&file(&one, &format!("_{architecture}.deb")), architecture);
        the_rpm(&file(&one, &format!(".{machine}.rpm")), machine);
        the_tarball(&file(&one, &format!("-linux-{machine}.tar.gz")));
        the_image(
            &file(&one, &format!("-linux-{architecture}.oci.tar")),
            architecture,
        );
        file(&one, &format!("-linux-{machine}.cdx.json"));
    }
}

#[test]
fn one_machine_can_be_named() {
    let folder = Folder::new();
    stdout(packing(&folder, "flag").arg("--arch=aarch64"));
    stdout(packing(&folder, "variable").env("PG_EXPORTER_ARCH", "x86_64"));
    for (name, machine, architecture) in [("flag", "aarch64", "arm64"), ("variable", "x86_64", "amd64")] {
        let sums = fs::read_to_string(folder.path().join(name).join("SHA256SUMS")).unwrap();
        assert_eq!(sums.lines().count(), 6, "{sums}");
        let of_machine = |line: &&str| line.contains(machine) || line.contains(architecture);
        assert_eq!(sums.lines().filter(of_machine).count(), 5, "{sums}");
    }
    let found = output(packing(&folder, "unknown").arg("--arch=riscv64"));
    assert!(
        !found.success && found.stderr.contains("'riscv64'") && found.stderr.contains("aarch64"),
        "{}",
        found.stderr
    );
}

/// A machine for which Rust has no library here is left out, and the reason is told; by name it is a mistake.
#[test]
fn a_machine_that_cannot_be_built_for_is_left_out_and_told() {
    let folder = Folder::new();
    let own = std::env::consts::ARCH;
    let other = if own == "x86_64" { "aarch64" } else { "x86_64" };
    let library = format!("sysroot/lib/rustlib/{own}-unknown-linux-gnu/lib");
    fs::create_dir_all(folder.path().join(library)).unwrap();
    let sysroot = folder.path().join("sysroot");
    let fakes = [
        ("rustc", format!("echo '{}'", sysroot.display())),
        (
            "rustup",
            "echo 'error: could not download the file' >&2; exit 1".to_owned(),
        ),
    ];
    for (name, body) in fakes {
        let file = folder.write(name, &format!("#!/bin/sh\n{body}\n"));
        stdout(Command::new("chmod").args(["755", &file]));
    }
    let search = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
    let choose = |named: &str| {
        let script = format!(
            ". scripts/common.bash; . scripts/machines.bash; CACHE=$1 GIVEN_PROGRAM='' NAMED=({named}); \
             make_scratch; choose_machines; echo \"${{MACHINES[*]}}: $LEFT_OUT\""
        );
        output(
            Command::new("bash")
                .args(["-euc", &script, "packages"])
                .arg(folder.path())
                .env("PATH", &search)
                .current_dir(path("")),
        )
    };
    let reason =
        format!("{other}: rustup target add {other}-unknown-linux-gnu: error: could not download the file");
    let found = choose("");
    assert!(
        found.success && found.stdout.trim() == format!("{own}: nothing is made for {reason}"),
        "{found:?}"
    );
    let found = choose(other);
    assert!(
        !found.success && found.stderr.contains(&format!("cannot build for {reason}")),
        "{found:?}"
    );
    let found = choose(own);
    assert_eq!(found.stdout.trim(), format!("{own}:"), "{found:?}");
}

/// Mode and owner of each file.
fn contents(listing: &str) -> BTreeMap<String, String> {
    let entry = |line: &str| {
        let words: Vec<_> = line.split_whitespace().collect();
        let name = words.get(5).copied().unwrap_or_default();
        (
            name.trim_start_matches('.').to_owned(),
            format!("{} {}", words[0], words[1]),
        )
    };
    listing.lines().map(entry).collect()
}

fn the_debian_package(package: &Path, architecture: &str) {
    let has = contents(&stdout(Command::new("dpkg-deb").arg("-c").arg(package)));
    assert!(has.values().all(|mode| mode.ends_with(" root/root")), "{has:?}");
    for name in read("packaging/deb/conffiles").lines().chain([
        "/lib/systemd/system/pg_exporter.service",
        "/usr/share/man/man1/pg_exporter.1.gz",
        "/usr/share/bash-completion/completions/pg_exporter",
        "/usr/share/doc/pg-exporter/copyright",
    ]) {
        assert_eq!(
            has.get(name).map(String::as_str),
            Some("-rw-r--r-- root/root"),
            "{name}"
        );
    }
    assert_eq!(has["/usr/bin/pg_exporter"], "-rwxr-xr-x root/root");
    let field = |name: &str| stdout(Command::new("dpkg-deb").arg("-f").arg(package).arg(name));
    assert_eq!(field("Version").trim(), env!("CARGO_PKG_VERSION"));
    assert_eq!(field("Architecture").trim(), architecture);
    // The packages of 1.x had this name: theirs is upgraded.
    assert_eq!(field("Package").trim(), "pg-exporter");
}

fn the_rpm(package: &Path, machine: &str) {
    let rpm = |query: &str| {
        stdout(
            tool("rpm")
                .args(["-qp", "--nosignature", "--queryformat", query])
                .arg(package),
        )
    };
    let files = rpm("[%{FILENAMES} %{FILEMODES:perms} %{FILEUSERNAME} %{FILEFLAGS:fflags}\n]");
    for line in [
        "/usr/bin/pg_exporter -rwxr-xr-x root ",
        "/etc/sysconfig/pg_exporter -rw------- root cn",
        "/usr/lib/systemd/system/pg_exporter.service -rw-r--r-- root ",
        "/usr/share/man/man1/pg_exporter.1.gz -rw-r--r-- root d",
    ] {
        assert!(files.contains(line), "{line}:\n{files}");
    }
    assert_eq!(
        rpm("%{NAME} %{VERSION} %{ARCH} %{BUILDHOST}"),
        format!("pg_exporter {} {machine} reproducible", env!("CARGO_PKG_VERSION"))
    );
}

fn the_tarball(tarball: &Path) {
    let list = stdout(Command::new("tar").arg("-tzf").arg(tarball));
    for name in [
        "/pg_exporter",
        "/LICENSE",
        "/man/pg_exporter.1",
        "/systemd/pg_exporter.service",
        "/doc/sbom.cdx.json",
    ] {
        assert!(list.lines().any(|line| line.ends_with(name)), "{name}:\n{list}");
    }
    let licences = stdout(
        Command::new("tar")
            .args(["-xOf"])
            .arg(tarball)
            .args(["--wildcards", "*/doc/THIRD-PARTY.txt"]),
    );
    // A library with its licence and the numbers of its texts, of which each is there.
    for name in ["tokio ", "ring ", "zstd-sys "] {
        let line = licences.lines().find(|line| line.starts_with(name)).unwrap();
        let (_, numbers) = line.rsplit_once("):").unwrap();
        for number in numbers.split_whitespace() {
            let heading = format!("\n==== {number} ====\n");
            assert!(licences.contains(&heading), "{line}");
        }
        assert!(!numbers.trim().is_empty(), "{line}");
    }
    assert!(licences.contains("Permission is hereby granted, free of charge"));
}

/// The layer holds the program, authorities and two lists of users, and its digests are right.
fn the_image(archive: &Path, architecture: &str) {
    let folder = Folder::new();
    stdout(
        Command::new("tar")
            .arg("-xf")
            .arg(archive)
            .arg("-C")
            .arg(folder.path()),
    );
    let blob = |digest: &str| folder.path().join("blobs").join(digest.replace(':', "/"));
    let read =
        |path: &Path| -> serde_json::Value { serde_json::from_slice(&fs::read(path).unwrap()).unwrap() };
    let digest = |value: &serde_json::Value| value["digest"].as_str().unwrap().to_owned();
    for entry in fs::read_dir(folder.path().join("blobs/sha256")).unwrap() {
        let path = entry.unwrap().path();
        let sum = stdout(Command::new("sha256sum").arg(&path));
        assert_eq!(sum.split(' ').next(), path.file_name().unwrap().to_str());
    }
    let index = read(&folder.path().join("index.json"));
    assert_eq!(index["manifests"][0]["platform"]["architecture"], architecture);
    let manifest = read(&blob(&digest(&index["manifests"][0])));
    let config = read(&blob(&digest(&manifest["config"])));
    assert_eq!(config["architecture"], architecture);
    assert_eq!(config["config"]["User"], "65532:65532");
    let layer = blob(&digest(&manifest["layers"][0]));
    let sum = stdout(
        Command::new("sh")
            .args(["-c", "gzip -dc \"$1\" | sha256sum", "-"])
            .arg(&layer),
    );
    assert_eq!(
        config["rootfs"]["diff_ids"][0],
        format!("sha256:{}", sum.split(' ').next().unwrap())
    );
    let mut files: Vec<_> = stdout(Command::new("tar").arg("-tzf").arg(&layer))
        .lines()
        .filter(|line| !line.ends_with('/'))
        .map(str::to_owned)
        .collect();
    files.sort();
    assert_eq!(
        files,
        [
            "etc/group",
            "etc/passwd",
            "etc/ssl/certs/ca-certificates.crt",
            "usr/bin/pg_exporter"
        ]
    );
    // The health check that the image has asks by a subcommand of the program.
    let test = config["config"]["Healthcheck"]["Test"].as_array().unwrap();
    let found = output(Command::new(PROGRAM).arg(test[2].as_str().unwrap()).arg("--help"));
    assert!(found.success, "{}", found.stderr);
}
