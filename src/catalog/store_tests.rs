#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;

use pg_exporter_lab::Folder;

use super::*;

/// Of the files in a directory.
fn catalog(directory: &Folder) -> Catalog {
    Catalog::open(Sources {
        config: Some(directory.path().to_owned()),
        ..Sources::default()
    })
    .unwrap()
}

fn one(branch: &str, more: &str) -> String {
    format!("{branch}:\n  query: SELECT 1 AS a\n{more}  metrics: [ a: {{ usage: GAUGE, description: A }} ]\n")
}

fn change(added: &[&str], removed: &[&str], modified: &[&str]) -> Change {
    let list = |names: &[&str]| names.iter().map(ToString::to_string).collect();
    Change {
        added: list(added),
        removed: list(removed),
        modified: list(modified),
    }
}

#[test]
fn a_reload_tells_what_it_changes() {
    let directory = Folder::of(&[
        ("1.yml", &one("x", "")),
        ("2.yml", &one("y", "")),
        ("3.yml", &one("z", "")),
    ]);
    let catalog = catalog(&directory);
    assert_eq!(catalog.reload(false).unwrap(), Change::default());
    directory.write("2.yml", &one("y", "  ttl: 10\n"));
    directory.write("4.yml", &one("w", ""));
    fs::remove_file(directory.path().join("1.yml")).unwrap();
    let expected = change(&["w"], &["x"], &["y"]);
    let before = catalog.live();
    assert_eq!(catalog.reload(true).unwrap(), expected);
    assert!(Arc::ptr_eq(&before, &catalog.live()), "a dry run changes nothing");
    assert_eq!(catalog.reload(false).unwrap(), expected);
    assert_ne!(before.hash, catalog.live().hash);
    assert_eq!(catalog.reload(false).unwrap(), Change::default());
}

#[test]
fn nothing_is_swapped_when_only_places_in_files_change() {
    let directory = Folder::of(&[("1.yml", &one("x", ""))]);
    let catalog = catalog(&directory);
    let before = catalog.live();
    directory.write("1.yml", &format!("# a comment\n{}", one("x", "")));
    assert_eq!(catalog.reload(false).unwrap(), Change::default());
    assert!(Arc::ptr_eq(&before, &catalog.live()));
}

#[test]
fn a_file_in_front_modifies_nothing_behind_it_but_another_order_does() {
    let directory = Folder::of(&[("2.yml", &one("x", "")), ("3.yml", &one("y", ""))]);
    let catalog = catalog(&directory);
    directory.write("1.yml", &one("w", ""));
    assert_eq!(catalog.reload(false).unwrap(), change(&["w"], &[], &[]));
    directory.write("3.yml", &one("y", "  priority: 1\n"));
    assert_eq!(catalog.reload(false).unwrap(), change(&[], &[], &["y"]));
    let order: Vec<_> = catalog
        .live()
        .collectors
        .iter()
        .map(|collector| collector.branch.to_string())
        .collect();
    assert_eq!(order, ["y", "w", "x"]);
}

#[test]
fn one_broken_file_keeps_the_whole_old_set() {
    let directory = Folder::of(&[("1.yml", &one("x", ""))]);
    let catalog = catalog(&directory);
    let (before, good) = (catalog.live(), catalog.status());
    assert!(good.successful);
    directory.write("2.yml", &one("y", "").replace("GAUGE", "GUAGE"));
    directory.write("3.yml", &one("z", ""));
    let error = catalog.reload(false).unwrap_err().to_string();
    let expected = format!(
        "{}/2.yml:3:26: unknown usage `GUAGE`, did you mean `GAUGE`?",
        directory.path().display()
    );
    assert_eq!(error, expected);
    assert!(Arc::ptr_eq(&before, &catalog.live()));
    let bad = catalog.status();
    assert!(!bad.successful && bad.tried_at > good.tried_at);
    assert_eq!(bad.failure.as_deref(), Some(&*expected));
    assert_eq!((bad.succeeded_at, &bad.files), (good.succeeded_at, &good.files));
    directory.write("2.yml", &one("y", ""));
    assert_eq!(catalog.reload(false).unwrap(), change(&["y", "z"], &[], &[]));
    let mended = catalog.status();
    assert!(mended.successful && mended.succeeded_at > good.succeeded_at && mended.failure.is_none());
    assert_eq!((good.files.len(), mended.files.len()), (1, 3));
}

#[test]
fn a_dry_run_leaves_the_status_alone() {
    let directory = Folder::of(&[("1.yml", &one("x", ""))]);
    let catalog = catalog(&directory);
    let before = catalog.status();
    directory.write("1.yml", "x: [");
    assert!(catalog.reload(true).is_err());
    assert_eq!(catalog.status(), before);
}

#[test]
fn constant_labels_are_checked_against_each_new_set() {
    let directory = Folder::of(&[("1.yml", &one("x", ""))]);
    let sources = Sources {
        config: Some(directory.path().to_owned()),
        labels: vec!["site".into()],
        ..Sources::default()
    };
    let catalog = Catalog::open(sources).unwrap();
    directory.write(
        "1.yml",
        &one("x", "").replace("[ a", "[ site: { usage: LABEL }, a"),
    );
    let error = catalog.reload(false).unwrap_err().to_string();
    assert_eq!(error, "--label: `site` is a label of x; choose another name");
    let sources = Sources {
        config: Some(directory.path().to_owned()),
        labels: vec!["query".into()],
        intro: true,
        ..Sources::default()
    };
    let error = Catalog::open(sources).unwrap_err().to_string();
    assert_eq!(
        error,
        "--label: `query` is a label of the exporter's own metrics; choose another name"
    );
}

#[test]
fn reloads_at_the_same_time_end_with_the_last_configuration() {
    let directory = Folder::of(&[("1.yml", &one("x", ""))]);
    let catalog = catalog(&directory);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..20).for_each(|_| drop(catalog.reload(false))));
        }
        for ttl in 1..=20 {
            // A reader must never see half a file.
            let new = directory.path().join("new");
            fs::write(&new, one("x", &format!("  ttl: {ttl}\n"))).unwrap();
            fs::rename(new, directory.path().join("1.yml")).unwrap();
        }
    });
    catalog.reload(false).unwrap();
    assert_eq!(catalog.live().collectors.first().unwrap().ttl.as_secs(), 20);
}
