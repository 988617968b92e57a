//! What the tree keeps of a text.
#![allow(clippy::unwrap_used, reason = "tests")]
use super::*;

fn show(node: &Node) -> String {
    let body = match &node.kind {
        Kind::Null => "null".to_owned(),
        Kind::Scalar(text) => format!("{text:?}"),
        Kind::List(items) => format!("[{}]", items.iter().map(show).collect::<Vec<_>>().join(" ")),
        Kind::Map(pairs) => {
            let pair = |(key, value): &(At<String>, Node)| {
                format!(
                    "{}@{}:{}={}",
                    key.value,
                    key.position.line,
                    key.position.column,
                    show(value)
                )
            };
            format!("{{{}}}", pairs.iter().map(pair).collect::<Vec<_>>().join(" "))
        }
    };
    format!("{body}@{}:{}", node.position.line, node.position.column)
}

fn shown(text: &str) -> String {
    match read(text) {
        Ok(node) => show(&node),
        Err(error) => format!(
            "{}:{}: {}",
            error.position.line, error.position.column, error.message
        ),
    }
}

#[test]
fn scalars_keep_the_text_they_were_written_with() {
    for text in [
        "090600",
        "1e-3",
        "yes",
        "0x10",
        ".inf",
        "-.5",
        "1_000",
        "1e999",
        ".NaN",
        "-1",
        "2026-01-01",
    ] {
        assert_eq!(shown(text), format!("{text:?}@1:1"));
    }
    assert_eq!(shown("\"12\""), "\"12\"@1:1");
    assert_eq!(shown("~"), "null@1:1");
    assert_eq!(shown("'null'"), "\"null\"@1:1");
    assert_eq!(shown("a: ''"), "{a@1:1=\"\"@1:4}@1:1");
}

#[test]
fn positions_are_those_of_the_file() {
    assert_eq!(
        shown("a: 1\nb:\n  - é: {x: 2, x: 3}\n  -\n"),
        "{a@1:1=\"1\"@1:4 b@2:1=[{é@3:5={x@3:9=\"2\"@3:12 x@3:15=\"3\"@3:18}@3:8}@3:5 null@4:4]@3:3}@1:1"
    );
    assert_eq!(
        shown("q: |\n  SELECT 1\n  , 2\nr: 1"),
        "{q@1:1=\"SELECT 1\\n, 2\\n\"@2:3 r@4:1=\"1\"@4:4}@1:1"
    );
    assert_eq!(
        shown("q: |\n\n\n  SELECT 1\n"),
        "{q@1:1=\"\\n\\nSELECT 1\\n\"@4:3}@1:1"
    );
    assert_eq!(
        shown("\u{feff}a: 1\r\nb: 2\r\n"),
        "{a@1:1=\"1\"@1:4 b@2:1=\"2\"@2:4}@1:1"
    );
}

#[test]
fn anchors_and_merge_keys_are_resolved() {
    assert_eq!(
        shown("a: &x {t: 010, u: yes}\nb: {<<: *x, u: no}\nc: *x"),
        "{a@1:1={t@1:8=\"010\"@1:11 u@1:16=\"yes\"@1:19}@1:7 \
         b@2:1={u@2:13=\"no\"@2:16 t@2:9=\"010\"@2:9}@2:4 \
         c@3:1={t@3:4=\"010\"@3:4 u@3:4=\"yes\"@3:4}@3:4}@1:1"
    );
}

#[test]
fn empty_files_are_null() {
    assert_eq!(shown(""), "null@1:1");
    assert_eq!(shown("# only a comment\n"), "null@2:1");
}

#[test]
fn syntax_errors_name_their_place() {
    assert_eq!(shown("a: [1, 2\nb: 3"), "2:2: illegal placement of ':' indicator");
    assert_eq!(
        shown("a: 1\n b: 2\n"),
        "2:3: mapping values are not allowed in this context"
    );
    assert_eq!(shown("a: 'x\n"), "1:4: unclosed quote");
    assert_eq!(
        shown("a: 1\n---\nb: 2\n"),
        "3:1: only single YAML document expected but multiple found"
    );
    assert_eq!(
        shown("? [1]\n: 2\n"),
        "1:3: a key must be a word, not a list or a map"
    );
    assert_eq!(shown("a: *nowhere"), "1:4: reference to unknown value");
    assert_eq!(shown("a: &x [*x]"), "1:8: Recursive reference not allowed here");
    assert_eq!(
        shown(&"[".repeat(20_000)),
        "1:33: values lie more than 32 deep in each other; a definition needs five levels"
    );
}
