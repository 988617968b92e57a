//! Properties over generated input: no input makes the compiler panic, and what it makes can be dumped and read again.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

use std::path::Path;

use pg_exporter_schema::{
    Collector, Locks, Source, Strictness, compile, dump, layer, read_dir, web_options, write, write_file,
};
use proptest::prelude::*;

/// Every text that the other tests have: right ones and all kinds of wrong ones.
fn corpus() -> Vec<Vec<u8>> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let mut sources = read_dir(&tests.join("fixtures"), "").unwrap();
    sources.extend(read_dir(&tests.join("golden"), "").unwrap());
    sources.push(Source::new("web.yml", WEB));
    sources.into_iter().map(|source| source.text).collect()
}

/// Another file that is read here.
const WEB: &str = "tls_server_config: { cert_file: a, key: b, client_allowed_sans: [c], min_version: TLS12 }
http_server_config: { http2: true, headers: { X-Frame-Options: deny }, rate_limit: { interval: 1s, burst: 2 } }
basic_auth_users: { me: $2y$10$x, you: }
";

/// Goes through every pass; its result is only interesting in that it comes.
fn through_all_passes(text: &[u8]) {
    let sources = [Source::new("generated.yml", text)];
    for found in web_options(&sources[0]).err().unwrap_or_default() {
        assert!(!found.to_string().contains('\n'), "{found:?}");
    }
    for strictness in [Strictness::Strict, Strictness::Lenient] {
        let outcome = compile(&sources, strictness);
        for found in &outcome.diagnostics {
            assert!(!found.to_string().contains('\n'), "{found:?}");
        }
        let _ = write(&outcome.collectors, &Locks::default());
        let _ = write_file(&outcome.collectors, &Locks::default());
        let again = layer(&outcome.collectors, &sources, strictness);
        let _ = dump(&again.collectors);
    }
}

fn without_origin(collectors: &[Collector]) -> Vec<Collector> {
    let mut collectors = collectors.to_vec();
    for collector in &mut collectors {
        collector.origin = Default::default();
    }
    collectors
}

/// What is dumped must load without a mistake and be the same.
fn assert_dump_loads_back(collectors: &[Collector]) {
    let text = dump(collectors);
    let outcome = compile(&[Source::new("dump.yml", text.as_str())], Strictness::Lenient);
    assert!(!outcome.has_errors(), "{:?}\n{text}", outcome.diagnostics);
    assert_eq!(
        without_origin(&outcome.collectors),
        without_origin(collectors),
        "{text}"
    );
}

fn words() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,40}",
        "[ -~\n\t]{0,40}",
        Just("null".to_owned()),
        Just("090600".to_owned()),
        Just("yes".to_owned()),
        Just("a: b # c".to_owned()),
        Just("- x\n  y:\n".to_owned()),
        Just("|\n x".to_owned()),
    ]
}

prop_compose! {
    fn definition()(
        // An entry whose name begins with `x-` only holds anchors for others.
        branch in "[a-z][a-z0-9_ .:-]{0,12}".prop_filter("a holder of anchors", |name| !name.starts_with("x-")),
        desc in words(),
        query in words(),
        help in words(),
        column in words(),
        tag in words(),
        ttl in 0.0..1e6_f64,
        timeout in -1.0..1e3_f64,
        scale in any::<f64>().prop_filter("finite", |n| n.is_finite()),
        bounds in prop::collection::btree_set(-1_000_000_i32..1_000_000, 1..6),
        versions in (0_u32..200_000, 0_u32..200_000),
        flags in any::<(bool, bool)>(),
        numbers in (0_u64..1_000_000, -1000_i64..1000),
    ) -> serde_json::Value {
        let bounds: Vec<f64> = bounds.into_iter().map(|bound| f64::from(bound) / 1000.0).collect();
        serde_json::json!({ branch: {
            "name": "x",
            "desc": desc,
            // A comment would swallow what follows it, a quote might stay open: both are mistakes, not of interest here.
            "query": format!("SELECT $a$ {} $a$", query.replace('$', "")),
            "tags": ["cluster", format!("schema:s{}", tag.replace(char::is_control, ""))],
            "ttl": ttl, "timeout": timeout, "fatal": flags.0, "skip": flags.1,
            "min_version": versions.0, "max_version": versions.0 + versions.1 + 1,
            "max_series": numbers.0, "priority": numbers.1,
            "metrics": [
                { format!("c{column}"): { "usage": "DISCARD", "description": help } },
                { "a": { "usage": "GAUGE", "scale": scale, "default": -scale, "description": help } },
                { "h": { "usage": "HISTOGRAM", "bucket": bounds, "rename": "hist" } },
            ],
        } })
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        through_all_passes(&bytes);
    }

    #[test]
    fn no_text_makes_it_panic(text in "[-a-z0-9:,\\[\\]{}&*!|>'\"%@` #?\n\t]{0,200}") {
        through_all_passes(text.as_bytes());
    }

    #[test]
    fn no_edit_of_a_definition_makes_it_panic(
        file in any::<prop::sample::Index>(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), "\\PC{0,6}"), 1..8),
    ) {
        let corpus = corpus();
        let mut text = file.get(&corpus).clone();
        for (from, length, insert) in edits {
            let from = from.index(text.len() + 1);
            let to = (from + length.index(12)).min(text.len());
            text.splice(from..to, insert.into_bytes());
        }
        through_all_passes(&text);
    }

    #[test]
    fn what_is_dumped_loads_back_to_the_same(definition in definition()) {
        let text = definition.to_string();
        let outcome = compile(&[Source::new("generated.yml", text.as_str())], Strictness::Lenient);
        prop_assert!(!outcome.has_errors(), "{:?}\n{text}", outcome.diagnostics);
        prop_assert_eq!(outcome.collectors.len(), 1);
        assert_dump_loads_back(&outcome.collectors);
    }
}

#[test]
fn every_reviewed_definition_is_dumped_and_read_again() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    assert_dump_loads_back(&compile(&read_dir(&golden, "").unwrap(), Strictness::Strict).collectors);
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../collectors");
    let outcome = compile(&read_dir(&shipped, "").unwrap(), Strictness::Lenient);
    assert!(outcome.collectors.len() > 50);
    assert_dump_loads_back(&outcome.collectors);
}
