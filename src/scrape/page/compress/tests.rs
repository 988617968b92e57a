#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};

use proptest::prelude::*;

use super::*;

/// Parts of a page, whether each is kept, and whether it changes between two pages.
fn parts() -> impl Strategy<Value = Vec<(bool, bool, Vec<u8>)>> {
    let bytes = proptest::collection::vec(any::<u8>(), 0..5000);
    proptest::collection::vec((any::<bool>(), any::<bool>(), bytes), 0..9)
}

/// The parts as streams of so many pages, one made of what the ones before kept. What is worth it is compressed densely
/// between them. Each with its text.
fn streams<C: Codec>(parts: &[(bool, bool, Vec<u8>)], pages: u8) -> Vec<(Vec<u8>, Vec<u8>)> {
    let (mut codec, mut loose) = (C::default(), Loose::default());
    let mut kept: Vec<Kept<C>> = parts.iter().map(|_| Kept::default()).collect();
    let page = |page: u8| {
        let mut stream = Stream::new(&mut codec, &mut loose);
        let mut whole = Vec::new();
        for ((is_kept, changes, part), kept) in parts.iter().zip(&mut kept) {
            let mut part = part.clone();
            if *changes {
                kept.outdate();
                part.push(page);
            }
            whole.extend_from_slice(&part);
            let chunks: Vec<Bytes> = part.chunks(700).map(Bytes::copy_from_slice).collect();
            if *is_kept {
                stream.push_kept(&chunks, kept).unwrap();
            } else {
                chunks.into_iter().for_each(|chunk| stream.push(chunk));
            }
        }
        let made = stream.finish().unwrap();
        made.work.run();
        (made.chunks.concat(), whole)
    };
    (0..pages).map(page).collect()
}

fn gunzip(stream: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    // A decoder of one member only: several members would end early.
    flate2::read::GzDecoder::new(stream)
        .read_to_end(&mut plain)
        .unwrap();
    plain
}

proptest! {
    #[test]
    fn segments_make_one_stream(parts in parts(), pages in 1u8..8) {
        for (stream, whole) in streams::<gzip::Compressor>(&parts, pages) {
            prop_assert_eq!(gunzip(&stream), whole);
        }
        for (stream, whole) in streams::<zstd::Compressor>(&parts, pages) {
            prop_assert_eq!(::zstd::decode_all(&*stream).unwrap(), whole);
        }
    }
}

#[test]
fn large_and_repetitive_parts() {
    let line = "pg_table_seq_scan{datname=\"app\",relname=\"public.t\"} 42\n".repeat(50_000);
    let line = line.into_bytes();
    let parts = [
        (true, false, line.clone()),
        (false, false, [&*line, &*line].concat()),
    ];
    let (gzip, whole) = streams::<gzip::Compressor>(&parts, 1).remove(0);
    let (zstd, _) = streams::<zstd::Compressor>(&parts, 1).remove(0);
    assert!(gzip.len() * 20 < line.len() * 3, "{}", gzip.len());
    assert!(zstd.len() * 100 < line.len() * 3, "{}", zstd.len());
    assert_eq!(gunzip(&gzip), whole);
    assert_eq!(::zstd::decode_all(&*zstd).unwrap(), whole);
}

/// A collector's share for so many tables, whose counters are those of a database in use: many zeros, some small numbers, a
/// few large ones. Every table of the first `changed` counts one more.
fn share(collector: &str, families: usize, tables: usize, changed: usize) -> Vec<u8> {
    let mut text = String::new();
    // Each has values of its own.
    let seed = collector
        .bytes()
        .fold(7, |seed: u64, byte| seed * 31 % 1_000_003 + u64::from(byte));
    let mut random = fastrand::Rng::with_seed(seed);
    for family in 0..families {
        let _ = write!(
            text,
            "# HELP {collector}_value_{family} What is counted there\n# TYPE {collector}_value_{family} counter\n"
        );
        for database in ["bench1", "bench2", "bench3"] {
            for table in 0..tables {
                let one_more = u64::from(table < changed);
                let value = match random.u32(0..10) {
                    0..5 => 0,
                    5..8 => random.u64(0..400) + one_more,
                    _ => random.u64(0..90_000_000) + one_more,
                };
                let _ = writeln!(
                    text,
                    "{collector}_value_{family}{{datname=\"{database}\",schemaname=\"public\",relname=\"orders_{table:03}\"}} {value}"
                );
            }
        }
    }
    text.into_bytes()
}

fn gzip_reference(text: &[u8]) -> usize {
    let mut whole = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
    whole.write_all(text).unwrap();
    whole.finish().unwrap().len()
}

fn zstd_reference(text: &[u8]) -> usize {
    ::zstd::bulk::compress(text, 3).unwrap().len()
}

/// Shares of a large server's page and of an empty server's.
fn large_and_small() -> [Vec<(bool, bool, Vec<u8>)>; 2] {
    let shares = |tables, shares: &[(&str, usize)]| {
        let share = |(name, families): &(&str, usize)| share(name, *families, tables, 0);
        let texts = shares.iter().map(share);
        texts.map(|text| (text.len() >= 16 << 10, false, text)).collect()
    };
    let large = [
        ("pg_bgwriter", 1),
        ("pg_table", 22),
        ("pg_lock", 1),
        ("pg_index", 9),
        ("pg_table_size", 5),
    ];
    let small = [
        ("pg_table", 22),
        ("pg_db", 20),
        ("pg_index", 9),
        ("pg_activity", 6),
        ("pg_query", 12),
    ];
    [shares(333, &large), shares(1, &small)]
}

#[test]
fn a_page_is_as_small_as_a_reference_makes_it_within_a_tenth() {
    for parts in large_and_small() {
        let gzip = streams::<gzip::Compressor>(&parts, 12);
        let reference = gzip_reference(&gzip[0].1);
        let (first, last) = (gzip[0].0.len(), gzip[11].0.len());
        assert!(
            first * 100 <= reference * 110 && last <= first,
            "gzip {first}, {last}, not {reference}"
        );
        let zstd = streams::<zstd::Compressor>(&parts, 12);
        let reference = zstd_reference(&zstd[0].1);
        let (first, last) = (zstd[0].0.len(), zstd[11].0.len());
        assert!(
            first * 100 <= reference * 110 && last <= first,
            "zstd {first}, {last}, not {reference}"
        );
    }
}

/// What the exporter tells of its collectors: small numbers, as a rule.
fn own_metrics() -> Vec<u8> {
    let (mut text, mut random) = (String::new(), fastrand::Rng::with_seed(7));
    for family in [
        "ttl",
        "age_seconds",
        "runs",
        "hits",
        "errors",
        "series",
        "duration",
    ] {
        let name = format!("pg_exporter_query_{family}");
        let _ = write!(text, "# HELP {name} What is counted there\n# TYPE {name} gauge\n");
        for collector in 0..70 {
            let value = match random.u32(0..7) {
                0..4 => f64::from(random.u32(0..2) * 4),
                4..6 => f64::from(random.u32(0..60)),
                _ => f64::from(random.u32(0..1_000_000)) / 1e6,
            };
            let _ = writeln!(
                text,
                "{name}{{datname=\"app\",query=\"pg_collector_{collector:02}\"}} {value}"
            );
        }
    }
    text.into_bytes()
}

/// The exporter's own metrics, of which each page has others, are compressed with less care.
#[test]
fn a_page_that_is_half_the_exporters_own_is_short_enough() {
    let own = Bytes::from(own_metrics());
    let [_, small] = large_and_small();
    let small: Vec<_> = small.into_iter().map(|(_, _, text)| Bytes::from(text)).collect();
    let (mut codec, mut loose) = (gzip::Compressor::default(), Loose::default());
    let mut stream = Stream::new(&mut codec, &mut loose);
    stream.push_changing(std::slice::from_ref(&own)).unwrap();
    small.iter().cloned().for_each(|chunk| stream.push(chunk));
    let page = stream.finish().unwrap().chunks.concat();
    assert!(own.len() >= 32 << 10, "{}", own.len());
    let whole = [own.to_vec(), small.concat()].concat();
    assert_eq!(gunzip(&page), whole);
    let reference = gzip_reference(&whole);
    assert!(
        page.len() * 100 <= reference * 110,
        "{}, not {reference}",
        page.len()
    );
}

/// Counts what it compresses.
#[derive(Debug, Default)]
struct Counting {
    inner: gzip::Compressor,
    segments: usize,
}

impl Codec for Counting {
    type Segment = gzip::Segment;

    const BLOCK: usize = gzip::Compressor::BLOCK;

    fn dense() -> Self {
        Self {
            inner: gzip::Compressor::dense(),
            segments: 0,
        }
    }

    fn segment(&mut self, chunks: &[Bytes]) -> io::Result<gzip::Segment> {
        self.segments += 1;
        self.inner.segment(chunks)
    }

    fn passing(&mut self, chunks: &[Bytes]) -> io::Result<gzip::Segment> {
        self.segments += 1;
        self.inner.passing(chunks)
    }

    fn join(segments: Vec<gzip::Segment>) -> Vec<Bytes> {
        gzip::Compressor::join(segments)
    }
}

#[test]
fn only_blocks_that_changed_are_compressed_anew() {
    let (mut codec, mut kept) = (Counting::default(), Kept::<Counting>::default());
    let mut page = |changed| {
        kept.outdate();
        let chunks = [Bytes::from(share("pg_table", 22, 333, changed))];
        let before = codec.segments;
        let mut loose = Loose::default();
        let mut stream = Stream::new(&mut codec, &mut loose);
        stream.push_kept(&chunks, &mut kept).unwrap();
        let made = stream.finish().unwrap();
        assert_eq!(gunzip(&made.chunks.concat()), chunks[0]);
        codec.segments - before
    };
    let all = page(0);
    assert!(all > 20, "{all}");
    assert_eq!(page(0), 0, "nothing has changed");
    assert!(page(1) >= 22, "a table's line in each family");
    assert_eq!(page(1), 0);
}

#[test]
fn a_value_that_grows_leaves_the_blocks_behind_it_as_they_are() {
    let text = share("pg_table", 22, 333, 0);
    let end = text.windows(3).position(|three| three == b" 0\n").unwrap();
    let mut longer = text.clone();
    longer.insert(end + 1, b'1');
    let (mut codec, mut kept) = (Counting::default(), Kept::<Counting>::default());
    kept.bring_up_to_date(&[Bytes::from(text)], &mut codec).unwrap();
    let all = codec.segments;
    kept.outdate();
    kept.bring_up_to_date(&[Bytes::from(longer)], &mut codec).unwrap();
    let anew = codec.segments - all;
    assert!(anew * 5 < all, "{anew} of {all}");
}

#[test]
fn what_is_small_and_stays_as_it_is_is_not_compressed_anew() {
    let (mut codec, mut loose) = (Counting::default(), Loose::default());
    let mut page = |own: &str, small: [&str; 2]| {
        let before = codec.segments;
        let mut stream = Stream::new(&mut codec, &mut loose);
        let own_chunk = Bytes::copy_from_slice(own.as_bytes());
        stream.push_changing(&[own_chunk]).unwrap();
        small
            .iter()
            .for_each(|text| stream.push(Bytes::copy_from_slice(text.as_bytes())));
        let made = stream.finish().unwrap();
        let text = [own, small[0], small[1]].concat();
        assert_eq!(gunzip(&made.chunks.concat()), text.as_bytes());
        codec.segments - before
    };
    assert_eq!(page("own 1\n", ["a 1\n", "b 1\n"]), 2);
    assert_eq!(
        page("own 2\n", ["a 1\n", "b 1\n"]),
        1,
        "the exporter's own metrics"
    );
    assert_eq!(page("own 2\n", ["a 1\n", "b 2\n"]), 2, "they are one segment");
}
