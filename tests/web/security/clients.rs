//! Certificates of clients: what each type asks for and what it lets in.

use pg_exporter_lab::authority::expired;
use pg_exporter_lab::{Authority, wait_until};

use super::certificates::{client, server};
use super::setup::{Site, TLS, write_pair};
use crate::support::SOON;

/// Clients: without a certificate, of the right authority, of another, of the right one once.
const CLIENTS: [&str; 4] = ["", "right", "wrong", "expired"];

fn lets_in(options: &str) -> Vec<&'static str> {
    let site = Site::start(&format!("{TLS}{options}"));
    let folder = &site.folder;
    write_pair(folder, "right", &site.authority.pair(&client("right")));
    write_pair(folder, "wrong", &Authority::new("other").pair(&client("wrong")));
    write_pair(
        folder,
        "expired",
        &site.authority.pair(&expired(client("expired"))),
    );
    let answered = |client: &&str, version: &str| {
        let (certificate, key) = (
            site.file(&format!("{client}.crt")),
            site.file(&format!("{client}.key")),
        );
        let shown = ["--cert", &certificate, "--key", &key];
        let mut arguments = vec!["--tls-max", version];
        if !client.is_empty() {
            arguments.extend(shown);
        }
        site.https("/version", &arguments).status == 200
    };
    CLIENTS
        .into_iter()
        .filter(|client| {
            let newer = answered(client, "1.3");
            assert_eq!(
                newer,
                answered(client, "1.2"),
                "{options}, {client}: the same in both versions"
            );
            newer
        })
        .collect()
}

#[test]
fn every_type_with_and_without_certificates() {
    let authority = "  client_ca_file: ca.crt\n";
    let table = [
        ("", CLIENTS.as_slice()),
        ("  client_auth_type: NoClientCert\n", &CLIENTS),
        ("  client_auth_type: RequestClientCert\n", &CLIENTS),
        (
            "  client_auth_type: RequireAnyClientCert\n",
            &["right", "wrong", "expired"],
        ),
        (
            "  client_auth_type: RequireClientCert\n",
            &["right", "wrong", "expired"],
        ),
        ("  client_auth_type: VerifyClientCertIfGiven\n", &["", "right"]),
        ("  client_auth_type: RequireAndVerifyClientCert\n", &["right"]),
    ];
    for (kind, expected) in table {
        let verifies = kind.contains("Verify");
        let options = format!("{kind}{}", if verifies { authority } else { "" });
        assert_eq!(lets_in(&options), expected, "{options}");
    }
}

#[test]
fn only_the_names_that_are_listed() {
    let verified = "  client_ca_file: ca.crt\n  client_auth_type: RequireAndVerifyClientCert\n";
    for name in [
        "right.example",
        "right@example",
        "spiffe://example/right",
        "192.0.2.1",
        "2001:db8::1",
    ] {
        let options = format!("{verified}  client_allowed_sans: [other, '{name}']\n");
        assert_eq!(lets_in(&options), ["right"], "{name}");
    }
    for name in ["right", "RIGHT.example", "*.example", "192.0.2.2"] {
        let options = format!("{verified}  client_allowed_sans: ['{name}']\n");
        assert_eq!(lets_in(&options), [""; 0], "{name}: names match exactly");
    }
    let unverified = "  client_auth_type: RequireAnyClientCert\n  client_allowed_sans: [wrong.example]\n";
    assert_eq!(lets_in(unverified), ["wrong"]);
}

#[test]
fn a_client_that_signed_for_itself_is_let_in_by_its_own_certificate() {
    let config =
        format!("{TLS}  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: clients.crt\n");
    let site = Site::start(&config);
    let client = Authority::alone("alone");
    write_pair(&site.folder, "alone", &client);
    let (certificate, key) = (site.file("alone.crt"), site.file("alone.key"));
    let is_let_in = || {
        site.https("/version", &["--cert", &certificate, "--key", &key])
            .status
            == 200
    };
    assert!(!is_let_in());
    site.folder.write("clients.crt", &client.certificate);
    wait_until("it is trusted", SOON, is_let_in);
}

#[test]
fn inline_certificates() {
    let authority = Authority::new("inline");
    let (server, client) = (
        authority.pair(&server("server")),
        authority.pair(&client("client")),
    );
    let indented = |pem: &str| {
        pem.lines()
            .map(|line| format!("    {line}\n"))
            .collect::<String>()
    };
    let site = Site::start(&format!(
        "tls_server_config:\n  client_auth_type: RequireAndVerifyClientCert\n  cert: |\n{}  key: |\n{}  client_ca: |\n{}",
        indented(&server.certificate),
        indented(&server.key),
        indented(&authority.certificate)
    ));
    let trusted = site.folder.write("inline.crt", &authority.certificate);
    write_pair(&site.folder, "client", &client);
    let url = format!("https://127.0.0.1:{}/version", site.exporter.port());
    let (certificate, key) = (site.file("client.crt"), site.file("client.key"));
    let shown = ["--cacert", &trusted, "--cert", &certificate, "--key", &key];
    assert_eq!(super::curl::curl(&url, &shown).status, 200);
    assert_ne!(super::curl::curl(&url, &shown[..2]).exit, 0);
}

/// What `openssl x509 -req` made until 2024: no extensions at all. The server shows one, clients show one.
#[test]
fn certificates_of_version_1_on_both_sides() {
    let site = Site::start(TLS);
    let openssl = |arguments: &str| {
        let mut command = std::process::Command::new("openssl");
        command.current_dir(site.folder.path());
        let output = command.args(arguments.split_whitespace()).output().unwrap();
        assert!(output.status.success(), "{arguments}: {output:?}");
    };
    for (authority, name) in [
        ("old", "old"),
        ("old", "shown"),
        ("old", "client"),
        ("other", "other"),
        ("other", "stranger"),
    ] {
        openssl(&format!(
            "req -new -nodes -newkey rsa:2048 -keyout {name}.key -out {name}.csr -subj /CN={name}"
        ));
        let by = if name == authority {
            format!("-signkey {name}.key")
        } else {
            format!("-CA {authority}.crt -CAkey {authority}.key -CAcreateserial")
        };
        openssl(&format!("x509 -req -in {name}.csr -days 9 {by} -out {name}.crt"));
    }
    let read = |name: &str| std::fs::read_to_string(site.file(name)).unwrap();
    let config = format!("{TLS}  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: old.crt\n")
        .replace("server.", "shown.");
    site.folder.write("web.yml", &config);
    site.folder.write("ca.crt", &read("old.crt"));
    let status = |client: &str, version: &str| {
        let (certificate, key) = (
            site.file(&format!("{client}.crt")),
            site.file(&format!("{client}.key")),
        );
        // The name is in none of its extensions, which curl wants: it is looked at by the chain alone.
        site.https(
            "/version",
            &[
                "--insecure",
                "--tls-max",
                version,
                "--cert",
                &certificate,
                "--key",
                &key,
            ],
        )
        .status
    };
    wait_until("the new configuration is in force", SOON, || {
        status("stranger", "1.3") != 200
    });
    for version in ["1.2", "1.3"] {
        assert_eq!(status("client", version), 200, "{version}");
        assert_ne!(status("stranger", version), 200, "{version}");
    }
}
