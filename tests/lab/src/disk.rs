//! A disk of a server's own that breaks: a file with an ext4 file system, mounted over the data folder. It takes root.
//!
//! The file is either read as it is, or through FUSE, by a server in this process that can stop to answer.

mod fuse;

use std::fs::{self, File};
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use self::fuse::Fuse;
pub use self::fuse::Hold;
use crate::Cluster;
use crate::account::{account, is_root};
use crate::process::{Signal, signal, working_in};
use crate::wait::poll;

/// Its size; what is not written takes no space.
const SIZE: u64 = 400 << 20;

/// A disk; taken away when dropped, and the server on it ended.
#[derive(Debug)]
pub struct Disk {
    data: PathBuf,
    image: PathBuf,
    /// What is mounted: the file, or the one that FUSE shows.
    source: PathBuf,
    fuse: Option<Fuse>,
}

impl Disk {
    /// Moves a server's data to a disk of its own; the server is restarted. `None` where the machine gives none.
    ///
    /// # Panics
    /// When the server does not start on it.
    #[must_use]
    #[track_caller]
    pub fn under(cluster: &Cluster, with_fuse: bool) -> Option<Self> {
        if !is_root() {
            return None;
        }
        let folder = cluster.socket_folder();
        let (image, source) = (folder.join("disk"), folder.join("disk.fuse"));
        cluster.stop();
        let disk = Self::make(&cluster.data(), image, source, with_fuse);
        cluster.start_again();
        disk
    }

    fn make(data: &Path, image: PathBuf, source: PathBuf, with_fuse: bool) -> Option<Self> {
        File::create(&image).and_then(|file| file.set_len(SIZE)).ok()?;
        let made = Command::new("mkfs.ext4")
            .args(["-q", "-F", "-J", "size=8", "-E", "nodiscard", "-d"])
            .args([data, &image])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        made.ok().filter(|status| status.success())?;
        let fuse = match with_fuse {
            true => Some(Fuse::show(&image, &source)?),
            false => None,
        };
        let source = if with_fuse { source } else { image.clone() };
        let disk = Self {
            data: data.to_owned(),
            image,
            source,
            fuse,
        };
        disk.mount().then_some(disk)
    }

    /// Mounts it, with the server's user as its owner. Whether that went well.
    pub fn mount(&self) -> bool {
        let mut mount = Command::new("mount");
        mount
            .args(["-o", "loop,errors=remount-ro"])
            .args([&self.source, &self.data]);
        let is_mounted = mount.status().is_ok_and(|status| status.success());
        let is_private = fs::set_permissions(&self.data, fs::Permissions::from_mode(0o700)).is_ok();
        is_mounted && is_private && account().is_ok_and(|account| account.give(&self.data).is_ok())
    }

    /// Takes it away, when the server does not run.
    pub fn unmount(&self) {
        // What is still busy goes as soon as it is not.
        let _ = Command::new("umount").arg("-l").arg(&self.data).status();
    }

    /// As the system does at a start: what an error has left is mended.
    pub fn check(&self) {
        // It says by its status that it has mended something.
        let _ = Command::new("e2fsck")
            .args(["-p", "-f"])
            .arg(&self.image)
            .stdout(Stdio::null())
            .status();
    }

    /// The file system finds an error, and is read-only from then on. Whether the kernel can do that.
    #[must_use]
    pub fn fail(&self) -> bool {
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
        let data = self.data.display().to_string();
        // The device is known by its name there: /dev/loop3.
        let device = fs::read_dir("/sys/fs/ext4")
            .into_iter()
            .flatten()
            .flatten()
            .find(|entry| {
                let name = entry.file_name().to_string_lossy().into_owned();
                let backing = fs::read_to_string(format!("/sys/block/{name}/loop/backing_file"));
                backing.is_ok_and(|file| Path::new(file.trim()) == self.source)
            });
        let is_there = mounts.lines().any(|line| line.split(' ').nth(1) == Some(&data));
        is_there && device.is_some_and(|entry| fs::write(entry.path().join("trigger_fs_error"), "1").is_ok())
    }

    /// `fsfreeze`: what writes waits, until it is told to go on. Whether that went well.
    pub fn freeze(&self, is_frozen: bool) -> bool {
        let mut freeze = Command::new("fsfreeze");
        freeze.arg(if is_frozen { "-f" } else { "-u" }).arg(&self.data);
        freeze.status().is_ok_and(|status| status.success())
    }

    /// Has the disk behind FUSE answer, or not.
    pub fn hold(&self, hold: Hold) {
        if let Some(fuse) = &self.fuse {
            fuse.hold(hold);
        }
    }

    /// Forgets what is in memory of its files, so that who reads them needs the disk; it must answer.
    pub fn forget(&self) {
        let _ = Command::new("sync").arg("-f").arg(&self.data).status();
        let mut waiting = vec![self.data.clone()];
        while let Some(path) = waiting.pop() {
            let is_link = path.is_symlink();
            if path.is_dir() && !is_link {
                waiting.extend(
                    fs::read_dir(&path)
                        .into_iter()
                        .flatten()
                        .flatten()
                        .map(|entry| entry.path()),
                );
            } else if let Ok(file) = File::open(&path) {
                // What cannot be forgotten stays.
                let _ = rustix::fs::fadvise(file.as_fd(), 0, None, rustix::fs::Advice::DontNeed);
            }
        }
    }
}

impl Disk {
    /// Ends what still runs on it: whoever looks for the server by its folder would not find it afterwards.
    fn empty(&self) {
        for how in [Signal::QUIT, Signal::KILL] {
            for pid in working_in(&self.data) {
                // It may have gone meanwhile.
                let _ = signal(pid, how);
            }
            let is_empty = || working_in(&self.data).is_empty().then_some(());
            if poll(Duration::from_secs(5), is_empty).is_some() {
                return;
            }
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("fsfreeze")
            .arg("-u")
            .arg(&self.data)
            .stderr(Stdio::null())
            .status();
        self.hold(Hold::Nothing);
        self.empty();
        self.unmount();
        // FUSE goes behind it.
        drop(self.fuse.take());
    }
}
