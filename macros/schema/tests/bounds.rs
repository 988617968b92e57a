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

/// One holder of anchors may serve every branch of a file. What is more than a file may hold is told as that: no quotes help.
#[test]
fn a_holder_of_anchors_serves_hundreds_of_branches() {
    let file = |branches: usize| {
        let branch = |n| format!("b{n}:\n  <<: *d\n  query: SELECT 1 AS a\n  metrics: *m\n");
        let holder =
            ".d: &d { ttl: 10, tags: [cluster] }\n.m: &m [ a: { usage: GAUGE, description: of all } ]\n";
        holder.to_owned() + &(0..branches).map(branch).collect::<String>()
    };
    let outcome = compiled(file(500));
    let said: Vec<String> = outcome.diagnostics.iter().map(ToString::to_string).collect();
    assert_eq!((outcome.collectors.len(), said), (500, Vec::new()));
    for text in [
        format!("{}x: [{}]\n", file(1), vec!["*m"; 60_000].join(", ")),
        format!(
            "x-t: &t {}\nx-u: [{}]\n",
            "a".repeat(1 << 20),
            vec!["*t"; 40].join(", ")
        ),
    ] {
        let outcome = compiled(text);
        let said: Vec<String> = outcome.diagnostics.iter().map(ToString::to_string).collect();
        let [one] = said.as_slice() else {
            panic!("{said:?}");
        };
        assert!(
            one.contains("more than a definition file may hold") && one.ends_with("; split the file"),
            "{one}"
        );
    }
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
