//! Files that are there, are not, are something else, or hang.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::ErrorKind;
use std::process::Command;
use std::time::Instant;

use pg_exporter_lab::Folder;

use super::*;

fn pipe(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[test]
fn only_plain_files_of_a_sound_size_are_read() {
    let folder = Folder::new();
    let files = Files::default();
    let read = |name: &str| {
        files
            .read(&folder.at(name))
            .map(|content| content.bytes().to_vec())
    };
    fs::write(folder.at("plain"), "text").unwrap();
    assert_eq!(read("plain"), Ok(b"text".to_vec()));
    fs::write(folder.at("empty"), "").unwrap();
    assert_eq!(read("empty"), Ok(Vec::new()));
    assert_eq!(read("missing"), Err(FileError::Unseen(ErrorKind::NotFound)));
    assert_eq!(
        read("plain/below"),
        Err(FileError::Unseen(ErrorKind::NotADirectory))
    );
    fs::create_dir(folder.at("folder")).unwrap();
    assert_eq!(read("folder"), Err(FileError::NotPlain("folder")));
    pipe(&folder.at("pipe"));
    assert_eq!(read("pipe"), Err(FileError::NotPlain("pipe (FIFO)")));
    std::os::unix::fs::symlink("/dev/zero", folder.at("device")).unwrap();
    assert_eq!(read("device"), Err(FileError::NotPlain("device")));
    let _socket = std::os::unix::net::UnixListener::bind(folder.at("socket")).unwrap();
    assert_eq!(read("socket"), Err(FileError::NotPlain("socket")));
    File::create(folder.at("large"))
        .unwrap()
        .set_len(LARGEST + 1)
        .unwrap();
    assert_eq!(read("large"), Err(FileError::TooLarge(LARGEST)));
    // It says that it is empty.
    assert_eq!(
        files
            .read(Path::new("/proc/self/status"))
            .unwrap()
            .bytes()
            .first(),
        Some(&b'N')
    );
}

#[test]
fn what_was_read_last_serves_while_the_file_system_is_ill() {
    let folder = Folder::new();
    let path = folder.at("file");
    let files = Files::new(Duration::from_millis(200));
    fs::write(&path, "one").unwrap();
    assert_eq!(files.read_or_last(&path).unwrap().bytes(), b"one");
    // As if the system had not answered yet: who asks joins.
    let (release, held) = std::sync::mpsc::channel::<()>();
    let hung = files.reads.join(&path, move || {
        let _ = held.recv();
        Err(FileError::TooLarge(0))
    });
    assert_eq!(files.read(&path).err(), Some(FileError::Hangs(files.patience)));
    let began = Instant::now();
    assert_eq!(files.read_or_last(&path).unwrap().bytes(), b"one");
    assert!(began.elapsed() < files.patience, "that it hangs is known by now");
    assert!(
        matches!(files.read_or_last(&folder.at("missing")), Err(error) if error.is_missing()),
        "another file does not wait"
    );
    drop(release);
    hung.unwrap().wait(Duration::from_secs(20));
    fs::write(&path, "two").unwrap();
    assert_eq!(files.read_or_last(&path).unwrap().bytes(), b"two");
    fs::remove_file(&path).unwrap();
    assert!(
        files.read_or_last(&path).is_err(),
        "who takes a file away means it"
    );
}

#[test]
fn what_was_made_of_a_file_is_made_again_when_it_holds_something_else() {
    let folder = Folder::new();
    let path = folder.at("file");
    let files = Files::default();
    let length = |files: &Files| {
        let content = files.read(&path).unwrap();
        files.made(&path, &content, |bytes| match bytes {
            b"" => Err("empty"),
            bytes => Ok(bytes.len()),
        })
    };
    fs::write(&path, "one").unwrap();
    let one = length(&files).unwrap();
    fs::write(&path, "one").unwrap();
    assert!(Arc::ptr_eq(&one, &length(&files).unwrap()));
    fs::write(&path, "three").unwrap();
    assert_eq!(*length(&files).unwrap(), 5);
    fs::write(&path, "").unwrap();
    assert_eq!(length(&files), Err("empty"));
    let mut times = 0;
    for (time, expected) in [
        (Duration::ZERO, 1),
        (Duration::from_secs(600), 2),
        (Duration::ZERO, 2),
    ] {
        let made = files.made_lately("system", time, || {
            times += 1;
            Ok::<_, ()>(times)
        });
        assert_eq!(*made.unwrap(), expected);
    }
}
