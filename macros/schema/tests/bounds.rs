//! Files of any size and shape leave the process small: each is refused with what to do, or fits.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use pg_exporter_schema::{Outcome, Source, Strictness, compile, read_path};

/// What this process has had in memory at most, in MiB, as Linux counts it.
fn most_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    let kib: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib / 1024
}

fn compiled(text: String) -> Outcome {
    compile(&[Source::new("x.yml", text)], Strictness::Lenient)
}

fn refused(what: &str, text: String) {
    let outcome = compiled(text);
    let said: Vec<String> = outcome.diagnostics.iter().map(ToString::to_string).collect();
    assert!(outcome.has_errors(), "{what}: {said:?}");
    let length: usize = said.iter().map(String::len).sum();
    assert!(length < 100_000, "{what}: {length} bytes of messages");
    assert!(most_memory() < 256, "{what}: {} MiB", most_memory());
}

/// One after the other, since the memory is counted for the whole process.
#[test]
fn no_file_fills_the_memory() {
    let levels = {
        let mut text = "x-0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let list = vec![format!("*a{}", level - 1); 10].join(", ");
            text.push_str(&format!("x-{level}: &a{level} [{list}]\n"));
        }
        text
    };
    refused("lists of lists of aliases", levels);
    let long = "a".repeat(1 << 20);
    let many = vec!["*t"; 40_000].join(", ");
    refused(
        "a long text many times",
        format!("x-t: &t {long}\nx-u: [{many}]\n"),
    );
    refused("many small values", format!("x-t: [{}]\n", "1,".repeat(300_000)));
    refused("many empty maps", format!("x-t: [{}]\n", "{},".repeat(300_000)));
    refused("deep lists", "x: ".to_owned() + &"[".repeat(500_000));
    refused(
        "deep maps",
        (0..2_000)
            .map(|depth| format!("{}a:\n", " ".repeat(depth)))
            .collect(),
    );
    let keys: String = (0..150_000).map(|key| format!("k{key}: 1\n")).collect();
    refused("many broken entries", keys);
    refused(
        "one long line without an end",
        format!("x: \"{}", "y".repeat(2_000_000)),
    );
}

#[test]
fn a_file_that_is_too_large_is_named() {
    let folder = std::env::temp_dir().join(format!("pg_exporter_bounds_{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("large.yml");
    std::fs::write(&file, "# comment\n".repeat(300_000)).unwrap();
    let error = read_path(&file).unwrap_err().to_string();
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(
        error.ends_with("large.yml: larger than 2 MiB, the most a definition file may have; split it"),
        "{error}"
    );
    let source = |name: &'static str| Source::new(name, "# x\n".repeat(450_000));
    let outcome = compile(
        &[source("a.yml"), source("b.yml"), source("c.yml")],
        Strictness::Lenient,
    );
    let said: Vec<String> = outcome.diagnostics.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "c.yml: with this file the definitions are larger than 4 MiB together, the most there may be; remove some"
        ]
    );
}
