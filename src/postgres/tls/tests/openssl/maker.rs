//! Keys and certificates by OpenSSL's own program.

use std::fs;
use std::process::Command;

use pg_exporter_lab::authority::Pair;

use crate::postgres::tls::tests::{Folder, HOST};

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
pub(super) struct Maker(pub(super) Folder);

impl Maker {
    pub(super) fn new() -> Self {
        let folder = Folder::new();
        folder.write_private("openssl.cnf", CONFIGURATION);
        Self(folder)
    }

    pub(super) fn run(&self, arguments: &str) {
        let mut command = Command::new("openssl");
        command
            .current_dir(self.0.path())
            .env("OPENSSL_CONF", "openssl.cnf");
        let output = command.args(arguments.split_whitespace()).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "openssl {arguments}: {error}");
    }

    pub(super) fn key(&self, name: &str, kind: &str) {
        self.run(&format!("genpkey {kind} -out {name}.key"));
    }

    /// A request, as the manual makes it.
    pub(super) fn request(&self, name: &str, subject: &str) {
        self.run(&format!(
            "req -new -nodes -key {name}.key -out {name}.csr -subj {subject}"
        ));
    }

    /// A certificate signed by itself; without extensions it is of version 1.
    pub(super) fn root(&self, name: &str, subject: &str, more: &str) {
        self.key(name, EC);
        self.request(name, subject);
        self.run(&format!(
            "x509 -req -in {name}.csr -days 3650 -signkey {name}.key -out {name}.crt {more}"
        ));
    }

    /// One signed by another.
    pub(super) fn signed(&self, name: &str, kind: &str, by: &str, more: &str) {
        self.key(name, kind);
        self.request(
            name,
            &format!("/CN={}", if kind.is_empty() { name } else { HOST }),
        );
        self.sign(name, by, more);
    }

    pub(super) fn sign(&self, name: &str, by: &str, more: &str) {
        self.run(&format!(
            "x509 -req -in {name}.csr -days 365 -CA {by}.crt -CAkey {by}.key -CAcreateserial -out {name}.crt {more}"
        ));
    }

    /// A certificate for people.
    pub(super) fn text(&self, name: &str) -> String {
        let mut command = Command::new("openssl");
        command.args(["x509", "-noout", "-text", "-in"]);
        let output = command.arg(self.0.path().join(format!("{name}.crt"))).output();
        String::from_utf8(output.unwrap().stdout).unwrap()
    }

    pub(super) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.path().join(name)).unwrap()
    }

    /// What a server shows: a certificate, and those behind it.
    pub(super) fn pair(&self, name: &str, chain: &[&str]) -> Pair {
        let mut certificate = self.read(&format!("{name}.crt"));
        for other in chain {
            certificate += &self.read(&format!("{other}.crt"));
        }
        let key = self.read(&format!("{name}.key"));
        Pair { certificate, key }
    }

    /// A file that trusts these.
    pub(super) fn trust(&self, names: &[&str]) -> String {
        let all: String = names
            .iter()
            .map(|name| self.read(&format!("{name}.crt")))
            .collect();
        self.0
            .write_private(&format!("trust-{}.crt", names.join("-")), &all)
    }
}

pub(super) const EC: &str = "-algorithm EC -pkeyopt ec_paramgen_curve:P-256";
pub(super) const P521: &str = "-algorithm EC -pkeyopt ec_paramgen_curve:P-521";
pub(super) const PSS: &str = "-algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048";
pub(super) const RSA: &str = "-algorithm RSA -pkeyopt rsa_keygen_bits:2048";

pub(super) fn extended(section: &str) -> String {
    format!("-extfile openssl.cnf -extensions {section}")
}
