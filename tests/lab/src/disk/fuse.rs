//! One file shown through FUSE, whose server can stop to answer: what is on it then hangs, as on a disk that does not come back.
//!
//! The kernel's protocol, as far as one file needs it: <https://man7.org/linux/man-pages/man4/fuse.4.html>. Requests that are held
//! are answered when they no longer are.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::FileExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// What gets no answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hold {
    /// All is answered.
    #[default]
    Nothing,
    /// Reads.
    Reads,
    /// Reads, writes, and that they have reached the disk.
    Everything,
}

const GETATTR: u32 = 3;
const SETATTR: u32 = 4;
const OPEN: u32 = 14;
const READ: u32 = 15;
const WRITE: u32 = 16;
const RELEASE: u32 = 18;
const FSYNC: u32 = 20;
const FLUSH: u32 = 25;
const INIT: u32 = 26;
const ACCESS: u32 = 34;
const DESTROY: u32 = 38;
/// Those that get no answer at all.
const FORGET: u32 = 2;
const INTERRUPT: u32 = 36;
const BATCH_FORGET: u32 = 42;

const HEADER: usize = 40;
const MOST: u32 = 128 << 10;

/// The file, shown until dropped.
#[derive(Debug)]
pub(super) struct Fuse {
    place: PathBuf,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    device: File,
    file: File,
    state: Mutex<State>,
    ended: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    hold: Hold,
    held: Vec<Vec<u8>>,
}

impl Fuse {
    pub(super) fn show(file: &Path, place: &Path) -> Option<Self> {
        File::create(place).ok()?;
        let device = File::options().read(true).write(true).open("/dev/fuse").ok()?;
        // Standard input of the program that mounts: that is inherited.
        let options = "fd=0,rootmode=100644,user_id=0,group_id=0,allow_other";
        let mut mount = Command::new("mount");
        mount
            .args(["-i", "-t", "fuse", "-o", options, "pgx"])
            .arg(place)
            .process_group(0);
        mount.stdin(device.try_clone().ok()?).stderr(Stdio::null());
        let shared = Arc::new(Shared {
            device,
            file: File::options().read(true).write(true).open(file).ok()?,
            state: Mutex::default(),
            ended: AtomicBool::new(false),
        });
        // Already while it is mounted: the program that does it looks at what it has mounted.
        let server = Arc::clone(&shared);
        thread::spawn(move || server.serve());
        let fuse = Self {
            place: place.to_owned(),
            shared,
        };
        let is_mounted = mount.status().is_ok_and(|status| status.success());
        is_mounted.then_some(fuse)
    }

    pub(super) fn hold(&self, hold: Hold) {
        let held = {
            let mut state = self.shared.state();
            state.hold = hold;
            std::mem::take(&mut state.held)
        };
        for request in held {
            self.shared.take(request);
        }
    }
}

impl Drop for Fuse {
    fn drop(&mut self) {
        self.hold(Hold::Nothing);
        self.shared.ended.store(true, Ordering::Relaxed);
        let _ = Command::new("umount").arg("-l").arg(&self.place).status();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Until it is unmounted.
    fn serve(&self) {
        let mut buffer = vec![0; MOST as usize + 4096];
        loop {
            match (&self.device).read(&mut buffer) {
                Ok(length) => self.take(buffer.get(..length).unwrap_or_default().to_vec()),
                // Before it is mounted.
                Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                    if self.ended.load(Ordering::Relaxed) {
                        return;
                    }
                    thread::sleep(Duration::from_millis(2));
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        }
    }

    /// Answers a request, or holds it.
    fn take(&self, request: Vec<u8>) {
        let operation = number(&request, 4);
        {
            let mut state = self.state();
            let is_held = match state.hold {
                Hold::Nothing => false,
                Hold::Reads => operation == READ,
                Hold::Everything => [READ, WRITE, FSYNC, FLUSH].contains(&operation),
            };
            if is_held {
                state.held.push(request);
                return;
            }
        }
        if [FORGET, INTERRUPT, BATCH_FORGET].contains(&operation) {
            return;
        }
        let (error, body) = match self.answer(operation, &request) {
            Ok(body) => (0, body),
            Err(error) => (-error, Vec::new()),
        };
        let mut answer = Vec::with_capacity(16 + body.len());
        answer.extend(u32::try_from(16 + body.len()).unwrap_or_default().to_ne_bytes());
        answer.extend(error.to_ne_bytes());
        answer.extend(request.get(8..16).unwrap_or(&[0; 8]));
        answer.extend(body);
        // Nobody waits for it where the mount is gone.
        let _ = (&self.device).write(&answer);
    }

    /// The body of the answer, or an error's number.
    fn answer(&self, operation: u32, request: &[u8]) -> Result<Vec<u8>, i32> {
        const NO_SUCH_CALL: i32 = 38;
        const BROKEN: i32 = 5;
        let broken = |_| BROKEN;
        let (offset, size) = (long(request, HEADER + 8), number(request, HEADER + 16));
        match operation {
            INIT => Ok(Self::introduction()),
            GETATTR | SETATTR => Ok(self.attributes()),
            // The file's own cache is enough: FOPEN_DIRECT_IO.
            OPEN => Ok([&[0; 8][..], &1_u32.to_ne_bytes(), &[0; 4]].concat()),
            READ => {
                let mut data = vec![0; size as usize];
                let length = self.file.read_at(&mut data, offset).map_err(broken)?;
                data.truncate(length);
                Ok(data)
            }
            WRITE => {
                let data = request.get(HEADER + 40..).unwrap_or_default();
                let data = data.get(..size as usize).ok_or(BROKEN)?;
                self.file.write_all_at(data, offset).map_err(broken)?;
                Ok([size.to_ne_bytes(), [0; 4]].concat())
            }
            FSYNC | FLUSH | RELEASE | ACCESS | DESTROY => Ok(Vec::new()),
            _ => Err(NO_SUCH_CALL),
        }
    }

    /// Version 7.31, and how much may be written at a time.
    fn introduction() -> Vec<u8> {
        let mut body: Vec<u8> = [7_u32, 31, MOST, 0]
            .iter()
            .flat_map(|n| n.to_ne_bytes())
            .collect();
        body.extend([32_u16, 24].iter().flat_map(|n| n.to_ne_bytes()));
        body.extend([MOST, 1].iter().flat_map(|n| n.to_ne_bytes()));
        body.resize(64, 0);
        body
    }

    fn attributes(&self) -> Vec<u8> {
        let size = self.file.metadata().map_or(0, |metadata| metadata.len());
        let mut body = vec![0; 16];
        // Inode, size, blocks, three times.
        body.extend(
            [1, size, size / 512, 0, 0, 0]
                .iter()
                .flat_map(|n: &u64| n.to_ne_bytes()),
        );
        // Their parts of a second; mode, links, owner, group, device, block size, flags.
        let rest = [0, 0, 0, 0o100_644, 1, 0, 0, 0, 4096, 0];
        body.extend(rest.iter().flat_map(|n: &u32| n.to_ne_bytes()));
        body
    }
}

fn number(bytes: &[u8], at: usize) -> u32 {
    let bytes = bytes.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
    bytes.map_or(0, u32::from_ne_bytes)
}

fn long(bytes: &[u8], at: usize) -> u64 {
    let bytes = bytes.get(at..at + 8).and_then(|bytes| bytes.try_into().ok());
    bytes.map_or(0, u64::from_ne_bytes)
}
