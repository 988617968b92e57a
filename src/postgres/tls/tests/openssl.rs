//! Certificates made by OpenSSL, shown to psql and to us: whoever gets in, gets in by the same means; nobody else does.

use std::cell::RefCell;
use std::fs;
use std::process::Command;

use pg_exporter_lab::{Cluster, tool};

use super::certificates::Pair;
use super::{Folder, HOST, connect, releases, show, start};

/// What OpenSSL is told besides.
const CONFIGURATION: &str = "\
[ req ]
distinguished_name = name
[ name ]
[ ca ]
basicConstraints = critical, CA:true
[ ca_of_servers_only ]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign
extendedKeyUsage = serverAuth
[ ca_of_clients_only ]
basicConstraints = critical, CA:true
extendedKeyUsage = clientAuth
[ ca_without_path ]
basicConstraints = critical, CA:true, pathlen:0
[ ca_that_signs_no_certificates ]
basicConstraints = critical, CA:true
keyUsage = critical, cRLSign
[ ca_by_usage ]
keyUsage = critical, keyCertSign
[ no_ca ]
basicConstraints = CA:false
[ ca_of_test ]
basicConstraints = critical, CA:true
nameConstraints = critical, permitted;DNS:test
[ ca_of_example ]
basicConstraints = critical, CA:true
nameConstraints = critical, permitted;DNS:example
[ named ]
subjectAltName = DNS:db.test, IP:127.0.0.1
[ other ]
subjectAltName = DNS:other.test
[ wildcard ]
subjectAltName = DNS:*.test
[ address_as_name ]
subjectAltName = DNS:127.0.0.1
[ address_only ]
subjectAltName = IP:127.0.0.1
[ mail_only ]
subjectAltName = email:dba@test
[ odd_names ]
subjectAltName = DNS:my-db-, DNS:127.1, DNS:fe80::1%lo
[ authority_itself ]
basicConstraints = critical, CA:true
subjectAltName = DNS:db.test
[ for_servers ]
extendedKeyUsage = serverAuth
[ for_clients ]
extendedKeyUsage = clientAuth
[ for_anything ]
extendedKeyUsage = anyExtendedKeyUsage
[ signs_only ]
keyUsage = critical, digitalSignature
[ signs_certificates_only ]
keyUsage = critical, keyCertSign
[ with_policies ]
certificatePolicies = critical, 1.2.3.4
[ with_unknown ]
1.2.3.4.5 = critical, ASN1:UTF8String:nobody knows it
";

/// Makes keys and certificates in a folder, by OpenSSL's own program.
struct Maker(Folder);

impl Maker {
    fn new() -> Self {
        let folder = Folder::new();
        folder.write("openssl.cnf", CONFIGURATION);
        Self(folder)
    }

    fn run(&self, arguments: &str) {
        let mut command = Command::new("openssl");
        command
            .current_dir(self.0.path())
            .env("OPENSSL_CONF", "openssl.cnf");
        let output = command.args(arguments.split_whitespace()).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "openssl {arguments}: {error}");
    }

    fn key(&self, name: &str, kind: &str) {
        self.run(&format!("genpkey {kind} -out {name}.key"));
    }

    /// A request, as the manual makes it.
    fn request(&self, name: &str, subject: &str) {
        self.run(&format!(
            "req -new -nodes -key {name}.key -out {name}.csr -subj {subject}"
        ));
    }

    /// A certificate signed by itself; without extensions it is of version 1.
    fn root(&self, name: &str, subject: &str, more: &str) {
        self.key(name, EC);
        self.request(name, subject);
        self.run(&format!(
            "x509 -req -in {name}.csr -days 3650 -signkey {name}.key -out {name}.crt {more}"
        ));
    }

    /// One signed by another.
    fn signed(&self, name: &str, kind: &str, by: &str, more: &str) {
        self.key(name, kind);
        self.request(
            name,
            &format!("/CN={}", if kind.is_empty() { name } else { HOST }),
        );
        self.sign(name, by, more);
    }

    fn sign(&self, name: &str, by: &str, more: &str) {
        self.run(&format!(
            "x509 -req -in {name}.csr -days 365 -CA {by}.crt -CAkey {by}.key -CAcreateserial -out {name}.crt {more}"
        ));
    }

    /// A certificate for people.
    fn text(&self, name: &str) -> String {
        let mut command = Command::new("openssl");
        command.args(["x509", "-noout", "-text", "-in"]);
        let output = command.arg(self.0.path().join(format!("{name}.crt"))).output();
        String::from_utf8(output.unwrap().stdout).unwrap()
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.path().join(name)).unwrap()
    }

    /// What a server shows: a certificate, and those behind it.
    fn pair(&self, name: &str, chain: &[&str]) -> Pair {
        let mut certificate = self.read(&format!("{name}.crt"));
        for other in chain {
            certificate += &self.read(&format!("{other}.crt"));
        }
        let key = self.read(&format!("{name}.key"));
        Pair { certificate, key }
    }

    /// A file that trusts these.
    fn trust(&self, names: &[&str]) -> String {
        let all: String = names
            .iter()
            .map(|name| self.read(&format!("{name}.crt")))
            .collect();
        self.0.write(&format!("trust-{}.crt", names.join("-")), &all)
    }
}

const EC: &str = "-algorithm EC -pkeyopt ec_paramgen_curve:P-256";
const RSA: &str = "-algorithm RSA -pkeyopt rsa_keygen_bits:2048";

fn extended(section: &str) -> String {
    format!("-extfile openssl.cnf -extensions {section}")
}

/// The same by psql: what the server sees, `None` where it does not get in.
fn by_psql(cluster: &Cluster, host: &str, parameters: &str) -> Option<String> {
    run_psql(Command::new(tool("psql")), cluster, host, parameters)
}

/// The same by psql with the server's own libpq.
pub(super) fn by_libpq_of(cluster: &Cluster, host: &str, parameters: &str) -> Option<String> {
    let folder = cluster.psql("select setting from pg_config where name = 'LIBDIR'");
    let mut command = Command::new(tool("psql"));
    command.env("LD_LIBRARY_PATH", folder.trim());
    run_psql(command, cluster, host, parameters)
}

fn run_psql(mut command: Command, cluster: &Cluster, host: &str, parameters: &str) -> Option<String> {
    let place = format!(
        "host='{host}' hostaddr=127.0.0.1 port={} dbname=postgres user=postgres {parameters}",
        cluster.port()
    );
    command.env("HOME", "/nonexistent").env("PGCONNECT_TIMEOUT", "20");
    let sql =
        "select case when ssl then version else 'none' end from pg_stat_ssl where pid = pg_backend_pid()";
    let output = command
        .args(["-X", "-w", "-Atc", sql, "-d", &place])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    output.status.success().then(|| text.trim().to_owned())
}

/// Both try; what became of it.
fn same(cluster: &Cluster, what: &str, host: &str, parameters: &str) -> Option<String> {
    let ours = connect(cluster, host, parameters);
    let theirs = by_psql(cluster, host, parameters);
    assert_eq!(
        ours.as_ref().ok(),
        theirs.as_ref(),
        "{what}, PostgreSQL {}, {host}, {parameters}: {ours:?}",
        cluster.major()
    );
    theirs
}

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

/// A certificate that a server shows, with the names of those it is made by.
struct Shown<'a> {
    name: &'a str,
    kind: &'a str,
    by: &'a str,
    more: String,
    chain: &'a [&'a str],
    trust: &'a [&'a str],
}

#[test]
fn certificates_are_judged_as_by_openssl() {
    let maker = Maker::new();
    for (name, section) in [
        ("root", "ca"),
        ("usage", "ca_by_usage"),
        ("noca", "no_ca"),
        ("short", "ca_without_path"),
        ("crlonly", "ca_that_signs_no_certificates"),
        ("servers", "ca_of_servers_only"),
        ("clients", "ca_of_clients_only"),
        ("testonly", "ca_of_test"),
        ("exampleonly", "ca_of_example"),
        ("itself", "authority_itself"),
    ] {
        let subject = if name == "itself" {
            format!("/CN={HOST}")
        } else {
            format!("/CN={name}")
        };
        maker.root(name, &subject, &extended(section));
    }
    maker.root("old", "/CN=old", "");
    maker.key("large", "-algorithm EC -pkeyopt ec_paramgen_curve:P-521");
    maker.request("large", "/CN=large");
    let itself = extended("ca");
    maker.run(&format!(
        "x509 -req -in large.csr -days 9 -signkey large.key -out large.crt {itself}"
    ));
    for (name, by, more) in [
        ("between", "root", extended("ca")),
        ("oldbetween", "root", String::new()),
        ("nobetween", "root", extended("no_ca")),
        ("usagebetween", "root", extended("ca_by_usage")),
        ("shortbetween", "short", extended("ca")),
    ] {
        maker.key(name, EC);
        maker.request(name, &format!("/CN={name}"));
        maker.sign(name, by, &more);
    }
    // Roots that are over: signed anew with a past end.
    maker.key("over", EC);
    maker.request("over", "/CN=over");
    maker.run(&format!(
        "x509 -req -in over.csr -days -1 -signkey over.key -out over.crt {}",
        extended("ca")
    ));

    let leaf = |name, by, more: &str| (name, EC, by, more.to_owned());
    let named = extended("named");
    let all = RefCell::new(Vec::new());
    let add = |(name, kind, by, more): (&'static str, &'static str, &'static str, String),
               chain: &'static [&'static str],
               trust: &'static [&'static str]| {
        all.borrow_mut().push(Shown {
            name,
            kind,
            by,
            more,
            chain,
            trust,
        });
    };
    for (name, section) in [
        ("l-named", "named"),
        ("l-other", "other"),
        ("l-wildcard", "wildcard"),
        ("l-address-as-name", "address_as_name"),
        ("l-address-only", "address_only"),
        ("l-mail-only", "mail_only"),
        ("l-authority", "authority_itself"),
        ("l-for-servers", "for_servers"),
        ("l-for-clients", "for_clients"),
        ("l-for-anything", "for_anything"),
        ("l-signs-only", "signs_only"),
        ("l-signs-certificates", "signs_certificates_only"),
        ("l-policies", "with_policies"),
        ("l-unknown", "with_unknown"),
    ] {
        add(leaf(name, "root", &extended(section)), &[], &["root"]);
    }
    add(leaf("l-plain", "root", ""), &[], &["root"]);
    add(leaf("l-of-old", "old", ""), &[], &["old"]);
    add(leaf("l-of-old-named", "old", &named), &[], &["old"]);
    add(leaf("l-of-usage", "usage", &named), &[], &["usage"]);
    add(leaf("l-of-noca", "noca", &named), &[], &["noca"]);
    add(leaf("l-of-crlonly", "crlonly", &named), &[], &["crlonly"]);
    add(leaf("l-of-servers", "servers", &named), &[], &["servers"]);
    add(leaf("l-of-clients", "clients", &named), &[], &["clients"]);
    add(leaf("l-of-over", "over", &named), &[], &["over"]);
    add(leaf("l-below", "between", &named), &["between"], &["root"]);
    add(leaf("l-below-unsent", "between", &named), &[], &["root"]);
    add(
        leaf("l-below-trusted", "between", &named),
        &[],
        &["root", "between"],
    );
    add(
        leaf("l-below-middle-trusted", "between", &named),
        &["between"],
        &["between"],
    );
    add(
        leaf("l-below-old", "oldbetween", &named),
        &["oldbetween"],
        &["root"],
    );
    add(leaf("l-below-no", "nobetween", &named), &["nobetween"], &["root"]);
    add(
        leaf("l-below-usage", "usagebetween", &named),
        &["usagebetween"],
        &["root"],
    );
    add(
        leaf("l-below-short", "shortbetween", &named),
        &["shortbetween"],
        &["short"],
    );
    add(leaf("l-of-short", "short", &named), &[], &["short"]);
    add(leaf("l-in-test", "testonly", &named), &[], &["testonly"]);
    add(
        leaf("l-not-in-example", "exampleonly", &named),
        &[],
        &["exampleonly"],
    );
    add(
        leaf("l-plain-not-in-example", "exampleonly", ""),
        &[],
        &["exampleonly"],
    );
    add(leaf("l-over", "root", "-days -1"), &[], &["root"]);
    add(leaf("l-sha1", "root", "-sha1"), &[], &["root"]);
    add(leaf("l-sha512", "root", "-sha512"), &[], &["root"]);
    add(
        leaf(
            "l-long-serial",
            "root",
            "-set_serial 0x7fffffffffffffffffffffffffffffffffffffffffffffffffff",
        ),
        &[],
        &["root"],
    );
    add(
        leaf("l-trusts-itself-only", "root", &named),
        &[],
        &["l-trusts-itself-only"],
    );
    for (name, hash) in [
        ("l-of-large", ""),
        ("l-of-large-256", "-sha256"),
        ("l-of-large-384", "-sha384"),
        ("l-of-large-512", "-sha512"),
    ] {
        add(leaf(name, "large", hash), &[], &["large"]);
    }
    for (name, kind) in [
        ("k-rsa", RSA),
        ("k-rsa-4096", "-algorithm RSA -pkeyopt rsa_keygen_bits:4096"),
        ("k-p384", "-algorithm EC -pkeyopt ec_paramgen_curve:P-384"),
        ("k-p521", "-algorithm EC -pkeyopt ec_paramgen_curve:P-521"),
        ("k-ed25519", "-algorithm ED25519"),
        ("k-weak", "-algorithm RSA -pkeyopt rsa_keygen_bits:1024"),
    ] {
        add((name, kind, "root", String::new()), &[], &["root"]);
    }
    for one in &*all.borrow() {
        maker.signed(one.name, one.kind, one.by, &one.more);
    }
    add(leaf("itself", "itself", ""), &[], &["itself"]);
    add(leaf("old", "old", ""), &[], &["old"]);
    add(leaf("itself", "itself", ""), &[], &["root"]);

    let cluster = start(18, &maker.pair("l-named", &[]), &maker.read("root.crt"));
    let (mut tried, mut accepted) = (0, 0);
    for one in &*all.borrow() {
        // A server does not start with a key that its own library takes for too weak.
        if one.name == "k-weak" {
            continue;
        }
        show(&cluster, &maker.pair(one.name, one.chain));
        let trust = maker.trust(one.trust);
        for version in VERSIONS {
            // For that the library would have to exchange keys on this curve.
            if one.name == "k-p521" && version == "TLSv1.2" {
                continue;
            }
            for (host, mode) in [
                (HOST, "prefer"),
                (HOST, "require"),
                (HOST, "verify-ca"),
                (HOST, "verify-full"),
                ("127.0.0.1", "verify-full"),
            ] {
                let parameters =
                    format!("sslmode={mode} sslrootcert={trust} ssl_max_protocol_version={version}");
                let seen = same(&cluster, one.name, host, &parameters);
                tried += 1;
                accepted += usize::from(seen.is_some_and(|seen| seen == version));
            }
            let without = format!("sslmode=require ssl_max_protocol_version={version}");
            same(&cluster, one.name, HOST, &without);
        }
    }
    assert!(accepted > 100 && tried - accepted > 100, "{accepted} of {tried}");
}

/// A key that is for RSASSA-PSS alone. TLS 1.2 is beyond the library: there is no fall to clear text but by `prefer`, with a cause.
#[test]
fn keys_for_rsassa_pss_alone_work_in_tls_1_3() {
    let maker = Maker::new();
    maker.root("root", "/CN=root", &extended("ca"));
    let bound = "-pkeyopt rsa_pss_keygen_md:sha256 -pkeyopt rsa_pss_keygen_mgf1_md:sha256 -pkeyopt rsa_pss_keygen_saltlen:32";
    let kind = "-algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048";
    maker.signed("free", kind, "root", "");
    maker.signed("bound", &format!("{kind} {bound}"), "root", &extended("named"));
    maker.key("client", kind);
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
