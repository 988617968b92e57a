//! Files that change while the exporter runs.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pg_exporter_lab::authority::expired;
use pg_exporter_lab::{Authority, wait_until};

use super::certificates::{client, server};
use super::setup::{Folder, Site, TLS, user, write_pair};
use crate::support::SOON;

/// The common name of the certificate that is shown.
fn shown(site: &Site) -> String {
    let answer = site.https("/liveness", &["--verbose"]);
    let subject = answer.said.split("subject: CN=").nth(1).unwrap_or_default();
    subject.lines().next().unwrap_or_default().trim().to_owned()
}

/// A gauge of the exporter's page, as it is written.
fn gauge(site: &Site, name: &str) -> Option<String> {
    let page = site.https("/metrics", &[]).text;
    let value = page
        .lines()
        .find_map(|line| line.strip_prefix(&format!("{name} ")))?;
    Some(value.to_owned())
}

const GOOD: &str = "pg_exporter_web_config_last_reload_successful";

#[test]
fn certificates_are_renewed_without_a_restart() {
    let site = Site::start(TLS);
    assert_eq!(shown(&site), "first");
    assert_eq!(gauge(&site, GOOD).as_deref(), Some("1"));
    let end = gauge(&site, "pg_exporter_web_certificate_not_after_timestamp_seconds");
    assert!(end.unwrap().parse::<f64>().unwrap() > 1.7e9);

    write_pair(&site.folder, "server", &site.authority.pair(&server("second")));
    wait_until("the new certificate is shown", SOON, || shown(&site) == "second");
    assert_eq!(gauge(&site, GOOD).as_deref(), Some("1"));
}

#[test]
fn what_cannot_be_used_leaves_what_is_in_force() {
    let site = Site::start(&format!(
        "{TLS}  client_auth_type: VerifyClientCertIfGiven\n  client_ca_file: clients.crt\n"
    ));
    let bad = [
        (
            "server.crt",
            "no certificate",
            "server.crt holds no usable certificate",
        ),
        ("server.key", "no key", "server.key holds no usable private key"),
        (
            "server.key",
            &Authority::new("x").pair(&server("x")).key,
            "certificate and key cannot be used",
        ),
        ("clients.crt", "", "clients.crt holds no usable certificate"),
        ("web.yml", "tls_server_config: [", "web.yml:1:20: not YAML"),
        ("web.yml", "", "TLS stays on; restart the exporter to turn it off"),
        (
            "web.yml",
            "basic_auth_users: { a: b }",
            "web.yml:1:24: the password of user `a` is no bcrypt hash",
        ),
    ];
    for (name, content, said) in bad {
        let good = fs::read_to_string(site.file(name)).unwrap();
        site.folder.write(name, content);
        wait_until(said, SOON, || site.exporter.stderr().contains(said));
        assert_eq!(shown(&site), "first", "{said}");
        assert_eq!(gauge(&site, GOOD).as_deref(), Some("0"), "{said}");
        std::thread::sleep(Duration::from_millis(2500));
        assert_eq!(
            site.exporter.stderr().matches(said).count(),
            1,
            "said once: {said}"
        );
        site.folder.write(name, &good);
        wait_until("it is well again", SOON, || {
            gauge(&site, GOOD).as_deref() == Some("1")
        });
    }
    fs::remove_file(site.file("server.key")).unwrap();
    wait_until("the loss is told", SOON, || {
        site.exporter.logs("server.key cannot be read")
    });
    assert_eq!(shown(&site), "first");
}

#[test]
fn a_certificate_that_has_ended_is_told_of() {
    let site = Site::start(TLS);
    write_pair(
        &site.folder,
        "server",
        &site.authority.pair(&expired(server("late"))),
    );
    wait_until("it is told", SOON, || {
        site.exporter
            .stderr()
            .contains("certificate of the web server has ended")
    });
    assert_ne!(site.https("/up", &[]).exit, 0);
    assert_eq!(site.https("/liveness", &["--insecure"]).status, 200);
}

/// As Kubernetes mounts them: names are links into a folder that is itself a link, and only that one changes.
#[test]
fn a_folder_behind_a_link_is_swapped() {
    let mounted = Folder::new();
    let authority = Authority::new("ca");
    let root = mounted.path();
    for name in ["one", "two"] {
        let folder = root.join(name);
        fs::create_dir(&folder).unwrap();
        let pair = authority.pair(&server(name));
        fs::write(folder.join("server.crt"), &pair.certificate).unwrap();
        fs::write(folder.join("server.key"), &pair.key).unwrap();
    }
    let point_to = |name: &str| {
        std::os::unix::fs::symlink(name, root.join("new")).unwrap();
        fs::rename(root.join("new"), root.join("data")).unwrap();
    };
    point_to("one");
    let config = format!(
        "tls_server_config:\n  cert_file: {0}/data/server.crt\n  key_file: {0}/data/server.key\n",
        root.display()
    );
    let site = Site::start(&config);
    site.folder.write("ca.crt", &authority.certificate);
    assert_eq!(shown(&site), "one");
    point_to("two");
    wait_until("the new certificate is shown", SOON, || shown(&site) == "two");
}

#[test]
fn a_client_authority_is_replaced() {
    let config =
        format!("{TLS}  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: clients.crt\n");
    let folder = Folder::new();
    let (old, new) = (Authority::new("old"), Authority::new("new"));
    folder.write("clients.crt", &old.certificate);
    let clients = folder.path().join("clients.crt");
    let site = Site::start(&config.replace("clients.crt", clients.to_str().unwrap()));
    write_pair(&site.folder, "old", &old.pair(&client("old")));
    write_pair(&site.folder, "new", &new.pair(&client("new")));
    let is_let_in = |name: &str| {
        let (certificate, key) = (
            site.file(&format!("{name}.crt")),
            site.file(&format!("{name}.key")),
        );
        site.https("/version", &["--cert", &certificate, "--key", &key])
            .status
            == 200
    };
    assert!(is_let_in("old") && !is_let_in("new"));
    folder.write("clients.crt", &new.certificate);
    wait_until("the new clients are let in", SOON, || is_let_in("new"));
    assert!(!is_let_in("old"));
}

/// One connection that is kept.
struct Kept(TcpStream);

impl Kept {
    fn status(&mut self, login: &str) -> u16 {
        let login = STANDARD.encode(login);
        write!(
            self.0,
            "GET /version HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {login}\r\n\r\n"
        )
        .unwrap();
        let mut answer = Vec::new();
        let mut piece = [0; 4096];
        loop {
            let read = self.0.read(&mut piece).unwrap();
            assert!(read > 0, "the connection is kept");
            answer.extend_from_slice(&piece[..read]);
            let text = String::from_utf8_lossy(&answer);
            let Some((head, body)) = text.split_once("\r\n\r\n") else {
                continue;
            };
            let length = head
                .to_lowercase()
                .split("content-length: ")
                .nth(1)
                .unwrap()
                .to_owned();
            if body.len() >= length.lines().next().unwrap().parse().unwrap() {
                return head.split(' ').nth(1).unwrap().parse().unwrap();
            }
        }
    }
}

#[test]
fn a_kept_connection_obeys_new_users() {
    let site = Site::start(&format!(
        "basic_auth_users:\n{}{}",
        user("me", "pw"),
        user("you", "pw")
    ));
    let mut kept = Kept(TcpStream::connect(("127.0.0.1", site.exporter.port())).unwrap());
    assert_eq!((kept.status("me:pw"), kept.status("you:pw")), (200, 200));
    site.folder
        .write("web.yml", &format!("basic_auth_users:\n{}", user("me", "new")));
    wait_until("the old password is refused", SOON, || {
        kept.status("me:pw") == 401
    });
    assert_eq!(kept.status("you:pw"), 401);
    assert_eq!(kept.status("me:new"), 200);

    site.folder.write("web.yml", "basic_auth_users:\n");
    wait_until("it is told", SOON, || {
        site.exporter.logs("`basic_auth_users` is gone")
    });
    assert_eq!(kept.status("me:new"), 200);
    assert_eq!(kept.status("me:pw"), 401, "an empty file lets nobody in");
}
