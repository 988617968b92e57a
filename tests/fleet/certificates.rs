//! Client certificates: each target has its own, and what is wrong with one is that target's.

use pg_exporter_lab::authority::named;
use pg_exporter_lab::{Authority, Cluster, newest_major, wait_until};
use rcgen::{CertificateParams, KeyPair};

use crate::support::{Fleet, Folder, SOON};

/// A certificate for a role, or for the server on this machine; the server tells sessions by its number.
fn numbered(name: &str, number: u64) -> CertificateParams {
    let mut params = named(name, &["127.0.0.1"]);
    params.serial_number = Some(number.into());
    params
}

/// A server that lets two roles in by their certificates only.
fn server(authority: &Authority) -> Cluster {
    let (cluster, key) = (Cluster::start(newest_major()), KeyPair::generate().unwrap());
    for role in ["cert_one", "cert_two"] {
        cluster.psql(&format!("create role {role} login; grant pg_monitor to {role}"));
    }
    cluster.write_file("server.crt", &authority.sign(&numbered("server", 100), &key));
    cluster.write_file("server.key", &key.serialize_pem());
    cluster.write_file("clients.crt", &authority.certificate);
    cluster.set("ssl_ca_file", "clients.crt");
    cluster.set("ssl", "on");
    let rules = "hostssl all cert_one,cert_two 127.0.0.1/32 cert\nhost all postgres 127.0.0.1/32 trust\n";
    cluster.write_file("pg_hba.conf", rules);
    cluster.restart();
    cluster
}

/// Role, name and number of the certificates by which the sessions of a target came in.
fn proven(cluster: &Cluster, target: &str) -> String {
    cluster.psql(&format!(
        "select string_agg(distinct usename || ' ' || client_dn || ' ' || client_serial, ', ') \
         from pg_stat_activity join pg_stat_ssl using (pid) where application_name = '{target}'"
    ))
}

fn assert_up(fleet: &Fleet, target: &str) {
    fleet.wait_for(&format!("/primary?target={target}"), 200);
    wait_until(&format!("the page of {target} says so"), SOON, || {
        fleet.page(target).value("pg_up", &[]) == Some(1.0)
    });
}

fn assert_down(fleet: &Fleet, target: &str, reason: &str) {
    fleet.wait_for(&format!("/up?target={target}"), 503);
    assert_eq!(fleet.page(target).value("pg_up", &[]), Some(0.0), "{target}");
    wait_until(&format!("{target} says {reason:?}"), SOON, || {
        fleet.get(&format!("/?target={target}")).text().contains(reason)
    });
}

/// What the tests here have: the server, the keys, and the exporter of six targets, two of which are right.
struct Scene {
    authority: Authority,
    cluster: Cluster,
    keys: [KeyPair; 2],
    fleet: Fleet,
    files: Folder,
}

impl Scene {
    fn new() -> Self {
        let [authority, unknown] = ["known", "unknown"].map(Authority::new);
        let cluster = server(&authority);
        let keys = [(); 2].map(|()| KeyPair::generate().unwrap());
        let files = Folder::new();
        let root = files.write("root.crt", &authority.certificate);
        let other_root = files.write("other.crt", &unknown.certificate);
        let write = |name: &str, authority: &Authority, role: &str, of: usize, key: usize| {
            let certificate = authority.sign(&numbered(role, of as u64 + 1), &keys[of]);
            let certificate = files.write(&format!("{name}.crt"), &certificate);
            let key = files.write_private(&format!("{name}.key"), &keys[key].serialize_pem());
            format!("sslcert: {certificate}, sslkey: {key}")
        };
        let one = write("one", &authority, "cert_one", 0, 0);
        let two = write("two", &authority, "cert_two", 1, 1);
        let swapped = write("swapped", &authority, "cert_one", 0, 1);
        let foreign = write("foreign", &unknown, "cert_one", 0, 0);
        // By credentials, by the target's own keys, and by both; the last one trusts another authority.
        let fleet = Fleet::start(&format!(
            "defaults: {{ host: 127.0.0.1, port: {port}, dbname: postgres, sslmode: verify-full, sslrootcert: {other_root}, \
             connect_timeout: 5s, auto_discovery: false, health_connect_interval: 1s }}\n\
             credentials: {{ one: {{ user: cert_one, {one} }} }}\n\
             targets:\n  - {{ name: one, application_name: one, credentials: one, sslrootcert: {root} }}\n  \
             - {{ name: two, application_name: two, user: cert_two, {two}, sslrootcert: {root} }}\n  \
             - {{ name: swapped, application_name: swapped, credentials: one, {swapped}, sslrootcert: {root} }}\n  \
             - {{ name: foreign, user: cert_one, {foreign}, sslrootcert: {root} }}\n  \
             - {{ name: others, user: cert_two, {one}, sslrootcert: {root} }}\n  \
             - {{ name: wary, credentials: one }}\n",
            port = cluster.port()
        ));
        Self {
            authority,
            cluster,
            keys,
            fleet,
            files,
        }
    }
}

#[test]
fn each_target_shows_its_own_certificate() {
    let scene = Scene::new();
    let Scene { fleet, cluster, .. } = &scene;
    for (name, expected) in [
        ("one", "cert_one /CN=cert_one 1"),
        ("two", "cert_two /CN=cert_two 2"),
    ] {
        assert_up(fleet, name);
        assert_eq!(proven(cluster, name), expected);
    }
    let reasons = [
        ("swapped", "swapped.key is not the key of the certificate"),
        ("foreign", "UnknownCA"),
        ("others", "certificate authentication failed for user"),
        ("wary", "UnknownIssuer"),
    ];
    for (name, reason) in reasons {
        assert_down(fleet, name, reason);
    }
    let page = fleet.own_page();
    let up = |name| page.value("pg_exporter_target_up", &[("target", name)]);
    let all = ["one", "two", "swapped", "foreign", "others", "wary"].map(up);
    assert_eq!(all, [1.0, 1.0, 0.0, 0.0, 0.0, 0.0].map(Some));
    assert!(!fleet.exporter.final_log().contains("PRIVATE KEY"));
}

#[test]
fn a_certificate_that_is_replaced_is_shown_at_the_next_connection() {
    let scene = Scene::new();
    let Scene {
        fleet, cluster, keys, ..
    } = &scene;
    assert_up(fleet, "one");
    assert_up(fleet, "two");
    assert_down(fleet, "swapped", "swapped.key");
    let renew = |name: &str, role: &str, key: &KeyPair| {
        let certificate = scene.authority.sign(&numbered(role, 11), key);
        scene.files.write(&format!("{name}.crt"), &certificate);
    };
    renew("one", "cert_one", &keys[0]);
    cluster.psql("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'cert_one'");
    wait_until("its sessions show the new one", SOON, || {
        fleet.page("one").value("pg_up", &[]) == Some(1.0)
            && proven(cluster, "one") == "cert_one /CN=cert_one 11"
    });
    assert_up(fleet, "one");
    // What was wrong is mended by the file alone.
    renew("swapped", "cert_one", &keys[1]);
    assert_up(fleet, "swapped");
    assert_eq!(proven(cluster, "swapped"), "cert_one /CN=cert_one 11");
    assert_eq!(proven(cluster, "two"), "cert_two /CN=cert_two 2");
}
