//! A request says the name of a target, and nothing else: whatever it says, no connection is opened but to what files name.

use std::net::TcpListener;
use std::thread;
use std::time::Duration;

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
    for path in [
        "/up",
        "/health",
        "/primary",
        "/leader",
        "/rw",
        "/replica",
        "/ro",
        "/read",
        "/explain",
        "/stat",
        "/collector/pg",
    ] {
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
