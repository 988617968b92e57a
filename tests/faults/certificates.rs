//! Certificates, keys and pass phrases that are renewed while the exporter runs.

use pg_exporter_lab::authority::named;
use pg_exporter_lab::{Authority, Cluster, Exporter, Folder, Page, newest_major};
use pkcs8::der::pem::LineEnding;
use pkcs8::pkcs5::pbes2::Parameters;
use rcgen::{CertificateParams, KeyPair};

use crate::support::{
    HEALTH_LIMIT, SOON, State, assert_down, assert_reason, assert_recovers, builder, wait_for, wait_for_page,
    wait_for_state,
};

/// The role that comes in by its certificate.
const ROLE: &str = "by_cert";

/// A certificate for the role, or for this machine's address.
fn asked_for() -> CertificateParams {
    named(ROLE, &["127.0.0.1"])
}

/// The key as `openssl pkcs8 -topk8` encrypts it.
fn encrypt(key: &KeyPair, pass_phrase: &str) -> String {
    let info = pkcs8::PrivateKeyInfoRef::try_from(key.serialized_der()).unwrap();
    let parameters =
        Parameters::generate_pbkdf2_sha256_aes256cbc(2048, b"some salt of 16.", [7; 16]).unwrap();
    let document = info.encrypt_with_params(parameters, pass_phrase).unwrap();
    let pem = document.to_pem("ENCRYPTED PRIVATE KEY", LineEnding::LF).unwrap();
    pem.to_string()
}

/// A server that shows a certificate and, for the role, wants one of that authority.
fn server(of: &Authority, clients: &Authority) -> Cluster {
    let cluster = Cluster::start(newest_major());
    cluster.psql(&format!("create role {ROLE} login; grant pg_monitor to {ROLE}"));
    cluster.write_file("clients.crt", &clients.certificate);
    cluster.set("ssl_ca_file", "clients.crt");
    cluster.set("ssl", "on");
    let rules = format!("hostssl all {ROLE} 127.0.0.1/32 cert\nhost all postgres 127.0.0.1/32 trust\n");
    cluster.write_file("pg_hba.conf", &rules);
    show(&cluster, of);
    cluster.restart();
    cluster
}

fn show(cluster: &Cluster, of: &Authority) {
    let pair = of.pair(&asked_for());
    cluster.write_file("server.crt", &pair.certificate);
    cluster.write_file("server.key", &pair.key);
}

fn lose_connections(cluster: &Cluster) {
    cluster.psql(&format!(
        "select pg_terminate_backend(pid) from pg_stat_activity where usename = '{ROLE}'"
    ));
}

#[test]
fn what_is_renewed_in_files_needs_no_restart() {
    let [old, new, clients] = ["old", "new", "clients"].map(Authority::new);
    let files = Folder::new();
    let cluster = server(&old, &clients);
    let root = files.write_private("root.crt", &old.certificate);
    let renew_key = |pass_phrase: &str| {
        let key = KeyPair::generate().unwrap();
        files.write_private("client.crt", &clients.sign(&asked_for(), &key));
        files.write_private("client.key", &encrypt(&key, pass_phrase));
    };
    let write_url = |pass_phrase: &str| {
        let (certificate, key) = (files.at("client.crt"), files.at("client.key"));
        let (certificate, key) = (certificate.display(), key.display());
        let port = cluster.port();
        let parameters = format!(
            "sslmode=verify-full&sslrootcert={root}&sslcert={certificate}&sslkey={key}&sslpassword={pass_phrase}"
        );
        files.write_private(
            "url",
            &format!("postgresql://{ROLE}@127.0.0.1:{port}/postgres?{parameters}"),
        )
    };
    renew_key("f1rst-s3cret");
    let exporter = Exporter::builder(env!("CARGO_BIN_EXE_pg_exporter"))
        .env("PG_EXPORTER_URL_FILE", write_url("f1rst-s3cret"))
        .start();
    wait_for_state(&exporter, State::Primary, SOON);
    wait_for_page(&exporter, 1.0);

    show(&cluster, &new);
    cluster.restart();
    lose_connections(&cluster);
    assert_down(&exporter, HEALTH_LIMIT);
    assert_reason(&exporter, "UnknownIssuer");
    files.write_private("root.crt", &new.certificate);
    assert_recovers(&exporter, State::Primary);

    renew_key("sec0nd-s3cret");
    lose_connections(&cluster);
    assert_down(&exporter, HEALTH_LIMIT);
    assert_reason(&exporter, "client.key");
    write_url("sec0nd-s3cret");
    assert_recovers(&exporter, State::Primary);
    assert!(!exporter.final_log().contains("s3cret"));
}

#[test]
fn the_systems_certificates_are_those_that_it_is_told() {
    let [authority, other] = ["authority", "other"].map(Authority::new);
    let files = Folder::new();
    let cluster = server(&authority, &other);
    let url = cluster.url("postgres") + "?sslrootcert=system";
    let exporter = |roots: &Authority| {
        let file = files.write_private("system.crt", &roots.certificate);
        builder(&url).env("SSL_CERT_FILE", file).start()
    };
    let trusting = exporter(&authority);
    wait_for_state(&trusting, State::Primary, SOON);
    wait_for_page(&trusting, 1.0);
    let wary = exporter(&other);
    assert_down(&wary, SOON);
    assert_reason(&wary, "UnknownIssuer");
}

/// `prefer` goes on in clear text where TLS fails: it says so, and why, wherever people look.
#[test]
fn a_fall_to_clear_text_is_told_everywhere() {
    let [authority, other, clients] = ["authority", "other", "clients"].map(Authority::new);
    let files = Folder::new();
    let cluster = server(&authority, &clients);
    let root = files.write_private("root.crt", &other.certificate);
    let url = format!("{}?sslmode=prefer&sslrootcert={root}", cluster.url("postgres"));
    let exporter = builder(&url).start();
    wait_for_state(&exporter, State::Primary, SOON);
    let page = wait_for_page(&exporter, 1.0);
    let is_tls = |page: &Page| page.value("pg_exporter_connection_tls", &[("datname", "postgres")]);
    assert_eq!(is_tls(&page), Some(0.0));
    let told = ["connected without TLS", "UnknownIssuer"];
    let run = builder(&url).arg("doctor").run();
    for (place, text) in [
        ("the log", exporter.line_of_log(told[0])),
        ("the page", exporter.get("/").text()),
        ("/stat", exporter.get("/stat").text()),
        ("/stat as JSON", exporter.get("/stat?format=json").text()),
        ("doctor", run.stdout),
    ] {
        assert!(told.iter().all(|part| text.contains(part)), "{place}: {text}");
    }
    lose(&cluster);
    wait_for_page(&exporter, 1.0);

    files.write_private("root.crt", &authority.certificate);
    lose(&cluster);
    wait_for(&exporter, "TLS", |page| is_tls(page) == Some(1.0));
    for path in ["/", "/stat"] {
        let text = exporter.get(path).text();
        assert!(!text.contains("without TLS"), "{path}: {text}");
    }
    let log = exporter.final_log();
    assert_eq!(log.matches(told[0]).count(), 1, "told once: {log}");
    // Where nothing else is asked for, or the server has no TLS, there is nothing to tell.
    let plain = builder(&format!("{}?sslmode=disable", cluster.url("postgres"))).start();
    let page = wait_for_page(&plain, 1.0);
    assert_eq!(is_tls(&page), Some(0.0));
    let log = plain.final_log();
    assert!(!log.contains("without TLS"), "{log}");
}

fn lose(cluster: &Cluster) {
    cluster.psql(
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'pg_exporter'",
    );
}
