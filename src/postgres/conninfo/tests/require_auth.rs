//! `require_auth`: what it takes, and what it does with a server's requests.

use super::*;
use crate::postgres::conninfo::{AuthenticationGuard, RequireAuth};

fn rule(text: &str) -> Option<RequireAuth> {
    let info = parse(&format!("host=h user=u require_auth={text}")).ok()?;
    Some(info.require_auth())
}

#[test]
fn lists_are_read_as_by_libpq() {
    for text in [
        "bogus",
        "md5,",
        ",md5",
        "md5,md5",
        "!md5,!md5",
        "md5,!password",
        "!password,md5",
        "!",
        "SCRAM-SHA-256",
        "'md5, password'",
    ] {
        assert_eq!(rule(text), None, "{text}");
    }
    assert_eq!(rule("''"), rule("none"));
    assert_ne!(rule("none,password,md5,scram-sha-256,gss,sspi,oauth"), None);
    assert_eq!(rule("md5,none"), rule("none,md5"));
}

/// What a server sends, by codes; whether it comes through.
#[test]
fn exchanges_that_are_not_allowed_are_broken_off() {
    const TRUST: &[u32] = &[0];
    const PASSWORD: &[u32] = &[3, 0];
    const MD5: &[u32] = &[5, 0];
    const SCRAM: &[u32] = &[10, 11, 12, 0];
    const HALF_SCRAM: &[u32] = &[10, 11, 0];
    let all = [TRUST, PASSWORD, MD5, SCRAM, HALF_SCRAM];
    for (text, allowed) in [
        ("''", [true, false, false, false, false]),
        ("scram-sha-256", [false, false, false, true, false]),
        ("scram-sha-256,md5", [false, false, true, true, false]),
        ("password", [false, true, false, false, false]),
        ("none", [true, false, false, false, false]),
        ("none,scram-sha-256", [true, false, false, true, true]),
        ("!password", [true, false, true, true, true]),
        ("!password,!md5", [true, false, false, true, true]),
        ("!none", [false, true, true, true, false]),
        ("!scram-sha-256", [true, true, true, false, false]),
        ("gss", [false, false, false, false, false]),
        ("oauth", [false, false, false, false, false]),
    ] {
        let passes = all.map(|codes| {
            let mut guard = AuthenticationGuard::new(rule(text).unwrap());
            codes.iter().all(|code| guard.check(*code).is_ok())
        });
        assert_eq!(passes, allowed, "{text}");
    }
    let mut open = AuthenticationGuard::new(RequireAuth::default());
    assert!(all.concat().into_iter().all(|code| open.check(code).is_ok()));
    let mut unknown = AuthenticationGuard::new(rule("!md5").unwrap());
    assert!(
        unknown.check(2).is_err(),
        "Kerberos V5, which no server has any more"
    );
}
