//! What an installation uses of the program: `probe`, completions, manual pages, help.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::Command;

use pg_exporter_lab::free_port;

use crate::support::{Folder, on_server, program, run};

/// Exit code and what was said.
fn probe(url: &str, more: &[&str]) -> (i32, String) {
    let ended = run(&[&["probe", url], more].concat());
    (ended.status.code().unwrap(), ended.stdout + &ended.stderr)
}

#[test]
fn probe_tells_what_a_running_exporter_answers() {
    let exporter = on_server().start();
    let at = |path: &str| format!("http://127.0.0.1:{}{path}", exporter.port());
    for path in ["/liveness", "/primary", "/up", "/version", "/metrics"] {
        assert_eq!(probe(&at(path), &[]).0, 0, "{path}");
    }
    for (path, status) in [
        ("/replica", "404"),
        ("/no-such-path", "404"),
        ("/replica?lag=x", "400"),
    ] {
        let (code, said) = probe(&at(path), &[]);
        assert!(code == 1 && said.contains(status), "{path}: {said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}

#[test]
fn probe_fails_in_one_line_where_nobody_answers_or_somebody_else_does() {
    let free = free_port();
    let (code, said) = probe(&format!("http://127.0.0.1:{}/up", free.number), &[]);
    assert!(code == 1 && said.contains("cannot be asked"), "{said}");
    // Takes the connection, and is silent; speaks something else; ends in the middle of a head.
    for (answer, expected) in [
        (None, "did not answer within 300ms"),
        (Some("220 mail.example ESMTP\r\n\r\n"), "does not speak HTTP"),
        (Some("HTTP/1.1 200 OK\r\n"), "does not speak HTTP"),
        (Some("HTTP/1.1 503 Gone\r\n\r\nwhy\nmore"), "503 Gone: why"),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            // A connection that is closed before the request is read is reset, whatever was answered.
            let read = stream.read(&mut [0; 4096]).unwrap();
            assert!(read > 0);
            match answer {
                Some(text) => stream.write_all(text.as_bytes()).unwrap(),
                // As long as the client is there.
                None => drop(std::io::copy(&mut stream, &mut std::io::sink())),
            }
        });
        let limit = if answer.is_some() { "20s" } else { "300ms" };
        let (code, said) = probe(&format!("http://127.0.0.1:{port}/"), &["--timeout", limit]);
        assert!(code == 1 && said.contains(expected), "{said}");
        server.join().unwrap();
    }
    for wrong in [
        "https://localhost/",
        "localhost:9630",
        "http://user:s3cret@h/",
        "http://h:0/",
    ] {
        let (code, said) = probe(wrong, &[]);
        assert!(
            code == 1 && said.contains("http://HOST:PORT/PATH") && !said.contains("s3cret"),
            "{said}"
        );
    }
    assert_eq!(probe("http://h/", &["--timeout", "soon"]).0, 1);
}

/// A mistake in settings is the service's, and must not hide whether that lives.
#[test]
fn probe_completions_and_man_need_no_settings() {
    let broken = |words: &[&str]| {
        let builder = program()
            .args(words.iter().copied())
            .env("PG_EXPORTER_PARALLEL", "many");
        builder.env("PG_EXPORTER_URL", "postgres://a b").run()
    };
    assert!(broken(&["completions", "bash"]).status.success());
    assert!(broken(&["man"]).status.success());
    let ended = broken(&["probe", "http://127.0.0.1:1/"]);
    assert!(
        ended.stderr.contains("127.0.0.1:1 cannot be asked"),
        "{}",
        ended.stderr
    );
}

#[test]
fn completions_complete() {
    let folder = Folder::new();
    let script = folder.write("bash", &run(&["completions", "bash"]).stdout);
    let complete = |words: &str, last: usize| {
        let line = format!(
            ". '{script}'; COMP_WORDS=({words}); COMP_CWORD={last}; \
             _pg_exporter pg_exporter \"${{COMP_WORDS[{last}]}}\" \"${{COMP_WORDS[{last} - 1]}}\"; \
             printf '%s\\n' \"${{COMPREPLY[@]}}\""
        );
        let output = Command::new("bash").args(["-c", &line]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(complete("pg_exporter doc", 1).trim(), "doctor");
    assert_eq!(
        complete("pg_exporter --web.disable", 1).trim(),
        "--web.disable-reload"
    );
    assert!(complete("pg_exporter explain --format ''", 3).contains("json"));
    for shell in ["zsh", "fish", "elvish", "powershell"] {
        let script = run(&["completions", shell]).stdout;
        assert!(
            script.contains("doctor") && script.contains("scrape-timeout"),
            "{shell}"
        );
    }
    assert_eq!(run(&["completions", "cmd"]).status.code(), Some(1));
}

#[test]
fn manual_pages_say_what_help_says() {
    let page = run(&["man"]).stdout;
    assert!(page.contains(".TH pg_exporter 1"), "{page}");
    let folder = Folder::new();
    let directory = folder.path().to_str().unwrap();
    assert!(run(&["man", directory]).status.success());
    let help = run(&["--help"]).stdout;
    let commands = help
        .split_once("Commands:")
        .unwrap()
        .1
        .split_once("\n\n")
        .unwrap()
        .0;
    let mut number = 0;
    for name in commands.lines().filter_map(|line| {
        let name = line.strip_prefix("  ")?.split(' ').next()?;
        (!name.is_empty() && name != "help").then_some(name)
    }) {
        number += 1;
        let file = folder.path().join(format!("pg_exporter-{name}.1"));
        assert!(file.is_file(), "{}", file.display());
    }
    assert!(number >= 11, "{commands}");
    // A flag is written with escaped hyphens there.
    for word in help
        .split_whitespace()
        .filter(|word| word.starts_with("[env:") || word.starts_with("PG_EXPORTER_"))
    {
        let word = word.trim_matches(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        assert!(page.contains(word), "{word}");
    }
    let absent = run(&["man", &format!("{directory}/absent")]);
    assert!(
        absent.status.code() == Some(1) && absent.stderr.lines().count() == 1,
        "{}",
        absent.stderr
    );
}

#[test]
fn help_ends_with_examples_and_version_names_the_build() {
    for flag in ["-h", "--help"] {
        let help = run(&[flag]).stdout;
        let examples = help.split_once("\nExamples:\n").unwrap().1;
        let lines: Vec<_> = examples
            .lines()
            .filter_map(|line| line.trim().strip_prefix("pg_exporter "))
            .collect();
        assert!(lines.len() >= 5, "{examples}");
        // Each is a command line that the program takes.
        for line in lines.iter().filter(|line| line.starts_with("check")) {
            let path = line.split_whitespace().nth(1).unwrap();
            assert!(path.ends_with(".yml") || path == "collectors", "{line}");
        }
    }
    let version = run(&["--version"]).stdout;
    for line in ["version: ", "revision: ", "distribution: standard"] {
        assert!(version.contains(line), "{version}");
    }
}
