//! A request says the name of a target, and nothing else: whatever it says, no connection is opened but to what files name.

use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use pg_exporter_lab::HEALTH_PATHS;

use crate::support::{Fleet, server, target};

/// What requests could say to make the exporter connect elsewhere, tell a secret, or fall over.
fn odd_names(port: u16) -> Vec<String> {
    let mut names: Vec<String> = [
        format!("127.0.0.1:{port}"),
        format!("127.0.0.1%3A{port}"),
        format!("localhost:{port}"),
        format!("[::1]:{port}"),
        format!("postgresql://postgres@127.0.0.1:{port}/postgres"),
        format!("postgresql%3A%2F%2Fpostgres%40127.0.0.1%3A{port}%2Fpostgres"),
        format!("host=127.0.0.1%20port={port}"),
        format!("host%3D127.0.0.1+port%3D{port}"),
        format!("a&host=127.0.0.1&port={port}"),
        format!("a&url=postgresql://127.0.0.1:{port}/"),
        format!("a&auth_module=c&credentials=c&port={port}"),
    ]
    .into();
    let words = [
        "",
        "c",
        "secret",
        "credentials",
        "defaults",
        "A",
        "a%00",
        "%00",
        "a/",
        "/a",
        "../a",
        "..%2f..%2fetc%2fpasswd",
        "%2e%2e",
        "a;b",
        "a%0d%0aX-Y:%20z",
        "a%20",
        "%20a",
        "+a",
        "a,b",
        "*",
        "a*",
        "%25a",
        "%u0061",
        "%",
        "%zz",
        "a%",
        "\u{e9}",
        "%c3%a9",
        "%ff",
        "%f0%9f%90%98",
        "true",
        "null",
        "0",
        "-1",
        "__proto__",
        "a\u{2025}",
        "file:///etc/passwd",
        "service=x",
        "${HOME}",
        "%24%7Bjndi:ldap://x%7D",
        "'or'1'='1",
        "%27%3B--",
        "<script>",
        "%3Cscript%3E",
        "{host}",
        "%7Bhost%7D",
    ];
    names.extend(words.map(str::to_owned));
    // 300 in all, lengths up to what a request line may have.
    for number in names.len()..300 {
        let letter = char::from(b'b' + u8::try_from(number % 24).unwrap());
        names.push(letter.to_string().repeat(number * number % 5000 + 1) + &number.to_string());
    }
    names
}

#[test]
fn only_names_are_answered_and_nothing_else_is_connected_to() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let file = format!(
        "credentials: {{ c: {{ user: postgres, password: s3cret }} }}\n\
         targets:\n{}",
        target(
            "a",
            server().port(),
            ", credentials: c, sslmode: disable, connect_timeout: 5s"
        )
    );
    let fleet = Fleet::start(&file);
    fleet.wait_for("/up?target=a", 200);
    for path in [
        "/metrics",
        "/primary",
        "/up",
        "/explain",
        "/stat",
        "/collector/pg",
        "/",
        "/readiness",
    ] {
        for name in odd_names(port) {
            if name.is_empty() && path == "/" {
                continue;
            }
            let request =
                format!("GET {path}?target={name} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
            let answer = String::from_utf8_lossy(&fleet.exporter.raw(request.as_bytes())).into_owned();
            let is_own = name.starts_with("a&");
            let status = answer.split(' ').nth(1).unwrap_or_default().to_owned();
            let expected: &[&str] = if is_own {
                &["200", "404"]
            } else {
                &["404", "400", "414", "431"]
            };
            assert!(expected.contains(&&*status), "{path} {name}: {answer}");
            if status == "404" && !is_own {
                assert!(
                    answer.ends_with("\r\n\r\nthere is no target of that name\n"),
                    "{path} {name}: {answer}"
                );
            }
            assert!(!answer.contains("s3cret"), "{path} {name}");
        }
    }
    thread::sleep(Duration::from_millis(300));
    assert!(listener.accept().is_err(), "something was connected to");
    assert_eq!(fleet.get("/up?target=a").status, 200, "and all goes on");
}

#[test]
fn without_a_name_no_target_stands_for_the_others() {
    let fleet = Fleet::start(&target("a", server().port(), ""));
    fleet.wait_for("/primary?target=a", 200);
    let told = "this exporter has many targets: say which by ?target=NAME; /sd lists them\n";
    let of_servers = HEALTH_PATHS.iter().map(|(path, _)| *path);
    let of_servers = of_servers.filter(|path| !["/readiness", "/liveness"].contains(path));
    for path in of_servers.chain(["/explain", "/stat", "/collector/pg"]) {
        let answer = fleet.get(path);
        assert_eq!((answer.status, answer.text().as_str()), (404, told), "{path}");
    }
    for path in ["/readiness", "/liveness", "/metrics", "/", "/sd", "/version"] {
        assert_eq!(fleet.get(path).status, 200, "{path}");
    }
    let twice = fleet.get("/primary?target=a&target=b");
    assert_eq!(
        (twice.status, twice.text().as_str()),
        (400, "`target` is given more than once; leave one\n")
    );
}

/// Everything that is near a name, and is not it.
fn near(name: &str) -> Vec<String> {
    let bytes = (0..=u8::MAX).flat_map(|byte| [format!("{name}%{byte:02x}"), format!("%{byte:02X}{name}")]);
    let letters = [
        // Letters that look like it: Cyrillic, full width, mathematical, Greek, with marks.
        "\u{430}",
        "\u{ff41}",
        "\u{1d41a}",
        "\u{3b1}",
        "\u{e1}",
        "a\u{301}",
        "\u{249c}",
        "\u{aa}",
        "\u{24d0}",
        // And what nobody sees.
        "a\u{200b}",
        "\u{200d}a",
        "\u{feff}a",
        "a\u{ad}",
        "\u{202e}a",
        "a\u{2060}",
        "a\u{a0}",
        "\u{2028}a",
        "a\u{fe0f}",
    ];
    let encoded = |text: &str| {
        text.bytes()
            .map(|byte| format!("%{byte:02X}"))
            .collect::<String>()
    };
    let mut names: Vec<String> = bytes.collect();
    names.extend(
        letters
            .iter()
            .flat_map(|letter| [(*letter).to_owned(), encoded(letter)]),
    );
    // Encoded twice, too long for what it encodes, half of it, and very long.
    names.extend(
        [
            "%2561",
            "%25%36%31",
            "%c1%a1",
            "%e0%81%a1",
            "%6",
            "%6g",
            "%u0061",
            "\\x61",
            "&#97;",
            "%61%",
        ]
        .map(str::to_owned),
    );
    names.extend([127, 128, 129, 1_000, 4_000].map(|length| "a".repeat(length)));
    names.extend([10, 1_000].map(|length| "%00".repeat(length) + name));
    names
}

#[test]
fn what_is_near_a_name_is_not_that_name() {
    let fleet = Fleet::start(&(target("a", server().port(), "") + &target("b", server().port(), "")));
    fleet.wait_for("/up?target=a", 200);
    let ask = |path: &str| {
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        String::from_utf8_lossy(&fleet.exporter.raw(request.as_bytes())).into_owned()
    };
    for path in ["/metrics", "/primary", "/collector/pg"] {
        for name in near("a") {
            let answer = ask(&format!("{path}?target={name}"));
            let status = answer.split(' ').nth(1).unwrap_or_default().to_owned();
            assert!(
                ["404", "400", "414", "431"].contains(&&*status),
                "{path} {name}: {answer}"
            );
            if status == "404" {
                assert!(
                    answer.ends_with("\r\n\r\nthere is no target of that name\n"),
                    "{path} {name}: {answer}"
                );
            }
        }
    }
    assert!(
        ask("/up?target=%61").starts_with("HTTP/1.1 200 "),
        "the same name in another spelling"
    );
    // Asked for twice, in whatever way: nobody guesses which is meant.
    for query in [
        "target=a&target=a",
        "target=a&target=b",
        "target=a&target=",
        "target=&target=a",
        "target=a&%74arget=b",
        "target&target=a",
        "target=a&lag=1s&target=b",
    ] {
        let answer = ask(&format!("/up?{query}"));
        assert!(answer.starts_with("HTTP/1.1 400 "), "{query}: {answer}");
        assert!(
            answer.ends_with("`target` is given more than once; leave one\n"),
            "{query}: {answer}"
        );
    }
}

#[test]
fn a_name_counts_in_the_query_alone() {
    let fleet = Fleet::start(&target("a", server().port(), ""));
    fleet.wait_for("/up?target=a", 200);
    let told = "this exporter has many targets: say which by ?target=NAME; /sd lists them\n";
    let ask = |request: String| String::from_utf8_lossy(&fleet.exporter.raw(request.as_bytes())).into_owned();
    let form = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 8\r\nConnection: close\r\n\r\ntarget=a";
    for (what, request) in [
        ("a body", format!("GET /up HTTP/1.1\r\nHost: x\r\n{form}")),
        (
            "a field",
            "GET /up HTTP/1.1\r\nHost: x\r\nTarget: a\r\nX-Target: a\r\nConnection: close\r\n\r\n".to_owned(),
        ),
        (
            "a cookie",
            "GET /up HTTP/1.1\r\nHost: x\r\nCookie: target=a\r\nConnection: close\r\n\r\n".to_owned(),
        ),
        (
            "the host",
            "GET /up HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".to_owned(),
        ),
        (
            "a key in capitals",
            "GET /up?TARGET=a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".to_owned(),
        ),
        (
            "a list",
            "GET /up?target[]=a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".to_owned(),
        ),
        (
            "a key with a zero",
            "GET /up?target%00=a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".to_owned(),
        ),
        (
            "a key with a space",
            "GET /up?+target=a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".to_owned(),
        ),
        (
            "an old separator",
            "GET /up?x=1;target=a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".to_owned(),
        ),
    ] {
        let answer = ask(request);
        assert!(
            answer.starts_with("HTTP/1.1 404 ") && answer.ends_with(told),
            "{what}: {answer}"
        );
    }
    for (what, request) in [
        ("a form", format!("POST /up HTTP/1.1\r\nHost: x\r\n{form}")),
        (
            "a form for a page",
            format!("POST /metrics HTTP/1.1\r\nHost: x\r\n{form}"),
        ),
    ] {
        let answer = ask(request);
        assert!(answer.starts_with("HTTP/1.1 405 "), "{what}: {answer}");
    }
    let path = ask("GET /up;target=a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".to_owned());
    assert!(path.starts_with("HTTP/1.1 404 "), "{path}");
}
