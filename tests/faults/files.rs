//! Files that hang, are pipes, or are anything but files: nothing that answers waits for them.

mod scene;

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use pg_exporter_lab::process::Signal;
use pg_exporter_lab::{Exporter, wait_until};

use self::scene::{Hung, Scene};
use crate::support::{
    HEALTH_LIMIT, SOON, State, assert_recovers, page_within, wait_for_page, wait_for_state,
};

/// What health paths may take, however ill the file systems are. Busy machines are slow.
const AT_ONCE: Duration = Duration::from_secs(1);

/// The role that comes in by certificate and password.
const ROLE: &str = "monitor";

/// Every kind of file that the exporter reads, one of each in use.
const KINDS: [&str; 10] = [
    "url",
    "service.conf",
    "pgpass",
    "root.crt",
    "client.crt",
    "client.key",
    "app.yml",
    "web.yml",
    "web.crt",
    "web.key",
];

fn pipe(path: &Path) {
    fs::remove_file(path).unwrap();
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

/// For as long as that, `/liveness` is 200 at once, `/primary` has an answer at once, and it is the truth or 503.
#[track_caller]
fn assert_answers(exporter: &Exporter, during: Duration) {
    let begun = Instant::now();
    while begun.elapsed() < during {
        for (path, allowed) in [("/liveness", &[200][..]), ("/primary", &[200, 503])] {
            let asked = Instant::now();
            let status = exporter.get(path).status;
            assert!(allowed.contains(&status), "{path}: {status}");
            assert!(asked.elapsed() < AT_ONCE, "{path} took {:?}", asked.elapsed());
        }
        thread::sleep(Duration::from_millis(50));
    }
}

#[track_caller]
fn assert_ends(exporter: &Exporter) {
    exporter.signal(Signal::TERM);
    let status = exporter.wait(Duration::from_secs(5));
    assert!(status.is_some_and(|status| status.success()), "{status:?}");
}

#[test]
fn a_file_of_any_kind_that_becomes_a_pipe_freezes_nothing() {
    let scene = Scene::new();
    for name in KINDS.iter().filter(|name| !["web.crt", "web.key"].contains(name)) {
        let exporter = scene.start();
        let content = fs::read_to_string(scene.path(name)).unwrap();
        pipe(&scene.path(name));
        scene.disconnect();
        thread::scope(|scope| {
            scope.spawn(|| assert_answers(&exporter, HEALTH_LIMIT));
            page_within(&exporter, 4.0);
            exporter.get("/reload");
        });
        assert_ends(&exporter);
        // At the start it is an error at once, where it is needed at all then.
        let is_needed = ["url", "service.conf", "app.yml", "web.yml"].contains(name);
        if is_needed {
            let begun = Instant::now();
            let ended = scene.builder().arg("--web.listen-address=127.0.0.1:0").run();
            assert!(begun.elapsed() < HEALTH_LIMIT, "{name}: {:?}", begun.elapsed());
            assert!(!ended.status.success(), "{name}");
            let told = ended.stderr.contains("it is a pipe (FIFO), not a plain file");
            assert!(told && ended.stderr.contains(name), "{name}: {}", ended.stderr);
        }
        fs::remove_file(scene.path(name)).unwrap();
        scene.folder.write_private(name, &content);
    }
}

/// The web server's own certificate: read anew each second while it hangs, and at the start.
#[test]
fn a_certificate_of_the_web_server_that_becomes_a_pipe_stays_in_force() {
    let scene = Scene::new();
    scene.folder.write_private(
        "web.yml",
        "tls_server_config: { cert_file: web.crt, key_file: web.key }\n",
    );
    for name in ["web.crt", "web.key"] {
        let content = fs::read_to_string(scene.path(name)).unwrap();
        pipe(&scene.path(name));
        let begun = Instant::now();
        let ended = scene.builder().arg("--web.listen-address=127.0.0.1:0").run();
        assert!(begun.elapsed() < HEALTH_LIMIT, "{:?}", begun.elapsed());
        let told = ended.stderr.contains("it is a pipe (FIFO), not a plain file");
        assert!(
            told && ended.stderr.contains(name) && !ended.status.success(),
            "{}",
            ended.stderr
        );
        fs::remove_file(scene.path(name)).unwrap();
        scene.folder.write_private(name, &content);
    }
}

/// All of them at once, as when a mount hangs: what they held before serves on, new connections too.
#[test]
fn a_file_system_that_hangs_freezes_nothing() {
    let scene = Scene::new();
    let exporter = scene.start();
    let Some(hung) = Hung::over(scene.folder.path()) else {
        eprintln!("a_file_system_that_hangs_freezes_nothing: no mount here; the pipes stand in for it");
        return;
    };
    scene.disconnect();
    thread::scope(|scope| {
        scope.spawn(|| assert_answers(&exporter, Duration::from_secs(6)));
        page_within(&exporter, 4.0);
        exporter.get("/reload");
    });
    wait_for_state(&exporter, State::Primary, HEALTH_LIMIT);
    wait_for_page(&exporter, 1.0);
    let _ = exporter.line_of_log("its file system does not answer; what it held before is used");
    let threads = fs::read_dir(format!("/proc/{}/task", exporter.pid()))
        .unwrap()
        .count();
    assert!(threads < 60, "{threads} threads");
    assert_ends(&exporter);
    drop(hung);
}

/// A start is an error within the connect timeout, and a little.
#[test]
fn a_file_system_that_hangs_at_the_start_is_an_error_in_time() {
    let scene = Scene::new();
    let Some(hung) = Hung::over(scene.folder.path()) else {
        eprintln!("a_file_system_that_hangs_at_the_start_is_an_error_in_time: no mount here");
        return;
    };
    let at_all = ["PG_EXPORTER_URL_FILE", "PGSERVICEFILE", "-c", "--web.config.file"];
    for what in at_all {
        let program = Exporter::builder(env!("CARGO_BIN_EXE_pg_exporter"));
        let file = scene.path("any.yml");
        let builder = match what {
            "PG_EXPORTER_URL_FILE" => program.env(what, &file),
            "PGSERVICEFILE" => program.url("service=app").env(what, &file),
            flag => program.url("host=127.0.0.1").arg(flag).arg(&file),
        };
        let begun = Instant::now();
        let ended = builder.arg("--web.listen-address=127.0.0.1:0").run();
        assert!(begun.elapsed() < HEALTH_LIMIT, "{what}: {:?}", begun.elapsed());
        let told = ended.stderr.contains("it was not read within 1.0s");
        assert!(!ended.status.success() && told, "{what}: {}", ended.stderr);
    }
    drop(hung);
}

/// The mount is taken away: what is below it counts again.
#[test]
fn a_file_system_that_hung_is_read_again() {
    let scene = Scene::new();
    let exporter = scene.start();
    let Some(hung) = Hung::over(scene.folder.path()) else {
        eprintln!("a_file_system_that_hung_is_read_again: no mount here");
        return;
    };
    scene.disconnect();
    assert_recovers(&exporter, State::Primary);
    drop(hung);
    scene
        .cluster
        .psql(&format!("alter role {ROLE} password 'sec0nd-s3cret'"));
    scene.folder.write_private(
        "pgpass",
        &format!("127.0.0.1:{}:*:{ROLE}:sec0nd-s3cret\n", scene.cluster.port()),
    );
    scene.disconnect();
    assert_recovers(&exporter, State::Primary);
    wait_until("the definitions are read again", SOON, || {
        exporter.get("/reload").status == 200
    });
}

/// What stands in a folder of definitions and cannot be read is a mistake by its name; a lock of an editor is not.
#[test]
fn a_folder_of_definitions_names_what_cannot_be_read() {
    let scene = Scene::new();
    let definitions = scene.path("definitions");
    fs::create_dir(&definitions).unwrap();
    fs::copy(scene.path("app.yml"), definitions.join("1.yml")).unwrap();
    std::os::unix::fs::symlink("user@host.1234", definitions.join(".#1.yml")).unwrap();
    let check = || {
        let builder = Exporter::builder(env!("CARGO_BIN_EXE_pg_exporter"));
        builder.arg("check").arg(&definitions).run()
    };
    assert!(check().status.success(), "{}", check().stdout);
    fs::create_dir(definitions.join("2.yml")).unwrap();
    std::os::unix::fs::symlink("nowhere", definitions.join("3.yml")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", definitions.join("4.yaml")).unwrap();
    assert!(
        Command::new("mkfifo")
            .arg(definitions.join("5.yml"))
            .status()
            .unwrap()
            .success()
    );
    File::create(definitions.join("6.yml"))
        .unwrap()
        .set_len(1 << 40)
        .unwrap();
    let ended = check();
    assert!(!ended.status.success());
    for (name, why) in [
        ("2.yml", "it is a folder"),
        ("3.yml", "No such file or directory"),
        ("4.yaml", "it is a device"),
        ("5.yml", "it is a pipe"),
        ("6.yml", "it is larger than 4 MiB"),
    ] {
        let told = ended
            .stdout
            .lines()
            .any(|line| line.contains(name) && line.contains(why));
        assert!(told, "{name} {why}: {}", ended.stdout);
    }
    let ended = scene.builder().arg("-c").arg(&definitions).run();
    assert!(!ended.status.success());
}
