//! Counted instructions of what a scrape does most: figures that do not move with the load of the machine.
//!
//! The test runs itself under valgrind's callgrind and reads how many instructions each part took, all that it calls included.
//! They are compared with what `tests/golden/instructions.tsv` has for the same profile. Both are divided by those of a
//! yardstick, plain code of the standard library that never changes, so that another compiler or machine moves both sides alike.
//! `UPDATE_GOLDEN=1` writes the file; `make instructions` does all of it on optimized code, and prints it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, and this one has figures to tell"
)]

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::hint::black_box;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::{env, fs};

use bytes::Bytes;
use pg_exporter_lab::tool;
use pg_exporter_schema::{Collector, Source, Strictness, compile};

use super::page::compress::{Codec, gzip, zstd};
use super::page::encode::Encoder;
use super::rows::batch::Batch;
use super::rows::decode::Decoder;
use crate::postgres::rows::{Format, ResultColumn};

/// Says that the process is the one that is counted.
const COUNTED: &str = "PG_EXPORTER_COUNTED";

/// By how much a part may grow.
const TOLERANCE: f64 = 1.10;

const ROWS: usize = 200;

/// What is counted, and for how many of what it stands.
const PARTS: [(&str, &str, usize); 5] = [
    ("yardstick", "whole", 1),
    ("decode", "row of two labels and eight numbers", ROWS),
    ("encode", "series", ROWS * 8),
    ("gzip", "series", ROWS * 8),
    ("zstd", "series", ROWS * 8),
];

fn collector() -> Collector {
    let mut yaml = String::from(
        "pg_table:\n  query: SELECT 1\n  metrics:\n    - datname: { usage: LABEL }\n    - relname: { usage: LABEL }\n",
    );
    for value in 0..8 {
        let _ = writeln!(
            yaml,
            "    - value_{value}: {{ usage: COUNTER, description: Value. }}"
        );
    }
    let outcome = compile(&[Source::new("t.yml", yaml)], Strictness::Lenient);
    outcome.collectors.into_iter().next().unwrap()
}

/// Cells as they are on the wire: names, and numbers of all sizes.
fn rows() -> Vec<Vec<Vec<u8>>> {
    let row = |row: usize| {
        let labels = [b"app".to_vec(), format!("public.orders_{row:03}").into_bytes()];
        let number = |value: usize| (row * 7_919 % 1_000).pow(u32::try_from(value % 4).unwrap()) as u64;
        let values = (0..8).map(|value| number(value).to_be_bytes().to_vec());
        labels.into_iter().chain(values).collect()
    };
    (0..ROWS).map(row).collect()
}

fn decoder(collector: &Collector) -> Decoder {
    const TEXT: u32 = 25;
    const INT8: u32 = 20;
    let oid = |is_value| if is_value { INT8 } else { TEXT };
    let columns = collector.labels().map(|column| (column, false));
    let columns = columns.chain(collector.values().map(|column| (column, true)));
    let columns: Vec<_> = columns
        .map(|(column, is_value)| ResultColumn {
            name: column.column.as_ref().into(),
            oid: oid(is_value),
            foreign: None,
        })
        .collect();
    Decoder::resolve(collector, &columns, Format::Binary, Arc::default()).unwrap()
}

#[inline(never)]
fn counted_yardstick() -> usize {
    let mut known = BTreeMap::new();
    for number in 0..2_000u32 {
        let text = format!("{}", number.wrapping_mul(2_654_435_761) % 10_007);
        *known.entry(text).or_insert(0usize) += 1;
    }
    known.len()
}

#[inline(never)]
fn counted_decode(decoder: &Decoder, rows: &[Vec<Vec<u8>>]) -> Batch {
    let mut batch = decoder.batch();
    for row in rows {
        let cell = |index: usize| row.get(index).map(|cell| Cow::Borrowed(cell.as_slice()));
        decoder.push(cell, 1_000, &mut batch).unwrap();
    }
    batch
}

#[inline(never)]
fn counted_encode(encoder: &mut Encoder, collector: &Collector, batch: &Batch) -> Bytes {
    encoder.encode(collector, batch).bytes
}

#[inline(never)]
fn counted_gzip(codec: &mut gzip::Compressor, text: &Bytes) -> usize {
    gzip::Compressor::join(vec![codec.segment(std::slice::from_ref(text)).unwrap()]).len()
}

#[inline(never)]
fn counted_zstd(codec: &mut zstd::Compressor, text: &Bytes) -> usize {
    zstd::Compressor::join(vec![codec.segment(std::slice::from_ref(text)).unwrap()]).len()
}

/// What the counted process does: each part once, so that what is made at first use is there, then in its counted form.
fn counted() {
    let (collector, rows) = (collector(), rows());
    let decoder = decoder(&collector);
    let mut encoder = Encoder::new([("cls", "main")]);
    let batch = counted_decode(&decoder, &rows);
    let text = counted_encode(&mut encoder, &collector, &batch);
    black_box(counted_gzip(&mut gzip::Compressor::default(), &text));
    black_box(counted_zstd(&mut zstd::Compressor::default(), &text));
    black_box(counted_yardstick());
}

/// Runs this test under callgrind. Instructions of each part.
fn instructions() -> BTreeMap<&'static str, u64> {
    let out = env::temp_dir().join(format!("pg_exporter-instructions-{}", std::process::id()));
    // Not by the link: it is a script that looks for the program beside itself.
    let valgrind = fs::canonicalize(tool("valgrind")).unwrap();
    let mut command = Command::new(&valgrind);
    // Where it was unpacked rather than installed, it looks for its parts beside itself.
    let parts = valgrind.join("../../libexec/valgrind");
    if parts.is_dir() {
        command.env("VALGRIND_LIB", parts);
    }
    let output = command
        .args(["--tool=callgrind", "--compress-strings=no", "--compress-pos=no"])
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(env::current_exe().unwrap())
        .args([
            "--exact",
            "scrape::instructions::they_have_not_grown",
            "--test-threads=1",
        ])
        .env(COUNTED, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    let text = fs::read_to_string(&out).unwrap();
    let _ = fs::remove_file(&out);
    PARTS.map(|(part, ..)| (part, inclusive(&text, part))).into()
}

/// Instructions of all calls of a part, from callgrind's file: behind the callee's name and the number of calls is a line of the
/// place and what they took.
fn inclusive(text: &str, part: &str) -> u64 {
    let name = format!("instructions::counted_{part}");
    let mut lines = text.lines();
    let (mut is_ours, mut sum) = (false, 0);
    while let Some(line) = lines.next() {
        if let Some(callee) = line.strip_prefix("cfn=") {
            is_ours = callee.contains(&name);
        } else if line.starts_with("calls=") {
            let cost = lines
                .next()
                .and_then(|line| line.rsplit(' ').next()?.parse::<u64>().ok());
            sum += cost.filter(|_| is_ours).unwrap_or(0);
        }
    }
    sum
}

fn golden() -> PathBuf {
    concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/instructions.tsv").into()
}

#[test]
fn they_have_not_grown() {
    if env::var_os(COUNTED).is_some() {
        counted();
        return;
    }
    let profile = if cfg!(debug_assertions) { "dev" } else { "release" };
    let counts = instructions();
    let each = |part: &str, of: usize| *counts.get(part).unwrap() as f64 / of as f64;
    for (part, what, of) in PARTS {
        println!("{profile}\t{part}\t{:.0} a {what}", each(part, of));
        assert!(each(part, of) > 0.0, "callgrind does not name {part}");
    }
    let known = fs::read_to_string(golden()).unwrap_or_default();
    if env::var_os("UPDATE_GOLDEN").is_some() {
        let others = known
            .lines()
            .filter(|line| !line.starts_with(profile))
            .map(str::to_owned);
        let ours = PARTS.map(|(part, _, of)| format!("{profile}\t{part}\t{:.1}", each(part, of)));
        let mut all: Vec<_> = others.chain(ours).collect();
        all.sort();
        return fs::write(golden(), all.join("\n") + "\n").unwrap();
    }
    let recorded = |part: &str| -> f64 {
        let head = format!("{profile}\t{part}\t");
        let line = known.lines().find_map(|line| line.strip_prefix(&head));
        line.unwrap_or_else(|| panic!("{}: no {head:?}", golden().display()))
            .parse()
            .unwrap()
    };
    for (part, _, of) in PARTS {
        let now = each(part, of) / each("yardstick", 1);
        let then = recorded(part) / recorded("yardstick");
        assert!(
            now <= then * TOLERANCE,
            "{part}: {now:.4} yardsticks, not {then:.4}"
        );
    }
}
