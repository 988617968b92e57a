//! curl, as people type it.

use crate::support::{Folder, SOON, curl, on_server};

#[test]
fn what_people_type() {
    let exporter = on_server().start();
    exporter.wait_for_status("/primary", 200, SOON);
    let folder = Folder::new();
    let large = folder.at("large");
    std::fs::write(&large, vec![b'x'; 5_000_000]).unwrap();
    let small = folder.at("small");
    std::fs::write(&small, "x=y").unwrap();
    let at = |path: &str| format!("http://127.0.0.1:{}{path}", exporter.port());
    let ask = |arguments: &[&str], path: &str| curl(&[arguments, &[&at(path)]].concat());

    assert_eq!(ask(&[], "/primary"), (200, "primary".into()));
    assert_eq!(ask(&["-0"], "/primary"), (200, "primary".into()));
    assert_eq!(ask(&["-I"], "/primary").0, 200);
    assert_eq!(ask(&["-f"], "/replica").0, 404);
    let (status, page) = ask(&["--compressed"], "/metrics");
    assert!(status == 200 && page.contains("\npg_up 1\n"), "{status}");
    assert_eq!(
        ask(&["-g"], "/metrics?collect[]=pg_db").0,
        200,
        "brackets as they are"
    );
    assert_eq!(ask(&["--path-as-is"], "/x/../metrics").0, 404);
    assert_eq!(
        ask(&[], "/x/../metrics").0,
        200,
        "curl folds it, not the exporter"
    );
    // An upgrade is offered and not taken.
    assert_eq!(ask(&["--http2"], "/primary"), (200, "primary".into()));

    assert_eq!(ask(&["-X", "POST"], "/reload").0, 200);
    let file = |path: &std::path::Path| format!("@{}", path.display());
    assert_eq!(ask(&["--data-binary", &file(&small)], "/reload").0, 200);
    // curl says `Expect: 100-continue` here, and with a long body of unknown length just begins.
    let (status, body) = ask(&["--data-binary", &file(&large)], "/reload");
    assert!(status == 413 && body.contains("64 KiB"), "{status}: {body}");
    for _ in 0..10 {
        let unknown = [
            "-T",
            "-",
            "-X",
            "POST",
            "-H",
            "Expect:",
            "-H",
            "Transfer-Encoding: chunked",
        ];
        let (status, _) = piped(&unknown, &at("/reload"), &large);
        assert_eq!(status, 413);
    }
    // Two requests on one connection.
    let (status, body) = curl(&[&at("/primary"), &at("/read")]);
    assert_eq!((status, &*body), (200, "primary\n200primary"));
}

/// As [`curl`], with a file as its standard input.
fn piped(arguments: &[&str], url: &str, input: &std::path::Path) -> (u16, String) {
    let script = r#"file=$1; shift; exec curl -s --max-time 20 -w '\n%{http_code}' "$@" <"$file""#;
    let output = std::process::Command::new("bash")
        .args(["-c", script, "piped", input.to_str().unwrap()])
        .args(arguments)
        .arg(url)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let (body, status) = text.rsplit_once('\n').unwrap();
    (status.parse().unwrap(), body.to_owned())
}
