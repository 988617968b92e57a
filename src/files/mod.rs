//! Files, read where nobody waits for them: a file system may hang, and nothing that answers HTTP or probes hangs with it.
//!
//! Connection strings, service and password files, certificates, keys, definitions and the web configuration are all read
//! by [`Files`]: on a thread of its own, with a deadline and a bound on size, plain files only. Name lookups, which may hang
//! as well, use the same `SingleFlight`.

mod command;
mod error;
mod made;
mod single_flight;
mod stamp;
mod threads;

use std::collections::HashMap;
use std::fs::{self, File, FileType, Metadata};
use std::io::Read as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use zeroize::Zeroizing;

pub use command::Commands;
pub use error::FileError;
pub(crate) use single_flight::SingleFlight;
pub use stamp::Stamp;

/// The largest file that is read: a bundle of all public certificate authorities has a quarter of a MiB.
const LARGEST: u64 = 4 << 20;

/// How long a file may take when nobody says: as the connect timeout, whose default it is.
const PATIENCE: Duration = Duration::from_secs(1);

/// Reads files. Clones share what is under way and what was read last.
#[derive(Clone, Debug)]
pub struct Files {
    patience: Duration,
    reads: SingleFlight<PathBuf, Result<Content, FileError>>,
    listings: SingleFlight<PathBuf, Result<Option<Vec<PathBuf>>, FileError>>,
    entries: SingleFlight<PathBuf, Result<Option<Vec<PathBuf>>, FileError>>,
    stamps: SingleFlight<PathBuf, Stamp>,
    commands: Commands,
    last: Arc<Mutex<HashMap<PathBuf, Last>>>,
    made: made::AllMade,
}

/// What was read last, and whether the log says that it is used.
#[derive(Debug)]
struct Last {
    content: Content,
    is_told: bool,
}

/// What a file held, and who may use it.
#[derive(Clone)]
pub struct Content {
    bytes: Arc<Zeroizing<Vec<u8>>>,
    /// The permission bits.
    pub mode: u32,
    /// The owner.
    pub owner: u32,
}

impl Content {
    /// The bytes, which may be a secret.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Content({} bytes)", self.bytes.len())
    }
}

impl Default for Files {
    fn default() -> Self {
        Self::new(PATIENCE)
    }
}

impl Files {
    /// Reads each file within that time, or says that it hangs.
    #[must_use]
    pub fn new(patience: Duration) -> Self {
        Self {
            patience,
            reads: SingleFlight::default(),
            listings: SingleFlight::default(),
            entries: SingleFlight::default(),
            stamps: SingleFlight::default(),
            commands: Commands::default(),
            last: Arc::default(),
            made: made::AllMade::default(),
        }
    }

    /// The same, with programs that write passwords of its own: each has its whole time, whoever waits.
    #[must_use]
    pub fn with_patient_commands(self) -> Self {
        Self {
            commands: Commands::patient(),
            ..self
        }
    }

    /// Reads a file. Blocks the thread, but never for longer than the patience.
    ///
    /// # Errors
    /// When there is no plain file of a sound size that can be read in time.
    pub fn read(&self, path: &Path) -> Result<Content, FileError> {
        let own = path.to_owned();
        let flight = self.reads.join(&path.to_owned(), move || read_plain(&own));
        let flight = flight.map_err(|error| FileError::Unreadable(error.kind()))?;
        flight
            .wait(self.patience)
            .unwrap_or(Err(FileError::Hangs(self.patience)))
    }

    /// Reads a file; where its file system is ill, what was read last. That is a warning in the log, once for each hang.
    ///
    /// # Errors
    /// As [`read`](Self::read), when it was never read before, or somebody has taken it away.
    pub fn read_or_last(&self, path: &Path) -> Result<Content, FileError> {
        let read = self.read(path);
        let mut all = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match read {
            Ok(content) => {
                let is_told = false;
                all.insert(
                    path.to_owned(),
                    Last {
                        content: content.clone(),
                        is_told,
                    },
                );
                Ok(content)
            }
            Err(error) if error.is_of_file_system() => {
                let last = all.get_mut(path).ok_or_else(|| error.clone())?;
                if !std::mem::replace(&mut last.is_told, true) {
                    let path = path.display();
                    tracing::warn!("{path} cannot be read: {error}; what it held before is used");
                }
                Ok(last.content.clone())
            }
            Err(error) => {
                all.remove(path);
                Err(error)
            }
        }
    }

    /// What changes when the file does. Blocks the thread, but never for longer than the patience.
    #[must_use]
    pub fn stamp(&self, path: &Path) -> Stamp {
        let own = path.to_owned();
        let flight = self.stamps.join(&path.to_owned(), move || Stamp::of(&own));
        let stamp = flight.ok().and_then(|flight| flight.wait(self.patience));
        stamp.unwrap_or(Stamp::Hangs)
    }

    /// The definition files of a folder, by name; `None` when the path is no folder.
    ///
    /// # Errors
    /// When the folder cannot be looked into, or not in time.
    pub fn definitions(&self, path: &Path) -> Result<Option<Vec<PathBuf>>, FileError> {
        let own = path.to_owned();
        let flight = self.listings.join(&path.to_owned(), move || list(&own));
        let flight = flight.map_err(|error| FileError::Unreadable(error.kind()))?;
        flight
            .wait(self.patience)
            .unwrap_or(Err(FileError::Hangs(self.patience)))
    }

    /// All that is in a folder, by name; `None` when the path is no folder.
    ///
    /// # Errors
    /// When the folder cannot be looked into, or not in time.
    pub fn entries(&self, path: &Path) -> Result<Option<Vec<PathBuf>>, FileError> {
        let own = path.to_owned();
        let flight = self.entries.join(&path.to_owned(), move || list_all(&own));
        let flight = flight.map_err(|error| FileError::Unreadable(error.kind()))?;
        flight
            .wait(self.patience)
            .unwrap_or(Err(FileError::Hangs(self.patience)))
    }

    /// What runs the programs that write passwords.
    #[must_use]
    pub fn commands(&self) -> &Commands {
        &self.commands
    }

    /// How long each may take.
    #[must_use]
    pub fn patience(&self) -> Duration {
        self.patience
    }
}

fn list_all(path: &Path) -> Result<Option<Vec<PathBuf>>, FileError> {
    let metadata = fs::metadata(path).map_err(|error| FileError::Unseen(error.kind()))?;
    if !metadata.is_dir() {
        return Ok(None);
    }
    let unreadable = |error: std::io::Error| FileError::Unreadable(error.kind());
    let entries = fs::read_dir(path).map_err(unreadable)?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    let mut paths = paths.collect::<Result<Vec<_>, _>>().map_err(unreadable)?;
    paths.sort();
    Ok(Some(paths))
}

fn list(path: &Path) -> Result<Option<Vec<PathBuf>>, FileError> {
    let metadata = fs::metadata(path).map_err(|error| FileError::Unseen(error.kind()))?;
    if !metadata.is_dir() {
        return Ok(None);
    }
    let files = pg_exporter_schema::definition_files(path);
    files
        .map(Some)
        .map_err(|error| FileError::Unreadable(error.kind()))
}

/// Looks before it opens, as opening a pipe waits for a writer, and after that too: the file may have been replaced.
fn read_plain(path: &Path) -> Result<Content, FileError> {
    let before = fs::metadata(path).map_err(|error| FileError::Unseen(error.kind()))?;
    check(&before)?;
    let unreadable = |error: std::io::Error| FileError::Unreadable(error.kind());
    let file = File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    check(&metadata)?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(
        usize::try_from(metadata.len()).unwrap_or_default() + 1,
    ));
    file.take(LARGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 > LARGEST {
        return Err(FileError::TooLarge(LARGEST));
    }
    Ok(Content {
        bytes: Arc::new(bytes),
        mode: metadata.mode(),
        owner: metadata.uid(),
    })
}

fn check(metadata: &Metadata) -> Result<(), FileError> {
    if !metadata.is_file() {
        return Err(FileError::NotPlain(kind(metadata.file_type())));
    }
    if metadata.len() > LARGEST {
        return Err(FileError::TooLarge(LARGEST));
    }
    Ok(())
}

fn kind(kind: FileType) -> &'static str {
    if kind.is_dir() {
        "folder"
    } else if kind.is_fifo() {
        "pipe (FIFO)"
    } else if kind.is_socket() {
        "socket"
    } else {
        "device"
    }
}

#[cfg(test)]
mod tests;
