//! Keys of clients, and curves that a server exchanges keys on: each as psql has it, in both versions of TLS.

use super::maker::{EC, Maker, P521, PSS, RSA, extended};
use super::psql::same;
use super::{HOST, VERSIONS, releases, show, start};

/// The parameters that show a certificate of ours.
fn shown(maker: &Maker, certificate: &str, key: &str, trust: &str, version: &str) -> String {
    let folder = maker.0.path().display();
    format!(
        "user=by_cert sslmode=verify-full sslrootcert={trust} sslcert={folder}/{certificate}.crt \
         sslkey={folder}/{key} ssl_min_protocol_version={version} ssl_max_protocol_version={version}"
    )
}

#[test]
fn keys_of_clients_work_in_both_versions() {
    let maker = Maker::new();
    maker.root("root", "/CN=root.test", &extended("ca"));
    maker.root("stranger", "/CN=stranger.test", &extended("ca"));
    maker.signed("server", EC, "root", "");
    let bound = |hash: &str| {
        format!(
            "{PSS} -pkeyopt rsa_pss_keygen_md:{hash} -pkeyopt rsa_pss_keygen_mgf1_md:{hash} -pkeyopt rsa_pss_keygen_saltlen:32"
        )
    };
    let kinds = [
        ("c-ec", EC.to_owned()),
        ("c-rsa", RSA.to_owned()),
        ("c-pss", PSS.to_owned()),
        ("c-pss-256", bound("sha256")),
        ("c-pss-384", bound("sha384")),
        ("c-p521", P521.to_owned()),
    ];
    for (name, kind) in &kinds {
        maker.key(name, kind);
        maker.request(name, "/CN=by_cert");
        maker.sign(name, "root", "");
    }
    for (name, kind) in [("s-pss", PSS), ("s-p521", P521)] {
        maker.key(name, kind);
        maker.request(name, "/CN=by_cert");
        maker.sign(name, "stranger", "");
    }
    // The older form of a key.
    maker.run("ec -in c-p521.key -out c-p521-sec1.key");
    assert!(maker.read("c-p521-sec1.key").contains("BEGIN EC PRIVATE KEY"));
    maker.run("pkcs8 -topk8 -in c-p521.key -passout pass:secret -out c-p521-locked.key");
    maker.key("other-p521", P521);
    maker.key("other-pss", PSS);
    let trust = maker.trust(&["root"]);
    for major in releases() {
        let cluster = start(major, &maker.pair("server", &[]), &maker.read("root.crt"));
        cluster.psql("create user by_cert");
        for version in VERSIONS {
            let try_one = |certificate: &str, key: &str| {
                let parameters = shown(&maker, certificate, key, &trust, version);
                same(&cluster, certificate, HOST, &parameters)
            };
            // In TLS 1.2 a server takes keys of the curves only that it exchanges keys on.
            try_one("c-p521", "c-p521.key");
            cluster.set("ssl_ecdh_curve", "secp521r1");
            cluster.restart();
            for key in [
                "c-p521.key",
                "c-p521-sec1.key",
                "c-p521-locked.key sslpassword=secret",
            ] {
                assert_eq!(try_one("c-p521", key).as_deref(), Some(version), "{major}: {key}");
            }
            cluster.set("ssl_ecdh_curve", "prime256v1");
            cluster.restart();
            for (name, _) in kinds.iter().filter(|(name, _)| *name != "c-p521") {
                let seen = try_one(name, &format!("{name}.key"));
                assert_eq!(seen.as_deref(), Some(version), "{major}: {name}");
            }
            // Of an authority that the server does not trust, and with the key of somebody else.
            for (certificate, key) in [
                ("s-pss", "s-pss.key"),
                ("s-p521", "s-p521.key"),
                ("c-p521", "other-p521.key"),
                ("c-p521", "c-ec.key"),
                ("c-ec", "c-p521.key"),
                ("c-pss", "other-pss.key"),
            ] {
                assert_eq!(try_one(certificate, key), None, "{major}: {certificate}, {key}");
            }
        }
    }
}

/// Keys are exchanged on the curve that the server wants, whatever the curve of its certificate.
#[test]
fn every_curve_that_a_server_exchanges_keys_on_works() {
    let maker = Maker::new();
    maker.root("root", "/CN=root.test", &extended("ca"));
    maker.signed("ec", EC, "root", "");
    maker.signed("rsa", RSA, "root", "");
    maker.signed("p521", P521, "root", "");
    let trust = maker.trust(&["root"]);
    for major in releases() {
        let cluster = start(major, &maker.pair("ec", &[]), &maker.read("root.crt"));
        for curve in ["prime256v1", "secp384r1", "secp521r1"] {
            cluster.set("ssl_ecdh_curve", curve);
            for certificate in ["ec", "rsa", "p521"] {
                show(&cluster, &maker.pair(certificate, &[]));
                for version in VERSIONS {
                    for mode in ["prefer", "require", "verify-ca", "verify-full"] {
                        let parameters = format!(
                            "sslmode={mode} sslrootcert={trust} ssl_min_protocol_version={version} ssl_max_protocol_version={version}"
                        );
                        let what = format!("{certificate} on {curve}");
                        let seen = same(&cluster, &what, HOST, &parameters);
                        assert_eq!(seen.as_deref(), Some(version), "{major}: {what}, {mode}");
                    }
                }
            }
        }
    }
}
