//! Files of certificates and keys that are missing or unfit.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use pg_exporter_lab::Authority;
use pg_exporter_lab::authority::{Pair, named};

use super::{Folder, connector, parse};

/// The message of the error, without the folder.
fn message(folder: &Folder, parameters: &str) -> String {
    let info = parse(&format!("host=h sslmode=require {parameters}"));
    let error = connector(info.tls(), &info.hosts()[0], info.files())
        .err()
        .unwrap_or_else(|| panic!("{parameters} is accepted"));
    error
        .to_string()
        .replace(&format!("{}/", folder.path().display()), "")
}

fn client() -> (Folder, Pair) {
    let pair = Authority::new("ca").pair(&named("client", &[]));
    let folder = Folder::new();
    folder.write_private("client.crt", &pair.certificate);
    (folder, pair)
}

#[test]
fn root_certificates() {
    let (folder, pair) = client();
    let empty = folder.write_private("empty.crt", "");
    let broken = folder.write_private(
        "broken.crt",
        "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n",
    );
    let key = folder.write_private("key.crt", &pair.key);
    for path in [empty, broken, key] {
        let found = message(&folder, &format!("sslrootcert={path}"));
        assert!(
            found.ends_with("holds no usable certificate; expected PEM (-----BEGIN CERTIFICATE-----)"),
            "{found}"
        );
    }
    let found = message(&folder, &format!("sslrootcert={}", folder.path().display()));
    assert!(found.contains("cannot be read"), "{found}");
}

#[test]
fn keys() {
    let (folder, pair) = client();
    let cert = format!("{}/client.crt", folder.path().display());
    let outdated = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n\
                    -----END RSA PRIVATE KEY-----\n";
    let cases = [
        (
            "outdated.key",
            outdated,
            "the key outdated.key is encrypted in an outdated way",
        ),
        (
            "certificate.key",
            pair.certificate.as_str(),
            "certificate.key holds no usable private key",
        ),
        ("empty.key", "", "empty.key holds no usable private key"),
    ];
    for (name, content, start) in cases {
        let key = folder.write_private(name, content);
        let found = message(&folder, &format!("sslcert={cert} sslkey={key}"));
        assert!(found.starts_with(start), "{found}");
    }
    let found = message(
        &folder,
        &format!("sslcert={cert} sslkey={}/no.key", folder.path().display()),
    );
    assert_eq!(
        found,
        "the key no.key of the client certificate does not exist; give sslkey"
    );
}

#[test]
fn a_key_that_others_can_use_is_refused() {
    let (folder, pair) = client();
    let key = folder.write_private("client.key", &pair.key);
    let parameters = format!(
        "host=h sslcert={}/client.crt sslkey={key}",
        folder.path().display()
    );
    let info = parse(&parameters);
    assert!(connector(info.tls(), &info.hosts()[0], info.files()).is_ok());
    for mode in [0o644, 0o660, 0o604, 0o610] {
        fs::set_permissions(&key, Permissions::from_mode(mode)).unwrap();
        let found = message(&folder, &parameters);
        assert!(
            found.starts_with("the key client.key is refused: others have access"),
            "{mode:o}: {found}"
        );
    }
}

#[test]
fn a_renewed_certificate_is_read_at_the_next_connect() {
    let (folder, pair) = client();
    let key = folder.write_private("client.key", &pair.key);
    let info = parse(&format!(
        "host=h sslcert={}/client.crt sslkey={key}",
        folder.path().display()
    ));
    assert!(connector(info.tls(), &info.hosts()[0], info.files()).is_ok());
    folder.write_private(
        "client.crt",
        &Authority::new("ca").pair(&named("client", &[])).certificate,
    );
    assert!(
        connector(info.tls(), &info.hosts()[0], info.files()).is_err(),
        "the new certificate has another key"
    );
}
