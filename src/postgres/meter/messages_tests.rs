//! Streams of messages, in pieces of any size.

use super::super::beside::{MOST, MOST_AT_START};
use super::*;

const LIMITS: ResultLimits = ResultLimits { rows: 3, bytes: 100 };

fn meter() -> Meter {
    Meter::of_messages(
        LIMITS,
        AuthenticationGuard::default(),
        Arc::default(),
        Liveness::default(),
        Backend::default(),
    )
}

fn message(tag: u8, length: usize) -> Vec<u8> {
    let mut message = vec![tag];
    let filler = if tag == b'Z' { b'I' } else { b'x' };
    message.extend(u32::try_from(length + 4).unwrap_or(0).to_be_bytes());
    message.resize(message.len() + length, filler);
    message
}

/// Tags and lengths of what is passed on, when it comes in pieces of that size.
fn passed(stream: &[u8], piece: usize) -> Option<Vec<(char, usize)>> {
    let mut meter = meter();
    let mut output = Vec::new();
    for part in stream.chunks(piece) {
        meter.take(part, &mut output).ok()?;
    }
    let (mut found, mut rest) = (Vec::new(), output.as_slice());
    while let [tag, a, b, c, d, behind @ ..] = rest {
        let length = u32::from_be_bytes([*a, *b, *c, *d]) as usize - 4;
        found.push((char::from(*tag), length));
        rest = behind.get(length..)?;
    }
    rest.is_empty().then_some(found)
}

fn tags(messages: &[(u8, usize)]) -> String {
    let stream: Vec<u8> = messages
        .iter()
        .flat_map(|(tag, length)| message(*tag, *length))
        .collect();
    let mut all: Vec<Option<String>> = [1, 3, 7, stream.len()]
        .map(|piece| Some(passed(&stream, piece)?.iter().map(|(tag, _)| tag).collect()))
        .into();
    all.dedup();
    assert_eq!(all.len(), 1, "however it is cut in pieces");
    all.pop().flatten().unwrap_or_else(|| "broken".to_owned())
}

#[test]
fn results_within_their_bounds_pass() {
    let row = (b'D', 20);
    assert_eq!(tags(&[(b'T', 30), row, row, row, (b'C', 8), (b'Z', 1)]), "TDDDCZ");
    assert_eq!(
        tags(&[row, row, (b'Z', 1), row, row, (b'Z', 1)]),
        "DDZDDZ",
        "each by itself"
    );
}

#[test]
fn what_is_too_large_fails_alone() {
    let (small, large) = ((b'D', 1), (b'D', 1_000));
    assert_eq!(
        tags(&[small, small, small, small, small, (b'C', 8), (b'Z', 1), small]),
        "DDDEZD"
    );
    assert_eq!(
        tags(&[small, large, small, (b'C', 8), (b'Z', 1), small, (b'Z', 1)]),
        "DEZDZ"
    );
    assert_eq!(tags(&[large, (b'E', 30), (b'Z', 1)]), "EZ", "one error is enough");
}

#[test]
fn long_texts_are_shortened() {
    let long = LONGEST_TEXT as usize;
    assert_eq!(tags(&[(b'N', long), (b'E', long), (b'Z', 1)]), "EZ");
    assert_eq!(tags(&[(b'N', 100), (b'Z', 1)]), "NZ");
}

#[test]
fn what_no_server_sends_ends_the_connection() {
    assert_eq!(tags(&[(b'S', LONGEST_MESSAGE as usize)]), "broken");
    assert_eq!(passed(&[b'R', 0, 0, 0, 3], 1), None);
    assert_eq!(passed(&[b'D', 0x7f, 0xff, 0xff, 0xff], 1), None);
}

#[test]
fn what_has_no_end_ends_the_connection() {
    // Whether so many bytes of that kind are taken, of a server that has let us in or has not.
    let takes = |tag: u8, bytes: u64, is_let_in: bool| {
        let part = message(tag, LONGEST_TEXT as usize - 4);
        let parts = (0..bytes / u64::from(LONGEST_TEXT)).map(|_| &part);
        let ready = message(b'Z', 1);
        let mut meter = meter();
        let mut output = Vec::new();
        let mut all = is_let_in
            .then_some(&ready)
            .into_iter()
            .chain(parts)
            .chain([&ready]);
        all.all(|part| {
            output.clear();
            meter.take(part, &mut output).is_ok()
        })
    };
    assert!(takes(b'N', MOST_AT_START / 2, false));
    assert!(!takes(b'N', MOST_AT_START * 2, false));
    assert!(
        !takes(b'D', MOST_AT_START * 2, false),
        "nor are there results before that"
    );
    assert!(takes(b'N', MOST_AT_START * 2, true));
    assert!(!takes(b'N', MOST * 2, true));
    assert!(takes(b'D', MOST * 2, true), "results have bounds of their own");
}

#[test]
fn what_is_encrypted_is_left_alone() {
    for (answer, rest) in [
        (b'S', vec![b'D', 0xff, 0xff, 0xff, 0xff]),
        (b'N', message(b'R', 4)),
    ] {
        let mut meter = meter().under_tls(false);
        let mut output = Vec::new();
        let stream: Vec<u8> = std::iter::once(answer).chain(rest).collect();
        assert!(meter.take(&stream, &mut output).is_ok());
        assert_eq!(output, stream);
    }
    let mut output = Vec::new();
    assert!(meter().under_tls(true).take(b"anything", &mut output).is_ok());
    assert_eq!(output, b"anything");
}

proptest::proptest! {
    #[test]
    fn no_stream_panics(stream: Vec<u8>, piece in 1_usize..20) {
        let _ = passed(&stream, piece);
    }
}
