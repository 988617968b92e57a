//! Client certificates, and passwords bound to the channel.

use pg_exporter_lab::Authority;
use pg_exporter_lab::authority::named;
use pkcs8::pkcs5::pbes2::Parameters;
use rcgen::KeyPair;

use super::openssl::by_libpq_of;
use super::{Folder, HOST, connect, releases, start};
use crate::postgres::conninfo::ConnInfo;

/// The key encrypted as `openssl pkcs8 -topk8` does.
fn encrypt(key: &str, password: &str) -> String {
    use pkcs8::der::pem::LineEnding;
    let key = KeyPair::from_pem(key).unwrap();
    let info = pkcs8::PrivateKeyInfoRef::try_from(key.serialized_der()).unwrap();
    let salt = *b"8 bytes.and 8 mo";
    let parameters = Parameters::generate_pbkdf2_sha256_aes256cbc(2048, &salt, [7; 16]).unwrap();
    let document = info.encrypt_with_params(parameters, password).unwrap();
    document
        .to_pem("ENCRYPTED PRIVATE KEY", LineEnding::LF)
        .unwrap()
        .to_string()
}

#[test]
fn a_client_certificate_lets_its_user_in() {
    let authority = Authority::new("ca");
    let folder = Folder::new();
    let client = authority.pair(&named("by_cert", &[]));
    let cert = folder.write_private("client.crt", &client.certificate);
    let key = folder.write_private("client.key", &client.key);
    let encrypted = folder.write_private("encrypted.key", &encrypt(&client.key, "Hunter2"));
    let stranger = authority.pair(&named("stranger", &[]));
    let stranger_cert = folder.write_private("stranger.crt", &stranger.certificate);
    let stranger_key = folder.write_private("stranger.key", &stranger.key);
    let server = authority.pair(&named(HOST, &[HOST]));
    for major in releases() {
        let cluster = start(major, &server, &authority.certificate);
        cluster.psql("create user by_cert");
        let connect = |parameters: &str| {
            connect(
                &cluster,
                HOST,
                &format!("user=by_cert sslmode=require {parameters}"),
            )
        };
        let tls = Ok("TLSv1.3".to_owned());
        assert_eq!(connect(&format!("sslcert={cert} sslkey={key}")), tls);
        assert_eq!(
            connect(&format!("sslcert={cert} sslkey={encrypted} sslpassword=Hunter2")),
            tls
        );
        let refused = |parameters: String, part: &str| {
            let error = connect(&parameters).unwrap_err();
            assert!(error.contains(part), "PostgreSQL {major}, {parameters}: {error}");
            assert!(!error.contains("Hunter2"), "{error}");
        };
        refused(String::new(), "valid client certificate");
        refused(
            format!("sslcert={cert} sslkey={key} sslcertmode=disable"),
            "valid client certificate",
        );
        refused("sslcert=/nonexistent".to_owned(), "valid client certificate");
        refused(
            format!("sslcert={stranger_cert} sslkey={stranger_key}"),
            "certificate authentication failed",
        );
        refused(
            format!("sslcert={cert} sslkey={encrypted}"),
            "is encrypted; give sslpassword",
        );
        refused(
            format!("sslcert={cert} sslkey={encrypted} sslpassword=Hunter22"),
            "cannot be decrypted",
        );
        refused(
            format!("sslcert={cert} sslkey={stranger_key}"),
            "stranger.key is not the key of the certificate",
        );
    }
}

#[test]
fn passwords_by_scram_md5_and_channel_binding() {
    let authority = Authority::new("ca");
    let server = authority.pair(&named(HOST, &[HOST]));
    for major in releases() {
        let cluster = start(major, &server, &authority.certificate);
        cluster.psql("set password_encryption = 'scram-sha-256'; create user by_scram password 'Hunter2'");
        cluster.psql("set password_encryption = 'md5'; create user by_md5 password 'Hunter2'");
        let connect = |parameters: &str| connect(&cluster, HOST, parameters);
        let (tls, none) = (Ok("TLSv1.3".to_owned()), Ok("none".to_owned()));
        for user in ["by_scram", "by_md5"] {
            assert_eq!(
                connect(&format!("user={user} password=Hunter2 sslmode=require")),
                tls
            );
            assert_eq!(
                connect(&format!("user={user} password=Hunter2 sslmode=disable")),
                none
            );
            let error = connect(&format!("user={user} password=hunter2")).unwrap_err();
            assert!(error.contains("password authentication failed"), "{error}");
        }
        // Channel binding came with PostgreSQL 11, and is a part of SCRAM over TLS only.
        let bound = connect("user=by_scram password=Hunter2 sslmode=require channel_binding=require");
        assert_eq!(bound.is_ok(), major >= 11, "PostgreSQL {major}: {bound:?}");
        assert_eq!(
            connect("user=by_scram password=Hunter2 sslmode=require channel_binding=disable"),
            tls
        );
        for parameters in ["user=by_md5 sslmode=require", "user=by_scram sslmode=disable"] {
            connect(&format!("{parameters} password=Hunter2 channel_binding=require")).unwrap_err();
        }
    }
}

/// Each way in which a server may find out who we are, by each rule: psql and we get in by the same. Where we do not, the password
/// has not been sent.
#[test]
fn methods_that_are_not_allowed_get_no_answer() {
    let authority = Authority::new("ca");
    let cluster = start(18, &authority.pair(&named(HOST, &[HOST])), &authority.certificate);
    cluster.write_file(
        "pg_hba.conf",
        "local all all trust\nhost all by_plain all password\nhost all by_md5 all md5\nhost all by_scram all scram-sha-256\n\
         host all postgres all trust\n",
    );
    cluster.psql("set password_encryption = md5; create user by_md5 password 'Hunter2'");
    cluster.psql("create user by_scram password 'Hunter2'; create user by_plain password 'Hunter2'");
    cluster.restart();
    let rules = [
        "''",
        "scram-sha-256",
        "password",
        "md5",
        "none",
        "!password",
        "!password,!md5",
        "!none",
        "!scram-sha-256",
        "scram-sha-256,md5",
        "none,scram-sha-256",
        "gss",
        "md5,bogus",
        "md5,!password",
        "md5,md5",
    ];
    let (mut accepted, mut refused) = (0, 0);
    for user in ["postgres", "by_plain", "by_md5", "by_scram"] {
        for rule in rules {
            for mode in ["disable", "prefer", "require"] {
                let parameters = format!("user={user} password=Hunter2 sslmode={mode} require_auth={rule}");
                let theirs = by_libpq_of(&cluster, HOST, &parameters);
                let is_rule = parse_rule(&parameters);
                let ours = if is_rule {
                    connect(&cluster, HOST, &parameters)
                } else {
                    Err("no rule".to_owned())
                };
                assert_eq!(ours.as_ref().ok(), theirs.as_ref(), "{parameters}: {ours:?}");
                accepted += u32::from(ours.is_ok());
                refused += u32::from(ours.is_err());
                if let Err(error) = ours
                    && is_rule
                {
                    assert!(
                        error.contains("require_auth does not allow"),
                        "{parameters}: {error}"
                    );
                }
            }
        }
    }
    assert_eq!((accepted, refused), (60, 120), "accepted, refused");
}

fn parse_rule(parameters: &str) -> bool {
    ConnInfo::parse(&format!("host=h {parameters}"), &super::Nothing).is_ok()
}
