//! Chains of all kinds, right and wrong, judged by psql and by us.

use super::maker::{EC, Maker, P521, RSA, extended};
use super::psql::same;
use super::{HOST, VERSIONS, show, start};

/// A certificate that a server shows, with the names of those it is made by.
struct Shown {
    name: &'static str,
    kind: &'static str,
    by: &'static str,
    more: String,
    chain: &'static [&'static str],
    trust: &'static [&'static str],
}

/// Those who sign: authorities, what is none, and what is between them and a server.
fn make_authorities(maker: &Maker) {
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
    maker.key("large", P521);
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
}

type Leaf = (&'static str, &'static str, &'static str, String);

fn shown(
    (name, kind, by, more): Leaf,
    chain: &'static [&'static str],
    trust: &'static [&'static str],
) -> Shown {
    Shown {
        name,
        kind,
        by,
        more,
        chain,
        trust,
    }
}

fn leaf(name: &'static str, by: &'static str, more: &str) -> Leaf {
    (name, EC, by, more.to_owned())
}

/// Certificates of servers, signed by those authorities.
fn leaves() -> Vec<Shown> {
    let named = extended("named");
    let mut all = Vec::new();
    let mut add = |leaf, chain, trust| all.push(shown(leaf, chain, trust));
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
        ("k-p521", P521),
        ("k-ed25519", "-algorithm ED25519"),
        ("k-weak", "-algorithm RSA -pkeyopt rsa_keygen_bits:1024"),
    ] {
        add((name, kind, "root", String::new()), &[], &["root"]);
    }
    all
}

#[test]
fn certificates_are_judged_as_by_openssl() {
    let maker = Maker::new();
    make_authorities(&maker);
    let mut all = leaves();
    for one in &all {
        maker.signed(one.name, one.kind, one.by, &one.more);
    }
    // Those who sign as servers themselves.
    all.push(shown(leaf("itself", "itself", ""), &[], &["itself"]));
    all.push(shown(leaf("old", "old", ""), &[], &["old"]));
    all.push(shown(leaf("itself", "itself", ""), &[], &["root"]));
    all.push(shown(leaf("k-p521", "root", ""), &[], &["old"]));

    let cluster = start(18, &maker.pair("l-named", &[]), &maker.read("root.crt"));
    let (mut tried, mut accepted) = (0, 0);
    for one in &all {
        // A server does not start with a key that its own library takes for too weak.
        if one.name == "k-weak" {
            continue;
        }
        show(&cluster, &maker.pair(one.name, one.chain));
        let trust = maker.trust(one.trust);
        for version in VERSIONS {
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
