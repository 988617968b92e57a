//! Malformed and odd connection strings: the message is clear and says where, and the password is nowhere.

mod cases;

use self::cases::{CASES, ODD};
use super::{ConnInfo, TestEnvironment, parse, parse_ok};

/// The password of all texts is `Hunter2`, or `Hun`, something and `ter2`.
const FRAGMENTS: [&str; 2] = ["hun", "ter2"];

fn assert_no_password(output: &str, text: &str) {
    let output = output.to_lowercase();
    for fragment in FRAGMENTS {
        assert!(
            !output.contains(fragment),
            "{fragment:?} of {text:?} is in {output:?}"
        );
    }
}

#[test]
fn the_message_says_what_and_where_without_the_password() {
    let mut count = 0;
    for (message, texts) in CASES {
        for (byte, text) in *texts {
            let error = parse(text).expect_err(text);
            assert_eq!(
                error.to_string(),
                format!("connection string, byte {byte}: {message}"),
                "{text:?}"
            );
            assert_eq!(error.column(), Some(*byte));
            assert_no_password(&format!("{error} {error:?} {error:#?}"), text);
            let has_password = FRAGMENTS
                .iter()
                .any(|fragment| text.to_lowercase().contains(fragment));
            assert!(has_password, "no password to find in {text:?}");
            count += 1;
        }
    }
    assert!(count >= 60, "{count} texts");
}

#[test]
fn what_is_accepted_is_printed_without_the_password() {
    for (text, printed) in ODD {
        let info = parse_ok(text);
        assert_eq!(info.display(), *printed);
        assert_no_password(
            &format!("{} {info:?} {:?} {:?}", info.display(), info.tls(), info.hosts()),
            text,
        );
        let lookup = info.resolve_password(&info.hosts()[0]);
        assert_no_password(
            &format!(
                "{lookup:?} {:?}",
                lookup.password.as_ref().map(ToString::to_string)
            ),
            text,
        );
    }
}

#[test]
fn a_mistake_in_a_variable_names_the_variable() {
    let cases = [
        (
            "PGPORT",
            "Hunter2",
            "environment variable PGPORT: the value of `port` is not valid; expected ports from 1 to \
             65535, separated by commas",
        ),
        (
            "PGSSLMODE",
            "Hunter2",
            "environment variable PGSSLMODE: the value of `sslmode` is not valid; expected disable, \
             allow, prefer, require, verify-ca or verify-full",
        ),
        (
            "PGREQUIREAUTH",
            "Hunter2",
            "environment variable PGREQUIREAUTH: the value of `require_auth` is not valid; expected methods \
             separated by commas, each once, all or none with a ! before it: password, md5, scram-sha-256, none",
        ),
        (
            "PGSERVICE",
            "Hunter2",
            "environment variable PGSERVICE: no service file defines the service; looked for its \
             [section] in 0 file(s)",
        ),
    ];
    for (name, value, message) in cases {
        let error = ConnInfo::parse("", &TestEnvironment::of(&[(name, value)])).unwrap_err();
        assert_eq!(error.to_string(), message);
        assert_eq!(error.column(), None);
        assert_no_password(&format!("{error:?}"), value);
    }
}
