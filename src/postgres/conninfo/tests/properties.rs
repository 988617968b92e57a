//! For any input: no panic, and nothing of a password in any output.

use proptest::prelude::*;

use super::{ConnInfo, TestEnvironment, parse};
use crate::values::Secret;

/// Cannot occur by chance in a message, a parameter's name or the rest of a text.
const PASSWORD: &str = "Zq7Zq7";

/// Pieces that mean something in a connection string, so that arbitrary sequences get deep into the parser.
fn piece() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "postgres://",
        "postgresql://",
        "user",
        "host",
        "port=1",
        "dbname",
        "=",
        "&",
        "?",
        "@",
        ":",
        "/",
        ",",
        "[",
        "]",
        "::1",
        "%",
        "%40",
        "%00",
        "%2F",
        " ",
        "'",
        "\\",
        "\u{b}",
        "sslmode=require",
        "127.0.0.1",
        "options",
        "service",
    ]);
    prop_oneof![4 => known.prop_map(str::to_owned), 1 => "[a-z0-9\u{e9}]{1,3}"]
}

fn pieces() -> impl Strategy<Value = String> {
    prop::collection::vec(piece(), 0..12).prop_map(|pieces| pieces.concat())
}

/// Where a password may stand, and what may be wrong around it.
fn text_with_password() -> impl Strategy<Value = String> {
    prop_oneof![
        pieces().prop_map(|rest| format!("postgres://u:{PASSWORD}@h{rest}")),
        // The password itself has the junk: at any length it ends early, or late.
        ("[@/?#&=%:\\[ ]{0,4}", pieces())
            .prop_map(|(junk, rest)| format!("postgres://u:x{junk}{PASSWORD}@h/{rest}")),
        pieces().prop_map(|rest| format!("postgres://h/d?password={PASSWORD}&{rest}")),
        (pieces(), pieces()).prop_map(|(before, after)| format!("{before} password={PASSWORD} {after}")),
        pieces().prop_map(|rest| format!("password='{rest} {PASSWORD}' host=h")),
        pieces().prop_map(|rest| format!("pasword={PASSWORD} {rest}")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_text_never_panics(text in any::<String>()) {
        let _ = parse(&text);
    }

    #[test]
    fn arbitrary_pieces_never_panic_and_print_what_reads_the_same(text in pieces()) {
        if let Ok(info) = parse(&text) {
            let again = parse(&info.display()).map_err(|error| TestCaseError::fail(error.to_string()))?;
            prop_assert_eq!(again.hosts(), info.hosts());
            prop_assert_eq!(again.user(), info.user());
            prop_assert_eq!(again.database(), info.database());
            prop_assert_eq!(again.tls().mode, info.tls().mode);
        }
    }

    #[test]
    fn an_error_never_shows_a_part_of_the_text(text in text_with_password()) {
        if let Err(error) = parse(&text) {
            prop_assert!(!format!("{error} {error:?}").contains(PASSWORD), "{}", error);
        }
    }

    #[test]
    fn a_password_that_was_understood_is_never_shown(rest in "[ -~]{0,9}") {
        let password = format!("{PASSWORD}{rest}");
        let quoted = password.replace('\\', "\\\\").replace('\'', "\\'");
        let encoded: String = password.bytes().map(|byte| format!("%{byte:02x}")).collect();
        for text in [format!("host=h password='{quoted}'"), format!("postgres://u:{encoded}@h/")] {
            let info = parse(&text).map_err(|error| TestCaseError::fail(error.to_string()))?;
            let lookup = info.resolve_password(&info.hosts()[0]);
            prop_assert_eq!(lookup.password.as_ref().map(Secret::expose), Some(password.as_bytes()));
            let output = format!("{} {info:?} {lookup:?}", info.display());
            prop_assert!(!output.contains(PASSWORD), "{}", output);
        }
    }

    #[test]
    fn variables_never_panic(name in prop::sample::select(vec!["PGHOST", "PGPORT", "PGUSER", "PGSSLMODE", "PGSERVICE",
        "PGHOSTADDR", "PGOPTIONS", "PGCONNECT_TIMEOUT"]), value in pieces()) {
        if let Err(error) = ConnInfo::parse("", &TestEnvironment::of(&[(name, &value)])) {
            prop_assert!(error.column().is_none(), "{}", error);
        }
    }
}
