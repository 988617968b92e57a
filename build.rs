//! Compiles the collector definitions and notes what the binary is made from.
//!
//! `PG_EXPORTER_COLLECTORS=dir[:dir…]` takes a site's definitions in place of `collectors/`, later directories
//! override earlier ones by branch; `PG_EXPORTER_DISTRIBUTION` names the result.
#![allow(clippy::print_stdout, reason = "Cargo reads what a build script prints")]

use std::env;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use pg_exporter_schema::{
    LOCK_FILE, LockStrictness, Locks, Severity, Source, Strictness, compile, inexact, read_dir, read_lock,
    rerun_if_changed, write_file,
};

fn main() -> Result<(), Box<dyn Error>> {
    for input in [
        "PG_EXPORTER_COLLECTORS",
        "PG_EXPORTER_DISTRIBUTION",
        "PG_EXPORTER_LOCK",
        "SOURCE_DATE_EPOCH",
    ] {
        println!("cargo::rerun-if-env-changed={input}");
    }
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(site_collectors)");
    collectors()?;
    build_info()
}

/// Writes `OUT_DIR/collectors.rs`. After mistakes it is written all the same, so that they are the only errors.
fn collectors() -> Result<(), Box<dyn Error>> {
    let is_site = env::var_os("PG_EXPORTER_COLLECTORS").is_some_and(|paths| !paths.is_empty());
    // What is shipped was prepared on every server that it is for; a site says itself how much it wants to be sure.
    let otherwise = if is_site {
        LockStrictness::Warn
    } else {
        LockStrictness::Require
    };
    let strictness = LockStrictness::parse(env::var("PG_EXPORTER_LOCK").ok().as_deref(), otherwise)?;
    let (sources, locks) = sources()?;
    let mut outcome = compile(&sources, Strictness::Strict);
    if !outcome.has_errors() {
        let found = locks.judge(&outcome, &sources, strictness);
        outcome.diagnostics.extend(found);
        if strictness != LockStrictness::Off {
            outcome.diagnostics.extend(locks.leftovers(&outcome));
        }
    }
    locks.attach(&mut outcome.collectors);
    // Whoever builds the shipped set cannot do anything about its warnings; `check` shows them to those who can.
    for found in &outcome.diagnostics {
        match found.severity {
            Severity::Error => println!("cargo::error={found}"),
            Severity::Warning if is_site => println!("cargo::warning={found}"),
            Severity::Warning => {}
        }
    }
    // A site may rely on its role's search path; what is shipped runs on any server.
    for found in inexact(&outcome.collectors).iter().filter(|_| !is_site) {
        println!("cargo::error={found}");
    }
    if is_site {
        // The exporter's own overview reads rows of shipped structs, which are not there then.
        println!("cargo::rustc-cfg=site_collectors");
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("OUT_DIR is not set; build with Cargo")?);
    let mut text = write_file(&outcome.collectors, &locks);
    text.push_str("\n/// Whether the set is the project's own, not a site's.\n");
    text.push_str(&format!("pub(crate) const IS_SHIPPED: bool = {};\n", !is_site));
    std::fs::write(out.join("collectors.rs"), text)?;
    Ok(())
}

/// The definitions, and what servers said to their statements. That is read even where no difference is looked for: the types of
/// fields are in it.
fn sources() -> Result<(Vec<Source>, Locks), Box<dyn Error>> {
    let directories = env::var_os("PG_EXPORTER_COLLECTORS").filter(|paths| !paths.is_empty());
    let directories = directories.unwrap_or_else(|| "collectors".into());
    let mut sources = Vec::new();
    let mut locks = Vec::new();
    for (rank, directory) in env::split_paths(&directories).enumerate() {
        println!("{}", rerun_if_changed(&directory));
        let files = match read_dir(&directory, &shown(&directory)) {
            Ok(files) => files,
            Err(error) => {
                println!("cargo::error={error}");
                continue;
            }
        };
        if files.is_empty() {
            println!(
                "cargo::error={}: no *.yml or *.yaml file in this directory",
                directory.display()
            );
        }
        sources.extend(files.into_iter().map(|source| Source {
            directory: rank,
            ..source
        }));
        locks.extend(read_lock(&directory, &shown(&directory), LOCK_FILE)?);
    }
    Ok((sources, Locks::read(&locks)))
}

/// The directory as the binary may name it: a path of the machine that builds must not reach it.
fn shown(directory: &Path) -> String {
    let shown = if directory.is_absolute() {
        directory.file_name().map(Path::new)
    } else {
        Some(directory)
    };
    shown.unwrap_or(Path::new("")).to_string_lossy().into_owned()
}

fn build_info() -> Result<(), Box<dyn Error>> {
    set("DISTRIBUTION", &distribution()?);
    set("DATE", &date(build_time()?));
    set("TARGET", &env::var("TARGET")?);
    let rustc = env::var("RUSTC")?;
    for (name, program, arguments) in [
        ("RUSTC", rustc.as_str(), ["--version"].as_slice()),
        ("REVISION", "git", &["rev-parse", "--short=12", "HEAD"]),
        ("BRANCH", "git", &["rev-parse", "--abbrev-ref", "HEAD"]),
    ] {
        // The same revision has other branches in other clones: a reproducible build names none.
        if name == "BRANCH" && env::var_os("SOURCE_DATE_EPOCH").is_some() {
            continue;
        }
        if let Some(text) = output(program, arguments) {
            set(name, &text);
        }
    }
    // A release must name its own revision; a debug build is not worth a rebuild at each commit.
    if env::var("PROFILE").is_ok_and(|profile| profile == "release")
        && let Some(log) =
            output("git", &["rev-parse", "--git-path", "logs/HEAD"]).filter(|log| Path::new(log).exists())
    {
        println!("cargo::rerun-if-changed={log}");
    }
    Ok(())
}

fn set(name: &str, value: &str) {
    println!("cargo::rustc-env=PG_EXPORTER_BUILD_{name}={value}");
}

/// It becomes a label and part of file names.
fn distribution() -> Result<String, Box<dyn Error>> {
    let name = env::var("PG_EXPORTER_DISTRIBUTION").unwrap_or_default();
    let name = if name.is_empty() {
        "standard".to_owned()
    } else {
        name
    };
    if name
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
    {
        return Ok(name);
    }
    Err("PG_EXPORTER_DISTRIBUTION is a name of letters, digits, `.`, `_` and `-`".into())
}

/// The first line of what a program prints. `None` when there is no such program or it fails: a build from an archive
/// has no git.
fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.lines()
        .next()
        .map(|line| line.trim().to_owned())
        .filter(|line| !line.is_empty())
}

/// Seconds of the epoch; `SOURCE_DATE_EPOCH` makes a build reproducible.
fn build_time() -> Result<i64, Box<dyn Error>> {
    match env::var("SOURCE_DATE_EPOCH") {
        Ok(text) => Ok(text
            .trim()
            .parse()
            .map_err(|_| "SOURCE_DATE_EPOCH is a number of seconds")?),
        Err(_) => Ok(i64::try_from(
            SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs(),
        )?),
    }
}

/// `2026-11-23`, in UTC. Years begin in March here, so that a leap day is a year's last.
fn date(seconds: i64) -> String {
    let days = seconds.div_euclid(86_400) + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 {
        march_month + 3
    } else {
        march_month - 9
    };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}
