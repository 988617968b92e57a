//! Names that are markup, and what headers say besides.

use super::browser::Turn;
use super::scene::{HOSTILE, Scene};

#[test]
fn names_are_text_whatever_is_in_them() {
    let scene = Scene::new();
    let turn = Turn::with(&scene.exporter);
    for path in [
        "/",
        "/?filter=%3Cscript%3Ealert(3)%3C/script%3E%22%27",
        "/collector/pg_db",
        "/collector/pg_table",
        "/collector/%3Cscript%3Ealert(4)%3C%2Fscript%3E",
    ] {
        turn.open(path);
        assert!(turn.holds("document.scripts.length == 1"), "{path}");
        assert!(
            turn.holds("document.images.length == 0 && !document.querySelector('main b')"),
            "{path}"
        );
        assert!(
            turn.holds("!document.querySelector('[onerror], [onclick], [style]')"),
            "{path}"
        );
    }
    assert_eq!(turn.texts("h1 bdi"), ["<script>alert(4)</script>"]);
    turn.open("/");
    let names = turn.texts("tr[data-key^=\"d \"] th");
    for name in HOSTILE {
        // What turns the direction of writing is shown as its escape.
        let name = name.replace('\u{202e}', "\\u{202e}");
        assert!(names.contains(&name), "{name} in {names:?}");
    }
    // A name that turns the direction of writing turns nothing but itself.
    assert!(turn.holds("[...document.querySelectorAll('tr[data-key^=\"d \"] th')].every(one => one.firstElementChild.nodeName == 'BDI')"));
    turn.open("/?filter=%3Cscript%3Ealert(3)%3C/script%3E%22%27");
    assert_eq!(turn.text("return filter.value"), "<script>alert(3)</script>\"'");
    // Two pages were not found or not there, and the browser says so; else its console is empty.
    let console: Vec<_> = turn.console();
    assert!(console.iter().all(|line| line.contains("404")), "{console:#?}");
    turn.end();
}

#[test]
fn headers_keep_the_pages_to_themselves() {
    let scene = Scene::new();
    for (path, status) in [("/", 200), ("/collector/pg_db", 200), ("/collector/nothing", 404)] {
        let answer = scene.exporter.get(path);
        assert_eq!(answer.status, status, "{path}");
        let head = scene.exporter.request("HEAD", path, &[]);
        assert_eq!((head.status, head.body.len()), (status, 0), "{path}");
        for answer in [&answer, &head] {
            let header = |name| answer.header(name).unwrap_or_default();
            assert_eq!(header("content-type"), "text/html; charset=utf-8");
            assert_eq!(header("cache-control"), "no-store");
            assert_eq!(header("x-content-type-options"), "nosniff");
            assert_eq!(header("x-frame-options"), "DENY");
            let policy = header("content-security-policy");
            assert!(
                policy.starts_with("default-src 'none'; style-src 'sha256-"),
                "{policy}"
            );
            assert!(!policy.contains("unsafe"), "{policy}");
        }
        assert_eq!(scene.exporter.request("POST", path, &[]).status, 405, "{path}");
    }
    let unknown = scene.exporter.get("/collector/nothing").text();
    assert!(
        unknown.contains("href=\"../collector/pg_db\""),
        "the page names those that there are"
    );
}
