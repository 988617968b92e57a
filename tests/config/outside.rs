//! Definition files in the manner of public ones, run on real servers: they give the series that their authors meant.
//!
//! The files are those of `macros/schema/tests/outside`. Their last lines say what each gives on PostgreSQL 12, 15 and 18, as its
//! author meant it ([`meant`]). Files of sql_exporter are converted first; all others are run as they are and, on 10, 14 and 18, as
//! `convert` writes them, with equal results.

mod converted;
#[path = "../../macros/schema/tests/support/corpus.rs"]
mod corpus;
mod meant;
mod scene;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use pg_exporter_lab::{Folder, Page, promtool_check};

use crate::support::program;
use corpus::{files, is_converted, is_refused, name};
use meant::{Meant, families};
use scene::Scene;

/// How long a file may take to give what it should: statements without a time limit of their own have 0.1 s, which a busy machine
/// exceeds now and then.
const PATIENCE: Duration = Duration::from_secs(30);

fn corpus() -> Vec<PathBuf> {
    files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("macros/schema"))
}

/// The file itself, or what `convert` makes of it.
fn as_loaded(file: &Path, as_converted: bool) -> Folder {
    let text = if as_converted {
        let ended = program("postgresql://nobody@127.0.0.1:1/x")
            .arg("convert")
            .arg(file)
            .run();
        assert_eq!(ended.status.code(), Some(0), "{}: {}", name(file), ended.stderr);
        let written = Folder::of(&[("1.yml", &ended.stdout)]);
        let strict = program("postgresql://nobody@127.0.0.1:1/x")
            .args(["--no-builtin", "check", "--strict"])
            .arg(written.path())
            .run();
        assert_eq!(strict.status.code(), Some(0), "{}: {}", name(file), strict.stdout);
        ended.stdout
    } else {
        std::fs::read_to_string(file).unwrap()
    };
    Folder::of(&[("1.yml", &text)])
}

#[test]
fn each_file_gives_on_12_what_its_author_meant() {
    all_give(12);
}

#[test]
fn each_file_gives_on_15_what_its_author_meant() {
    all_give(15);
}

#[test]
fn each_file_gives_on_18_what_its_author_meant() {
    all_give(18);
}

fn all_give(major: u32) {
    let scene = Scene::start(major);
    let mut wrong = Vec::new();
    for file in corpus().iter().filter(|file| !is_refused(file)) {
        let meant = Meant::read(file, major);
        let directory = as_loaded(file, is_converted(file));
        let exporter = scene.exporter(name(file), &directory);
        let deadline = Instant::now() + PATIENCE;
        let (text, found) = loop {
            let text = exporter.get("/metrics").text();
            let found = meant.compare(&Page::parse(&text));
            if found.is_empty() || Instant::now() > deadline {
                break (text, found);
            }
            std::thread::sleep(Duration::from_millis(200));
        };
        if !found.is_empty() {
            wrong.push(format!(
                "{} on {major}: {found:#?}\n{}",
                name(file),
                exporter.stderr()
            ));
        }
        let valid = promtool_check(&text);
        assert!(valid.parses, "{}: {:?}\n{text}", name(file), valid.lines);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What the definition compiler says of a file it cannot take, the program says at start and in `check`.
#[test]
fn what_cannot_be_taken_is_refused_with_what_to_write() {
    let refused: Vec<PathBuf> = corpus().into_iter().filter(|file| is_refused(file)).collect();
    assert!(refused.len() >= 5, "{refused:?}");
    for file in refused {
        let said = std::fs::read_to_string(file.with_extension("txt")).unwrap();
        let first = said.lines().next().unwrap();
        let (_, message) = first.split_once(": ").unwrap();
        let directory = as_loaded(&file, false);
        let url = "postgresql://nobody@127.0.0.1:1/x";
        let run = |arguments: &[&str]| {
            program(url)
                .args(["--no-builtin", "--config"])
                .arg(directory.path())
                .args(arguments)
                .run()
        };
        let started = run(&[]);
        assert_eq!(
            started.status.code(),
            Some(1),
            "{}: {}",
            name(&file),
            started.stderr
        );
        let checked = run(&["check"]);
        assert_eq!(
            checked.status.code(),
            Some(1),
            "{}: {}",
            name(&file),
            checked.stdout
        );
        let all = checked.stdout + &checked.stderr;
        assert!(all.contains(message), "{}: {message}\n{all}", name(&file));
    }
}
