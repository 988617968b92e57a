//! What wins: text, service, variables, defaults. And the local default.

use std::fs;

use super::{ConnInfo, Folder, TestEnvironment, hosts, parse_ok, password};
use crate::postgres::conninfo::{Parts, PasswordSource};
use crate::values::Secret;

/// Surroundings with a home directory that holds this service file.
fn with_service_file(content: &str, variables: &[(&str, &str)]) -> (Folder, TestEnvironment) {
    let home = Folder::new();
    fs::write(home.path().join(".pg_service.conf"), content).unwrap();
    let environment = TestEnvironment::of(variables).with_home(home.path());
    (home, environment)
}

#[test]
fn variables_fill_what_the_text_leaves_open() {
    let environment = TestEnvironment::of(&[
        ("PGHOST", "vh"),
        ("PGPORT", "7"),
        ("PGUSER", "vu"),
        ("PGPASSWORD", "vp"),
        ("PGDATABASE", "vd"),
        ("PGSSLMODE", "verify-ca"),
    ]);
    let info = ConnInfo::parse("", &environment).unwrap();
    assert_eq!((info.user(), info.database()), ("vu", "vd"));
    assert_eq!(
        (hosts(&info), password(&info).as_deref()),
        (vec!["vh:7".to_owned()], Some("vp"))
    );
    assert_eq!(info.tls().mode.name(), "verify-ca");
    assert_eq!(info.display(), "", "only what the text says is printed");

    let info = ConnInfo::parse("postgres://u:p@h/d?sslmode=require", &environment).unwrap();
    assert_eq!((info.user(), info.database()), ("u", "d"));
    assert_eq!(
        (hosts(&info), password(&info).as_deref()),
        (vec!["h:7".to_owned()], Some("p"))
    );
    assert_eq!(info.tls().mode.name(), "require");
}

#[test]
fn an_empty_value_is_set_but_means_the_default() {
    let environment = TestEnvironment::of(&[("PGHOST", "vh"), ("PGDATABASE", "vd"), ("PGUSER", "vu")]);
    let info = ConnInfo::parse("host='' dbname='' user=''", &environment).unwrap();
    assert_eq!((info.user(), info.database()), ("os_user", "os_user"));
    assert_eq!(hosts(&info), ["localhost:5432"]);
    // A URL's empty components are not set, as in libpq.
    let info = ConnInfo::parse("postgres://:@:/", &environment).unwrap();
    assert_eq!(
        (info.user(), info.database(), hosts(&info)),
        ("vu", "vd", vec!["vh:5432".to_owned()])
    );
}

#[test]
fn pgrequiressl_yields_to_pgsslmode() {
    for (variables, mode) in [
        (&[("PGREQUIRESSL", "1")][..], "require"),
        (&[("PGREQUIRESSL", "0")], "prefer"),
        (&[("PGREQUIRESSL", "1"), ("PGSSLMODE", "allow")], "allow"),
    ] {
        let info = ConnInfo::parse("host=h", &TestEnvironment::of(variables)).unwrap();
        assert_eq!(info.tls().mode.name(), mode);
    }
}

#[test]
fn a_service_is_between_text_and_variables() {
    let file = "# comment\n[other]\nhost=x\n\n [app] ignored\r\n host=sh\t\nhost=second\nport=8\npassword= s p\n[app]\nuser=z\n";
    let (_home, environment) = with_service_file(file, &[("PGHOST", "vh"), ("PGUSER", "vu")]);
    let info = ConnInfo::parse("service=app port=9", &environment).unwrap();
    assert_eq!((hosts(&info), info.user()), (vec!["sh:9".to_owned()], "vu"));
    assert_eq!(
        password(&info).as_deref(),
        Some(" s p"),
        "white space within a line belongs to the value"
    );

    let (_home, environment) = with_service_file(file, &[("PGSERVICE", "app")]);
    assert_eq!(
        hosts(&ConnInfo::parse("postgres://", &environment).unwrap()),
        ["sh:8"]
    );
    assert_eq!(
        hosts(&ConnInfo::parse("service=other", &environment).unwrap()),
        ["x:5432"]
    );
}

#[test]
fn a_service_is_looked_for_in_the_given_file_then_in_the_systems() {
    let dir = Folder::new();
    let (mine, system) = (dir.path().join("mine.conf"), dir.path().join("pg_service.conf"));
    fs::write(&mine, "[a]\nhost=mine\n").unwrap();
    fs::write(&system, "[a]\nhost=system\n[b]\nhost=system\n").unwrap();
    let (mine, dir) = (mine.to_str().unwrap(), dir.path().to_str().unwrap());
    let variables = TestEnvironment::of(&[("PGSERVICEFILE", mine), ("PGSYSCONFDIR", dir)]);
    for (text, host) in [("service=a", "mine:5432"), ("service=b", "system:5432")] {
        assert_eq!(hosts(&ConnInfo::parse(text, &variables).unwrap()), [host]);
    }
    let defaults = TestEnvironment {
        config_dirs: vec![dir.into()],
        ..TestEnvironment::default()
    };
    assert_eq!(
        hosts(&ConnInfo::parse("service=a", &defaults).unwrap()),
        ["system:5432"]
    );
    let text = format!("service=a servicefile={mine}");
    assert_eq!(hosts(&ConnInfo::parse(&text, &defaults).unwrap()), ["mine:5432"]);
}

#[test]
fn a_mistake_in_a_service_file_names_file_and_line() {
    let cases = [
        (
            "[app]\nhost\n",
            "line 2: expected name=value, a [section] or a # comment",
        ),
        (
            "[app]\n\nservice=x\n",
            "line 3: a service cannot refer to another service",
        ),
        (
            "[app]\npasswort=Hunter2\n",
            "line 2: unknown parameter; did you mean `password`?",
        ),
        (
            "[app]\nport=Hunter2\n",
            "line 2: the value of `port` is not valid; expected ports from 1 to 65535, \
             separated by commas",
        ),
    ];
    for (content, end) in cases {
        let (home, environment) = with_service_file(content, &[]);
        let path = home.path().join(".pg_service.conf");
        let error = ConnInfo::parse("service=app", &environment).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("service file {}, {end}", path.display())
        );
        let text = format!("service=app servicefile={}", path.display());
        let error = ConnInfo::parse(&text, &environment).unwrap_err();
        assert_eq!(error.to_string(), format!("service file of `servicefile`, {end}"));
    }
    let environment = TestEnvironment::of(&[("PGSERVICEFILE", "/nonexistent")]);
    let error = ConnInfo::parse("service=app", &environment).unwrap_err();
    assert_eq!(
        error.to_string(),
        "service file /nonexistent: cannot be read: No such file or directory"
    );
}

#[test]
fn without_a_host_the_first_socket_that_exists_is_used_at_each_connect() {
    let (first, second) = (Folder::new(), Folder::new());
    let dirs = vec![first.path().to_owned(), second.path().to_owned()];
    let environment = TestEnvironment {
        socket_dirs: dirs,
        ..TestEnvironment::default()
    };
    let info = ConnInfo::parse("postgres://:6432/app", &environment).unwrap();
    let place = |dir: &Folder| vec![format!("{}:6432", dir.path().display())];
    assert_eq!(hosts(&info), ["localhost:6432"]);
    fs::write(second.path().join(".s.PGSQL.6432"), "").unwrap();
    assert_eq!(hosts(&info), place(&second), "the server came after the exporter");
    fs::write(first.path().join(".s.PGSQL.6432"), "").unwrap();
    assert_eq!(hosts(&info), place(&first));
    fs::write(first.path().join(".s.PGSQL.5432"), "").unwrap();
    assert_eq!(
        hosts(&ConnInfo::parse("port=7", &environment).unwrap()),
        ["localhost:7"]
    );
    assert_eq!(
        hosts(&ConnInfo::parse("host=h,", &environment).unwrap())[1],
        format!("{}:5432", first.path().display())
    );
}

#[test]
fn the_real_environment_has_a_user_and_socket_directories() {
    use crate::postgres::conninfo::{Environment, ProcessEnvironment};
    assert!(
        ProcessEnvironment::default()
            .os_user()
            .is_some_and(|user| !user.is_empty())
    );
    assert_eq!(ProcessEnvironment::default().socket_dirs().len(), 2);
    assert_eq!(
        ProcessEnvironment::default().var("PATH"),
        std::env::var_os("PATH")
    );
    assert_eq!(parse_ok("").user(), "os_user");
}

/// What a targets file says of one target, and the password that comes of it.
#[test]
fn a_password_of_others_is_for_who_says_nothing_of_his() {
    use std::os::unix::fs::PermissionsExt as _;
    type Given<'a> = &'a [(&'static str, &'a str)];
    let files = Folder::new();
    let passfile = files.write("pgpass", "*:*:*:*:of-file\n");
    fs::set_permissions(&passfile, fs::Permissions::from_mode(0o600)).unwrap();
    let passfile = passfile.as_str();
    let by_url = format!("postgresql://h/?passfile={passfile}");
    let service = files.write("service", &format!("[s]\nhost=h\npassfile={passfile}\n"));
    let of_service = [("service", "s"), ("servicefile", service.as_str())];
    let file = |name: &str| PasswordSource::File(files.write(name, name).into());
    let (own, theirs) = (|| Some(file("own")), || Some(file("theirs")));
    let literal: Given<'_> = &[("password", "literal")];
    // Own keys, URL, inherited keys, own source, inherited source.
    let table: [(Given<'_>, &str, Given<'_>, _, _, &str); 13] = [
        (&[], "", &[], None, theirs(), "theirs"),
        (&[], "", literal, None, None, "literal"),
        (&[], "", &[("passfile", passfile)], None, None, "of-file"),
        (&[("passfile", passfile)], "", literal, None, None, "of-file"),
        (&[("passfile", passfile)], "", &[], None, theirs(), "of-file"),
        (&[], &by_url, literal, None, None, "of-file"),
        (&[], &by_url, &[], None, theirs(), "of-file"),
        (&of_service, "", literal, None, None, "of-file"),
        (&of_service, "", &[], None, theirs(), "of-file"),
        (&[], "postgresql://u:p@h/", &[], None, theirs(), "p"),
        (&[], "postgresql://u:p@h/", &[], own(), None, "own"),
        (&[("passfile", passfile)], "", &[], own(), None, "own"),
        (&[("password", "p")], &by_url, &[], None, theirs(), "p"),
    ];
    for (number, (own, url, inherited, own_password, inherited_password, expected)) in
        table.into_iter().enumerate()
    {
        let settings = |given: Given<'_>| {
            given
                .iter()
                .map(|(key, value)| (*key, Secret::from(*value)))
                .collect()
        };
        let parts = Parts {
            own: settings(own),
            url: (!url.is_empty()).then_some(url),
            inherited: settings(inherited),
            own_password,
            inherited_password,
        };
        let info = ConnInfo::of_parts(parts, &TestEnvironment::default()).unwrap();
        assert_eq!(password(&info).as_deref(), Some(expected), "row {number}");
    }
}
