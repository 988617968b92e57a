//! The password file, and secrets that are read anew.
#![cfg(unix)]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::{ConnInfo, Folder, TestEnvironment, hosts, password};

fn write(path: &Path, content: &str, mode: u32) {
    fs::write(path, content).unwrap();
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// A home directory with this password file.
fn home(content: &str) -> (Folder, TestEnvironment) {
    let home = Folder::new();
    write(&home.path().join(".pgpass"), content, 0o600);
    let mut environment = TestEnvironment::default().with_home(home.path());
    environment.socket_dirs = vec![PathBuf::from("/var/run/postgresql"), PathBuf::from("/tmp")];
    (home, environment)
}

const HOST: &str = "host=h port=7 dbname=d user=u";

#[test]
fn the_first_line_that_matches_gives_the_password() {
    let cases = [
        (HOST, "h:7:d:u:p", Some("p")),
        (HOST, "h:7:d:u:p\r\n", Some("p")),
        (HOST, "*:*:*:*:p", Some("p")),
        (
            HOST,
            "x:7:d:u:no\n#h:7:d:u:no\n\nh:*:d:u:p\n*:*:*:*:no",
            Some("p"),
        ),
        (HOST, "h:7:d:u:a\\:b\\\\c:ignored", Some("a:b\\c")),
        (HOST, "h:7:d:u:ends\\", Some("ends\\")),
        (HOST, "\\h:7:d:u:p", Some("p")),
        (HOST, "h:7:d:u:", Some("")),
        (HOST, "h:7:d:u", None),
        (HOST, "hh:7:d:u:p", None),
        (HOST, "h*:7:d:u:p", None),
        (HOST, "*", None),
        (HOST, "h:7:d:u\\", None),
        (HOST, " h:7:d:u:p", None),
        (HOST, "h:7:replication:u:p", None),
        ("host=h user=u", "h:5432:u:u:p", Some("p")),
        ("host=::1 user=u", "\\:\\:1:5432:*:*:p", Some("p")),
        (
            "host=h hostaddr=127.0.0.1",
            "127.0.0.1:*:*:*:no\nh:*:*:*:p",
            Some("p"),
        ),
        ("hostaddr=127.0.0.1", "127.0.0.1:*:*:*:p", Some("p")),
        ("host=/tmp", "localhost:*:*:*:no\n/tmp:*:*:*:p", Some("p")),
        ("host=/var/run/postgresql", "localhost:*:*:*:p", Some("p")),
        ("host=/run/pg", "localhost:*:*:*:no\n/run/pg:*:*:*:p", Some("p")),
        ("host=@pg", "@pg:*:*:*:p", Some("p")),
        ("port=7", "localhost:7:*:*:p", Some("p")),
        ("host=h password=given", "*:*:*:*:no", Some("given")),
        ("host=h password=''", "*:*:*:*:p", Some("p")),
    ];
    for (text, content, expected) in cases {
        let (_home, environment) = home(content);
        let info = ConnInfo::parse(text, &environment).unwrap();
        assert_eq!(password(&info).as_deref(), expected, "{text} with {content:?}");
    }
}

#[test]
fn each_host_has_its_own_password() {
    let (_home, environment) = home("a:1:*:*:pa\nb:2:*:*:pb\n");
    let info = ConnInfo::parse("postgres://u@a:1,b:2,c:3/d", &environment).unwrap();
    let found: Vec<_> = info
        .hosts()
        .iter()
        .map(|host| info.resolve_password(host).password)
        .collect();
    let found: Vec<_> = found
        .iter()
        .map(|secret| secret.as_ref().map(|secret| secret.expose()))
        .collect();
    assert_eq!(found, [Some(&b"pa"[..]), Some(b"pb"), None]);
    let (_home, environment) = home("a:1:other:*:p\n");
    let info = ConnInfo::parse("postgres://u@a:1/d", &environment).unwrap();
    assert_eq!(
        (password(&info), password(&info.with_database("other")).as_deref()),
        (None, Some("p"))
    );
}

#[test]
fn a_file_that_others_can_read_is_ignored_with_a_warning() {
    let (home, environment) = home("*:*:*:*:Hunter2");
    let path = home.path().join(".pgpass");
    let info = ConnInfo::parse("host=h", &environment).unwrap();
    for mode in [0o640, 0o604, 0o620, 0o610, 0o666] {
        write(&path, "*:*:*:*:Hunter2", mode);
        let lookup = info.resolve_password(&info.hosts()[0]);
        assert!(lookup.password.is_none(), "mode {mode:o}");
        let warning = lookup.warning.unwrap().to_string();
        let end = "is ignored: its group or others have access; make it `chmod 0600`";
        assert_eq!(warning, format!("password file {} {end}", path.display()));
    }
    for mode in [0o600, 0o400, 0o700] {
        write(&path, "*:*:*:*:Hunter2", mode);
        assert_eq!(password(&info).as_deref(), Some("Hunter2"), "mode {mode:o}");
        fs::remove_file(&path).unwrap();
    }
    assert_eq!(password(&info), None, "a file that is not there is no mistake");
}

#[test]
fn what_is_not_a_plain_file_is_never_opened() {
    let (home, environment) = home("");
    let text = format!("host=h passfile={}", home.path().display());
    let info = ConnInfo::parse(&text, &environment).unwrap();
    let warning = info
        .resolve_password(&info.hosts()[0])
        .warning
        .unwrap()
        .to_string();
    assert_eq!(
        warning,
        format!(
            "password file {} is ignored: it is not a plain file",
            home.path().display()
        )
    );
}

#[test]
fn passfile_and_pgpassfile_replace_the_one_at_home() {
    let (home, mut environment) = home("*:*:*:*:home");
    for name in ["given", "variable"] {
        write(&home.path().join(name), &format!("*:*:*:*:{name}"), 0o600);
    }
    environment
        .variables
        .insert("PGPASSFILE".into(), home.path().join("variable").into());
    let text = format!("host=h passfile='{}'", home.path().join("given").display());
    assert_eq!(
        password(&ConnInfo::parse(&text, &environment).unwrap()).as_deref(),
        Some("given")
    );
    assert_eq!(
        password(&ConnInfo::parse("host=h", &environment).unwrap()).as_deref(),
        Some("variable")
    );
}

#[test]
fn a_changed_password_is_used_at_the_next_connect() {
    let (home, environment) = home("*:*:*:*:old");
    let info = ConnInfo::parse("host=h", &environment).unwrap();
    assert_eq!(password(&info).as_deref(), Some("old"));
    write(&home.path().join(".pgpass"), "*:*:*:*:new", 0o600);
    assert_eq!(password(&info).as_deref(), Some("new"));
}

#[test]
fn a_password_in_the_service_file_is_read_anew_too() {
    let (home, environment) = home("*:*:*:*:passfile");
    let service = home.path().join(".pg_service.conf");
    fs::write(&service, "[app]\nhost=h\npassword=old\n").unwrap();
    let info = ConnInfo::parse("service=app", &environment).unwrap();
    assert_eq!(
        (hosts(&info), password(&info).as_deref()),
        (vec!["h:5432".to_owned()], Some("old"))
    );
    fs::write(&service, "[app]\nhost=elsewhere\npassword=new\n").unwrap();
    assert_eq!(
        (hosts(&info), password(&info).as_deref()),
        (vec!["h:5432".to_owned()], Some("new"))
    );
    fs::write(&service, "[app]\nhost=h\n").unwrap();
    assert_eq!(
        password(&info).as_deref(),
        Some("passfile"),
        "none in the service any more"
    );
    fs::remove_file(&service).unwrap();
    let lookup = info.resolve_password(&info.hosts()[0]);
    assert_eq!(
        lookup.password.unwrap().expose(),
        b"old",
        "better an old password than none"
    );
    let warning = lookup.warning.unwrap().to_string();
    assert!(
        warning.ends_with("cannot be read: No such file or directory"),
        "{warning}"
    );

    let given = ConnInfo::parse("host=h password=given", &environment).unwrap();
    assert_eq!(password(&given).as_deref(), Some("given"));
}

#[test]
fn a_pass_phrase_is_read_anew_as_the_password_is() {
    let (home, environment) = home("");
    let pass_phrase = |info: &ConnInfo| {
        let tls = info.resolve_tls();
        let secret = tls.client.and_then(|client| client.key_password);
        secret.map(|secret| String::from_utf8(secret.expose().to_vec()).unwrap())
    };
    let service = home.path().join(".pg_service.conf");
    fs::write(&service, "[app]\nhost=h\nsslpassword=old\n").unwrap();
    let info = ConnInfo::parse("service=app", &environment).unwrap();
    assert_eq!(pass_phrase(&info).as_deref(), Some("old"));
    fs::write(&service, "[app]\nhost=h\nsslpassword=new\n").unwrap();
    assert_eq!(pass_phrase(&info).as_deref(), Some("new"));
    fs::remove_file(&service).unwrap();
    assert_eq!(
        pass_phrase(&info).as_deref(),
        Some("old"),
        "better an old one than none"
    );

    let file = home.path().join("url");
    let text = "host=h user=u sslpassword=";
    fs::write(&file, format!("{text}new")).unwrap();
    let info = ConnInfo::parse(&format!("{text}old"), &environment).unwrap();
    assert_eq!(pass_phrase(&info).as_deref(), Some("old"));
    let info = info.with_url_file(file.clone());
    assert_eq!(pass_phrase(&info).as_deref(), Some("new"));
    fs::remove_file(&file).unwrap();
    assert_eq!(pass_phrase(&info).as_deref(), Some("old"));

    let given = ConnInfo::parse("host=h sslpassword=given", &environment).unwrap();
    assert_eq!(pass_phrase(&given).as_deref(), Some("given"));
}
