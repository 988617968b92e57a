//! What answers is no PostgreSQL, or a broken one.

use std::time::Duration;

use pg_exporter_lab::wait_until;

use crate::fake::{Fake, Then, message, ready};
use crate::support::{
    SOON, State, assert_down, assert_nothing_of_the_target, assert_recovers, backends, builder, cluster,
    page_within, wait_for_state,
};
use crate::views::assert_quiet;

/// What the exporter's memory may reach, whatever a server sends.
const MEMORY: u64 = 120 << 20;

/// The target is down, the exporter is well: it answers in time, does not grow, says why, and ends when told to.
#[track_caller]
fn assert_endured(what: &str, fake: &Fake) {
    let exporter = builder(&fake.url()).start();
    for _ in 0..3 {
        let (page, took) = page_within(&exporter, 3.0);
        assert_nothing_of_the_target(&page);
        assert!(took < Duration::from_millis(2800), "{what}: {took:?}");
    }
    wait_for_state(&exporter, State::Down, SOON);
    wait_until(&format!("{what}: a reason is shown"), SOON, || {
        exporter.get("/").text().contains("<p class=\"notice bad\">")
    });
    let peak = exporter.peak_rss();
    assert!(peak < MEMORY, "{what}: {} MiB", peak >> 20);
    let said = exporter.final_log();
    assert!(!said.contains("panicked"), "{what}: {said}");
}

#[test]
fn garbage_in_place_of_a_greeting() {
    let answers: [(&str, &[u8]); 6] = [
        ("another protocol", b"SSH-2.0-OpenSSH_9.2p1\r\n"),
        (
            "a web server",
            b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n",
        ),
        ("zeros", &[0; 64]),
        ("ones", &[0xff; 64]),
        ("text", b"the quick brown fox jumps over the lazy dog"),
        ("nothing", b""),
    ];
    for (what, bytes) in answers {
        assert_endured(what, &Fake::saying(bytes, Then::Close));
        assert_endured(what, &Fake::saying(bytes, Then::Silence));
    }
}

#[test]
fn messages_truncated_oversized_and_of_no_known_type() {
    let whole = message(b'E', b"SFATAL\0C53300\0Msorry\0\0");
    let answers = [
        ("a truncated message", whole[..whole.len() / 2].to_vec()),
        (
            "a length of two gigabytes",
            [&b"R"[..], &[0x7f, 0xff, 0xff, 0xff], &[0; 64]].concat(),
        ),
        (
            "a negative length",
            [&b"R"[..], &[0xff, 0xff, 0xff, 0xff], &[0; 64]].concat(),
        ),
        (
            "a length shorter than itself",
            [&b"R"[..], &[0, 0, 0, 3], &[0; 64]].concat(),
        ),
        ("an unknown type", message(b'~', b"what")),
        ("an unknown way to authenticate", message(b'R', &[0, 0, 0, 99])),
        ("an error without fields", message(b'E', b"\0")),
        (
            "an error that is not text",
            message(b'E', b"SFATAL\0C\xff\xfe\0M\xff\xff\0\0"),
        ),
    ];
    for (what, bytes) in answers {
        assert_endured(what, &Fake::saying(&bytes, Then::Close));
        assert_endured(what, &Fake::saying(&bytes, Then::Silence));
    }
}

#[test]
fn nonsense_after_a_proper_greeting() {
    let row = |columns: u16| {
        message(
            b'D',
            &[&columns.to_be_bytes()[..], &[0xff; 4].repeat(columns.into())].concat(),
        )
    };
    let done = message(b'C', b"SELECT 1\0");
    // A column of the type text, in the text format.
    let column = b"a\0\0\0\0\0\0\0\0\0\0\x19\xff\xff\xff\xff\xff\xff\0\0";
    let columns = |count: u16| {
        let all = column.repeat(count.into());
        message(b'T', &[&count.to_be_bytes()[..], &all].concat())
    };
    let answers = [
        (
            "more values than columns",
            [columns(1), row(400), done.clone(), ready()].concat(),
        ),
        (
            "fewer values than columns",
            [columns(400), row(1), done.clone(), ready()].concat(),
        ),
        (
            "other columns than were asked for",
            [columns(3), row(3), done.clone(), ready()].concat(),
        ),
        ("nothing but readiness", ready()),
        (
            "a row that nobody asked for",
            [row(1), done.clone(), ready()].concat(),
        ),
        (
            "a row of 400 columns",
            [message(b'2', b""), row(400), done.clone(), ready()].concat(),
        ),
        (
            "a row shorter than it says",
            [message(b'D', &[0, 9]), done, ready()].concat(),
        ),
        (
            "columns of no length",
            [message(b'T', &[0, 4, 1]), ready()].concat(),
        ),
        (
            "an error for everything",
            [message(b'E', b"SERROR\0CXX000\0Mno\0\0"), ready()].concat(),
        ),
        ("the end of a copy", [message(b'c', b""), ready()].concat()),
        ("garbage", vec![0x41; 500]),
        (
            "a huge length",
            [&b"D"[..], &[0x7f, 0xff, 0xff, 0xff], &[0; 64]].concat(),
        ),
    ];
    for (what, bytes) in answers {
        assert_endured(what, &Fake::answering(&bytes));
    }
}

#[test]
fn a_flood_of_notices() {
    assert_endured(
        "notices",
        &Fake::flooding(&message(b'N', b"SNOTICE\0C00000\0Mlook here\0\0")),
    );
    assert_endured(
        "parameters",
        &Fake::flooding(&message(b'S', b"application_name\0x\0")),
    );
}

/// A server that was told the password says it in an error: to the log, on pages, in a command's output.
#[test]
fn a_password_that_the_server_says_again_is_masked() {
    let fake = Fake::talkative();
    let url = fake.plain_url().replace("postgres@", "postgres:Gwendolyn7@");
    let exporter = builder(&url).start();
    wait_for_state(&exporter, State::Down, SOON);
    page_within(&exporter, 3.0);
    let refused = "the server repeats the password: what it says is not shown (SQLSTATE 28P01)";
    wait_until("the refusal is shown", SOON, || {
        exporter.get("/").text().contains(refused) && exporter.stderr().contains(refused)
    });
    let doctor = builder(&url).arg("doctor").run();
    assert!(
        doctor.stderr.contains(refused) || doctor.stdout.contains(refused),
        "{doctor:?}"
    );
    let all = [
        exporter.get("/").text(),
        exporter.get("/stat").text(),
        exporter.get("/explain").text(),
        exporter.final_log(),
        doctor.stdout,
        doctor.stderr,
    ];
    assert!(!all.concat().contains("Gwendolyn7"));
}

/// What was broken is forgotten: the same port, and all is well. For one of each kind, all of them at once.
#[test]
fn a_real_server_takes_the_port_of_a_broken_one() {
    let cluster = cluster();
    let oversized = [&b"R"[..], &[0x7f, 0xff, 0xff, 0xff], &[0; 64]].concat();
    let truncated = &message(b'E', b"SFATAL\0C53300\0Msorry\0\0")[..12];
    let columns = [message(b'T', &[0, 4, 1]), ready()].concat();
    let fakes = [
        Fake::saying(&[0xff; 64], Then::Close),
        Fake::saying(&oversized, Then::Silence),
        Fake::saying(truncated, Then::Silence),
        Fake::answering(&columns),
    ];
    let exporters: Vec<_> = fakes.iter().map(|fake| builder(&fake.url()).start()).collect();
    for exporter in &exporters {
        assert_down(exporter, SOON);
    }
    assert_eq!(backends(&cluster), 0);
    for fake in &fakes {
        fake.give_way_to(&cluster);
    }
    for exporter in &exporters {
        let page = assert_recovers(exporter, State::Primary);
        assert!(page.all("pg_relkind_count").count() > 0, "a whole page");
    }
    // A scrape's and the probe's of each: nothing is left of the tries.
    assert_eq!(assert_quiet(&cluster), 8);
}

/// It was left alone for a while, and is tried again.
#[test]
fn a_real_server_takes_the_port_of_one_that_floods() {
    let cluster = cluster();
    let fake = Fake::flooding(&message(b'N', b"SNOTICE\0C00000\0Mlook here\0\0"));
    let exporter = builder(&fake.url()).start();
    wait_until("it is left alone", SOON, || {
        exporter
            .get("/")
            .text()
            .contains("the server sends without end, and is left alone")
    });
    fake.give_way_to(&cluster);
    assert_recovers(&exporter, State::Primary);
    assert_eq!(assert_quiet(&cluster), 2);
}
