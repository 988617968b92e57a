//! Keys that the TLS library does not know by itself, made by OpenSSL: the exporter's own, and those of clients.

use std::process::Command;

use super::curl::curl;
use super::setup::{Folder, TLS, without_server};

const KINDS: [(&str, &str); 4] = [
    ("ec", "-algorithm EC -pkeyopt ec_paramgen_curve:P-256"),
    ("p521", "-algorithm EC -pkeyopt ec_paramgen_curve:P-521"),
    ("pss", "-algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048"),
    (
        "pss-512",
        "-algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048 -pkeyopt rsa_pss_keygen_md:sha512 \
         -pkeyopt rsa_pss_keygen_mgf1_md:sha512 -pkeyopt rsa_pss_keygen_saltlen:64",
    ),
];

fn openssl(folder: &Folder, arguments: &str) {
    let mut command = Command::new("openssl");
    command.current_dir(folder.path());
    let output = command.args(arguments.split_whitespace()).output().unwrap();
    assert!(output.status.success(), "{arguments}: {output:?}");
}

/// An authority, and what it signs; and somebody with a certificate of his own making.
fn make(folder: &Folder) {
    folder.write("server.ext", "subjectAltName = IP:127.0.0.1\n");
    for (name, kind) in [("ca", KINDS[0].1), ("stranger", KINDS[1].1)] {
        openssl(folder, &format!("genpkey {kind} -out {name}.key"));
        openssl(
            folder,
            &format!("req -new -x509 -key {name}.key -subj /CN={name} -out {name}.crt"),
        );
    }
    for (name, kind) in KINDS {
        openssl(folder, &format!("genpkey {kind} -out {name}.key"));
        openssl(
            folder,
            &format!("req -new -key {name}.key -subj /CN={name} -out {name}.csr"),
        );
        openssl(
            folder,
            &format!(
                "x509 -req -in {name}.csr -days 9 -CA ca.crt -CAkey ca.key -CAcreateserial -extfile server.ext -out {name}.crt"
            ),
        );
    }
}

#[test]
fn keys_of_every_kind_on_both_sides() {
    let folder = Folder::new();
    make(&folder);
    let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let authority = file("ca.crt");
    for (own, _) in KINDS {
        let tls = TLS.replace("server.", &format!("{own}."));
        let text = format!("{tls}  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.crt\n");
        let config = folder.write(&format!("{own}.yml"), &text);
        let exporter = without_server()
            .arg(format!("--web.config.file={config}"))
            .start();
        let url = format!("https://127.0.0.1:{}/version", exporter.port());
        for version in ["1.2", "1.3"] {
            for client in ["ec", "p521", "pss", "pss-512", "stranger"] {
                let (certificate, key) = (file(&format!("{client}.crt")), file(&format!("{client}.key")));
                let shown = ["--cert", &certificate, "--key", &key];
                let mut arguments = vec!["--cacert", &authority, "--tls-max", version];
                arguments.extend(shown);
                let answer = curl(&url, &arguments);
                // The library does not ask clients of TLS 1.2 for a signature by a key for RSASSA-PSS alone.
                let is_refused = client == "stranger" || (client.starts_with("pss") && version == "1.2");
                assert_eq!(
                    answer.status != 200,
                    is_refused,
                    "{own}, {client}, {version}: {answer:?}"
                );
            }
        }
    }
}
