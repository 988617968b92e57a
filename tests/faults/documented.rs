//! The tests that `docs/faults.md` names are there.

use std::fs;
use std::path::Path;

#[test]
fn every_test_that_the_document_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join("docs/faults.md")).unwrap();
    let mut found = 0;
    // Every other piece is between backquotes.
    for name in text.split('`').skip(1).step_by(2) {
        let (file, test) = if let Some((path, test)) = name.split_once(": ") {
            (root.join(path), test)
        } else if let Some((module, test)) = name.rsplit_once("::") {
            (root.join("tests/faults").join(module.replace("::", "/")), test)
        } else {
            continue;
        };
        let places = [file.clone(), file.with_extension("rs"), file.join("mod.rs")];
        let source = places.iter().find_map(|place| fs::read_to_string(place).ok());
        let source = source.unwrap_or_else(|| panic!("{name}: there is no such file"));
        let is_there = test == "*" || has_test(&source, test);
        assert!(is_there, "docs/faults.md names {name}: there is no such test");
        found += 1;
    }
    assert!(found > 60, "{found}");
}

/// Whether a function of that name is a test there, of whichever runtime.
fn has_test(source: &str, name: &str) -> bool {
    let declarations = [format!("fn {name}()"), format!("async fn {name}()")];
    let is_it = |line: &str| {
        declarations
            .iter()
            .any(|declaration| line.starts_with(declaration))
    };
    let is_attribute = |line: &str| line.starts_with("#[test]") || line.starts_with("#[tokio::test");
    source
        .lines()
        .zip(source.lines().skip(1))
        .any(|(before, line)| is_attribute(before) && is_it(line))
}
