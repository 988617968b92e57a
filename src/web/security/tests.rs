//! What is remembered of passwords, what waits, and what that costs.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking, and shows what it measured"
)]

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;

use super::credentials::Credentials;
use super::documents::Documents;
use super::in_force::Security;
use super::passwords::{Passwords, Verdict, outcome};
use super::refusal::Refusal;
use super::users;
use super::users::Users;
use crate::files::Files;
use crate::web::peer::Peer;
use pg_exporter_schema::{Source, web_options};

fn users(list: &[(&str, &str, u32)]) -> Arc<Users> {
    let mut text = "basic_auth_users:\n".to_owned();
    for (name, password, cost) in list {
        text += &format!("  {name}: {}\n", bcrypt::hash(password, *cost).unwrap());
    }
    let options = web_options(&Source::new("web.yml", text)).unwrap();
    users::read(
        &options.users,
        &mut Documents::new("web.yml".as_ref(), Files::default()),
    )
    .unwrap()
}

fn header(name: &str, password: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let value = format!("Basic {}", STANDARD.encode(format!("{name}:{password}")));
    headers.insert(AUTHORIZATION, value.parse().unwrap());
    headers
}

fn credentials(name: &str, password: &str) -> Credentials {
    Credentials::of(&header(name, password)).unwrap()
}

fn peer(number: u8) -> Peer {
    Peer::new(Some(IpAddr::from([192, 0, 2, number])))
}

async fn answer(verdict: Verdict) -> Result<(), Refusal> {
    match verdict {
        Verdict::Known(true) => Ok(()),
        Verdict::Known(false) => Err(Refusal::Unknown),
        Verdict::Later(receiver) => outcome(receiver).await,
        Verdict::Refused(refusal) => Err(refusal),
    }
}

#[tokio::test]
async fn a_password_is_compared_once() {
    let users = users(&[("me", "pw", 4)]);
    let passwords = Arc::new(Passwords::new().unwrap());
    let check = |name, password| passwords.check(&users, credentials(name, password), peer(1));
    assert!(answer(check("me", "pw")).await.is_ok());
    assert!(matches!(check("me", "pw"), Verdict::Known(true)));
    assert!(matches!(answer(check("me", "no")).await, Err(Refusal::Unknown)));
    assert!(matches!(check("me", "no"), Verdict::Known(false)));
    assert!(matches!(answer(check("you", "pw")).await, Err(Refusal::Unknown)));
    passwords.forget();
    assert!(matches!(check("me", "pw"), Verdict::Later(_)));
}

#[tokio::test]
async fn another_hash_is_another_password() {
    let passwords = Arc::new(Passwords::new().unwrap());
    let before = users(&[("me", "pw", 4)]);
    assert!(
        answer(passwords.check(&before, credentials("me", "pw"), peer(1)))
            .await
            .is_ok()
    );
    let after = users(&[("me", "other", 4)]);
    let verdict = passwords.check(&after, credentials("me", "pw"), peer(1));
    assert!(
        matches!(verdict, Verdict::Later(_)),
        "nothing is taken from before"
    );
    assert!(answer(verdict).await.is_err());
    assert!(
        answer(passwords.check(&after, credentials("me", "other"), peer(1)))
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn equal_questions_wait_together_and_others_within_limits() {
    let users = users(&[("me", "pw", 10)]);
    let passwords = Arc::new(Passwords::new().unwrap());
    let check = |password: &str, from| passwords.check(&users, credentials("me", password), from);
    let same: Vec<_> = (0..50).map(|_| check("pw", peer(1))).collect();
    assert!(same.iter().all(|verdict| matches!(verdict, Verdict::Later(_))));
    let second = check("1", peer(1));
    assert!(matches!(second, Verdict::Later(_)));
    assert!(
        matches!(check("2", peer(1)), Verdict::Refused(Refusal::TooMany(_))),
        "a client has a share"
    );
    let others: Vec<_> = (2..16).map(|n| check("3", peer(n))).collect();
    let distinct: Vec<_> = (2..16).map(|n| check(&format!("x{n}"), peer(n))).collect();
    assert!(others.iter().all(|verdict| matches!(verdict, Verdict::Later(_))));
    let refused = distinct
        .iter()
        .filter(|verdict| matches!(verdict, Verdict::Refused(Refusal::Busy)));
    assert!(refused.count() >= 1, "the queue has an end");
    for verdict in same {
        assert!(answer(verdict).await.is_ok());
    }
    assert!(answer(second).await.is_err());
}

#[tokio::test]
async fn a_flood_of_wrong_passwords_makes_no_right_one_forgotten() {
    let users = users(&[("me", "pw", 4)]);
    let passwords = Arc::new(Passwords::new().unwrap());
    let check = |password: &str| passwords.check(&users, credentials("me", password), peer(1));
    assert!(answer(check("pw")).await.is_ok());
    for n in 0..300 {
        assert!(answer(check(&n.to_string())).await.is_err());
    }
    assert!(matches!(check("pw"), Verdict::Known(true)));
    assert!(
        !matches!(check("0"), Verdict::Known(_)),
        "wrong ones are bounded too"
    );
}

#[tokio::test]
async fn who_has_left_is_not_served() {
    let users = users(&[("me", "pw", 10)]);
    let passwords = Arc::new(Passwords::new().unwrap());
    let first = passwords.check(&users, credentials("me", "1"), peer(1));
    // Both would take turns after the first; one is dropped before.
    drop(passwords.check(&users, credentials("me", "2"), peer(2)));
    let third = passwords.check(&users, credentials("me", "pw"), peer(3));
    assert!(answer(first).await.is_err());
    assert!(answer(third).await.is_ok());
    assert!(matches!(
        passwords.check(&users, credentials("me", "2"), peer(2)),
        Verdict::Later(_)
    ));
}

#[tokio::test]
async fn a_change_that_is_not_about_users_makes_no_password_forgotten() {
    let path = std::env::temp_dir().join(format!("pg_exporter-users-{}.yml", std::process::id()));
    let text = |password: &str| {
        format!(
            "basic_auth_users: {{ me: {} }}\n",
            bcrypt::hash(password, 4).unwrap()
        )
    };
    let before = text("pw");
    std::fs::write(&path, &before).unwrap();
    let security = Security::open(&path, &Files::default()).unwrap();
    let check = |password: &str| {
        let users = Arc::clone(security.policy.load().users.as_ref().unwrap());
        security
            .passwords
            .check(&users, credentials("me", password), peer(1))
    };
    assert!(answer(check("pw")).await.is_ok());
    assert!(security.look().is_none(), "nothing changed");
    std::fs::write(&path, format!("{before}http_server_config: {{ http2: false }}\n")).unwrap();
    assert!(matches!(security.look(), Some(Ok(_))));
    assert!(matches!(check("pw"), Verdict::Known(true)));
    std::fs::write(&path, text("other")).unwrap();
    assert!(matches!(security.look(), Some(Ok(_))));
    assert!(!matches!(check("pw"), Verdict::Known(true)));
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(security.look(), Some(Err(_))));
    assert!(security.look().is_none(), "it is told once");
    assert!(answer(check("other")).await.is_ok(), "what is in force stays");
}

#[test]
fn peers_of_one_network_of_ipv6_are_one() {
    let peer = |text: &str| Peer::new(Some(text.parse().unwrap()));
    assert_eq!(peer("2001:db8::1"), peer("2001:db8::ffff:2"));
    assert_ne!(peer("2001:db8::1"), peer("2001:db8:0:1::1"));
    assert_eq!(peer("::ffff:192.0.2.1"), peer("192.0.2.1"));
    assert_ne!(peer("192.0.2.1"), peer("192.0.2.2"));
}

/// Measures; that every name causes the same work is asserted in `users`.
#[tokio::test]
async fn what_passwords_cost() {
    let users = users(&[("cheap", "pw", 6), ("dear", "pw", 10)]);
    let mean = |name: &str, password: &[u8]| {
        let begun = Instant::now();
        (0..5).for_each(|_| assert!(!users.verify(name, password)));
        begun.elapsed() / 5
    };
    eprintln!(
        "wrong password: {:?} (cost 10), {:?} (cost 6 beside it); unknown user: {:?}",
        mean("dear", b"no"),
        mean("cheap", b"no"),
        mean("nobody", b"no")
    );
    let passwords = Arc::new(Passwords::new().unwrap());
    assert!(
        answer(passwords.check(&users, credentials("dear", "pw"), peer(1)))
            .await
            .is_ok()
    );
    let (headers, rounds) = (header("dear", "pw"), 10_000);
    let begun = Instant::now();
    for _ in 0..rounds {
        let credentials = Credentials::of(&headers).unwrap();
        assert!(matches!(
            passwords.check(&users, credentials, peer(1)),
            Verdict::Known(true)
        ));
    }
    let each = begun.elapsed() / rounds;
    eprintln!("right password, not for the first time: {each:?}");
    assert!(
        each < Duration::from_millis(10),
        "no comparison is made: {each:?}"
    );
}
