//! The six modes, versions and negotiation.

use pg_exporter_lab::authority::{expired, named};
use pg_exporter_lab::{Authority, Cluster};

use super::certificates::version_one;
use super::{Folder, HOST, connect, releases, show, start};

/// What is expected of an attempt: what the server sees, or a part of the error.
type Expected<'a> = Result<&'a str, &'a str>;

fn check(cluster: &Cluster, host: &str, parameters: &str, expected: Expected<'_>) {
    let seen = connect(cluster, host, parameters);
    let is_expected = match (&seen, expected) {
        (Ok(seen), Ok(expected)) => seen == expected,
        (Err(error), Err(part)) => error.contains(part),
        _ => false,
    };
    assert!(
        is_expected,
        "PostgreSQL {}, {host}, {parameters}: {seen:?}, not {expected:?}",
        cluster.major()
    );
}

const TLS: Expected<'_> = Ok("TLSv1.3");
const STRANGER: Expected<'_> = Err("UnknownIssuer");
const WRONG_NAME: Expected<'_> = Err("NotValidForName");

#[test]
fn a_mode_means_what_it_means_in_libpq() {
    let (authority, other) = (Authority::new("ca"), Authority::new("other"));
    let folder = Folder::new();
    let ca = folder.write_private("ca.crt", &authority.certificate);
    let other = folder.write_private("other.crt", &other.certificate);
    let both = folder.write_private(
        "both.crt",
        &std::fs::read_to_string(&other)
            .map(|o| o + &authority.certificate)
            .unwrap(),
    );
    let server = authority.pair(&named("unused", &[HOST, "127.0.0.1"]));
    for major in releases() {
        let cluster = start(major, &server, &authority.certificate);
        for user in ["tls_only", "bare_only"] {
            cluster.psql(&format!("create user {user}"));
        }
        let check = |host: &str, parameters: &str, expected| check(&cluster, host, parameters, expected);
        check(HOST, "sslmode=disable", Ok("none"));
        check(HOST, "sslmode=allow", Ok("none"));
        check(HOST, "", TLS);
        check(HOST, "sslmode=prefer", TLS);
        check(HOST, "sslmode=require", TLS);
        // The ways that a mode leaves open are taken when pg_hba.conf refuses the first.
        check(HOST, "user=tls_only sslmode=disable", Err("no pg_hba.conf entry"));
        check(HOST, "user=tls_only sslmode=allow", TLS);
        check(HOST, "user=bare_only sslmode=prefer", Ok("none"));
        check(
            HOST,
            "user=bare_only sslmode=require",
            Err("no pg_hba.conf entry"),
        );
        // A root certificate is used in every mode, if it is there.
        check(HOST, &format!("sslmode=require sslrootcert={ca}"), TLS);
        check(HOST, &format!("sslmode=require sslrootcert={other}"), STRANGER);
        check(HOST, &format!("sslmode=prefer sslrootcert={other}"), Ok("none"));
        check(HOST, "sslmode=require sslrootcert=/nonexistent", TLS);
        check("wrong.test", &format!("sslmode=verify-ca sslrootcert={ca}"), TLS);
        check(HOST, &format!("sslmode=verify-ca sslrootcert={both}"), TLS);
        check(HOST, &format!("sslmode=verify-ca sslrootcert={other}"), STRANGER);
        check(
            HOST,
            "sslmode=verify-ca sslrootcert=/nonexistent",
            Err("/nonexistent does not exist"),
        );
        check(HOST, "sslmode=verify-ca", Err("give sslrootcert"));
        check(HOST, &format!("sslmode=verify-full sslrootcert={ca}"), TLS);
        check("127.0.0.1", &format!("sslmode=verify-full sslrootcert={ca}"), TLS);
        check(
            "wrong.test",
            &format!("sslmode=verify-full sslrootcert={ca}"),
            WRONG_NAME,
        );
        check(
            "unused",
            &format!("sslmode=verify-full sslrootcert={ca}"),
            WRONG_NAME,
        );
        check(
            "127.0.0.2",
            &format!("sslmode=verify-full sslrootcert={ca}"),
            WRONG_NAME,
        );
        check(
            HOST,
            &format!("sslmode=verify-full sslrootcert={other}"),
            STRANGER,
        );
        check(
            HOST,
            "sslmode=require ssl_max_protocol_version=TLSv1.2",
            Ok("TLSv1.2"),
        );
        check(HOST, "sslmode=require ssl_min_protocol_version=TLSv1.3", TLS);
        let direct = if major >= 17 { TLS } else { Err("error") };
        check(HOST, "sslmode=require sslnegotiation=direct", direct);
        // Before 12 a server has no bounds of its own.
        if major >= 12 {
            cluster.set("ssl_max_protocol_version", "TLSv1.2");
            cluster.restart();
            check(HOST, "sslmode=require", Ok("TLSv1.2"));
            let too_old = "sslmode=require ssl_min_protocol_version=TLSv1.3";
            check(HOST, too_old, Err("ProtocolVersion"));
        }
        cluster.set("ssl", "off");
        cluster.restart();
        check(HOST, "sslmode=prefer", Ok("none"));
        check(HOST, "sslmode=require", Err("server does not support TLS"));
    }
}

#[test]
fn certificates_that_libpq_accepts_are_accepted() {
    let authority = Authority::new("ca");
    let folder = Folder::new();
    let ca = folder.write_private("ca.crt", &authority.certificate);
    for major in releases() {
        let cluster = start(major, &authority.pair(&named(HOST, &[])), &authority.certificate);
        let check = |host: &str, parameters: &str, expected| check(&cluster, host, parameters, expected);
        check(HOST, &format!("sslmode=verify-full sslrootcert={ca}"), TLS);
        check(
            "wrong.test",
            &format!("sslmode=verify-full sslrootcert={ca}"),
            WRONG_NAME,
        );

        show(&cluster, &authority.pair(&named("*.test", &[])));
        check(HOST, &format!("sslmode=verify-full sslrootcert={ca}"), TLS);
        check(
            "a.db.test",
            &format!("sslmode=verify-full sslrootcert={ca}"),
            WRONG_NAME,
        );

        show(&cluster, &authority.pair(&named(HOST, &["127.0.0.1"])));
        check(HOST, &format!("sslmode=verify-full sslrootcert={ca}"), TLS);

        show(&cluster, &authority.pair(&expired(named(HOST, &[HOST]))));
        check(HOST, "sslmode=require", TLS);
        check(
            HOST,
            &format!("sslmode=verify-ca sslrootcert={ca}"),
            Err("certificate expired"),
        );

        for server in [Authority::alone(HOST), version_one(HOST)] {
            let itself = folder.write_private("itself.crt", &server.certificate);
            show(&cluster, &server);
            check(HOST, "sslmode=require", TLS);
            check(HOST, &format!("sslmode=verify-ca sslrootcert={itself}"), TLS);
            check(HOST, &format!("sslmode=verify-full sslrootcert={itself}"), TLS);
            check(
                "wrong.test",
                &format!("sslmode=verify-full sslrootcert={itself}"),
                WRONG_NAME,
            );
        }
    }
}

#[test]
fn the_systems_certificates_do_not_know_a_private_server() {
    let authority = Authority::new("ca");
    let cluster = start(18, &authority.pair(&named(HOST, &[HOST])), &authority.certificate);
    let error = connect(&cluster, HOST, "sslrootcert=system").unwrap_err();
    assert!(
        error.contains("UnknownIssuer") || error.contains("ca-certificates"),
        "{error}"
    );
}
