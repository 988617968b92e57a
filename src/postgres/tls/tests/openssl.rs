//! Certificates made by OpenSSL, shown to psql and to us: whoever gets in, gets in by the same means; nobody else does.

mod judged;
mod keys;
mod maker;
mod psql;

use self::maker::{EC, Maker, PSS, RSA, extended};
pub(super) use self::psql::by_libpq_of;
use self::psql::same;
use super::{HOST, connect, releases, show, start};

const VERSIONS: [&str; 2] = ["TLSv1.2", "TLSv1.3"];
const MODES: [&str; 6] = [
    "disable",
    "allow",
    "prefer",
    "require",
    "verify-ca",
    "verify-full",
];

/// "Creating Certificates" of PostgreSQL's manual, with OpenSSL 3: the authority has extensions, what it signs has none and
/// is of version 1. Clients have such certificates, too.
#[test]
fn the_manuals_recipe_works_in_every_mode() {
    let maker = Maker::new();
    maker.root("root", "/CN=root.test", &extended("ca"));
    maker.root("stranger", "/CN=stranger.test", &extended("ca"));
    maker.signed("server", RSA, "root", "");
    maker.key("client", RSA);
    maker.request("client", "/CN=by_cert");
    maker.sign("client", "root", "");
    // With an intermediate authority, which the server sends along.
    maker.key("intermediate", RSA);
    maker.request("intermediate", "/CN=intermediate.test");
    maker.sign("intermediate", "root", &extended("ca"));
    maker.signed("below", RSA, "intermediate", "");
    let text = maker.text("server");
    assert!(text.contains("Version: 1 (0x0)"), "{text}");
    let (root, stranger) = (maker.trust(&["root"]), maker.trust(&["stranger"]));
    let (mut encrypted, mut refused) = (0, 0);
    for major in releases() {
        let cluster = start(major, &maker.pair("server", &[]), &maker.read("root.crt"));
        cluster.psql("create user by_cert");
        for chain in [("server", &[][..]), ("below", &["intermediate"])] {
            show(&cluster, &maker.pair(chain.0, chain.1));
            for version in VERSIONS {
                let bounds = format!("ssl_min_protocol_version={version} ssl_max_protocol_version={version}");
                for mode in MODES {
                    for trust in ["/nonexistent", &root, &stranger] {
                        let parameters = format!("sslmode={mode} sslrootcert={trust} {bounds}");
                        let seen = same(&cluster, chain.0, HOST, &parameters);
                        encrypted += usize::from(seen.as_deref() == Some(version));
                        refused += usize::from(seen.is_none());
                    }
                }
                let client = maker.0.path().join("client");
                let client = client.display();
                let parameters = format!(
                    "user=by_cert sslmode=verify-full sslrootcert={root} sslcert={client}.crt sslkey={client}.key {bounds}"
                );
                assert_eq!(
                    connect(&cluster, HOST, &parameters).as_deref(),
                    Ok(version),
                    "{major}: a client's"
                );
            }
        }
    }
    // prefer, require, verify-ca and verify-full with the root, prefer and require without, on three servers.
    assert_eq!((encrypted, refused), (3 * 2 * 2 * 6, 3 * 2 * 2 * 5));
}

/// A key that is for RSASSA-PSS alone. Of a server of TLS 1.2 the library does not take its signature: there is
/// no fall to clear text but by `prefer`, with a cause.
#[test]
fn keys_for_rsassa_pss_alone_work_in_tls_1_3() {
    let maker = Maker::new();
    maker.root("root", "/CN=root", &extended("ca"));
    let bound = "-pkeyopt rsa_pss_keygen_md:sha256 -pkeyopt rsa_pss_keygen_mgf1_md:sha256 -pkeyopt rsa_pss_keygen_saltlen:32";
    maker.signed("free", PSS, "root", "");
    maker.signed("bound", &format!("{PSS} {bound}"), "root", &extended("named"));
    maker.key("client", PSS);
    maker.request("client", "/CN=by_cert");
    maker.sign("client", "root", "");
    let trust = maker.trust(&["root"]);
    let cluster = start(18, &maker.pair("free", &[]), &maker.read("root.crt"));
    cluster.psql("create user by_cert");
    for name in ["free", "bound"] {
        show(&cluster, &maker.pair(name, &[]));
        for mode in MODES {
            same(
                &cluster,
                name,
                HOST,
                &format!("sslmode={mode} sslrootcert={trust}"),
            );
        }
        let client = maker.0.path().join("client");
        let client = client.display();
        let by_client = format!(
            "user=by_cert sslmode=verify-full sslrootcert={trust} sslcert={client}.crt sslkey={client}.key"
        );
        assert_eq!(connect(&cluster, HOST, &by_client).as_deref(), Ok("TLSv1.3"));
        let old = "ssl_max_protocol_version=TLSv1.2";
        assert!(connect(&cluster, HOST, &format!("sslmode=require {old}")).is_err());
        assert_eq!(
            connect(&cluster, HOST, &format!("sslmode=prefer {old}")).as_deref(),
            Ok("none")
        );
    }
}

/// Names that DNS would not have. Where no name is checked none is needed; where one is, it is compared as it is written.
#[test]
fn names_that_are_none_of_dns_have_tls() {
    let maker = Maker::new();
    maker.root("root", "/CN=root", &extended("ca"));
    maker.signed("odd", EC, "root", &extended("odd_names"));
    let trust = maker.trust(&["root"]);
    let cluster = start(18, &maker.pair("odd", &[]), &maker.read("root.crt"));
    let long = "a".repeat(64);
    let names = [
        "fe80::1%lo",
        "my-db-",
        "-db",
        "127.1",
        "d\u{e4}t\u{e4}",
        &long,
        "a_b",
        "db.",
        "my..db",
    ];
    for host in names {
        for mode in MODES {
            let seen = same(
                &cluster,
                "odd names",
                host,
                &format!("sslmode={mode} sslrootcert={trust}"),
            );
            let is_checked = mode == "verify-full";
            let expected = match mode {
                "disable" | "allow" => Some("none"),
                _ if is_checked && !matches!(host, "fe80::1%lo" | "my-db-" | "127.1") => None,
                _ => Some("TLSv1.3"),
            };
            assert_eq!(seen.as_deref(), expected, "{host}, {mode}");
        }
    }
}
