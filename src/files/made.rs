//! What was made of a file: kept for as long as the file holds the same, so that many who need it make and keep it once.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::{Content, Files};

/// All that was made, by the path and the type of what it became; clones share it.
#[derive(Clone, Default)]
pub(super) struct AllMade(Arc<Mutex<HashMap<(PathBuf, TypeId), Made>>>);

struct Made {
    of: Of,
    what: Arc<dyn Any + Send + Sync>,
}

/// Until when it holds.
enum Of {
    /// While the file holds this.
    Content(Content),
    /// Until then.
    Moment(Instant),
}

impl fmt::Debug for AllMade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AllMade")
    }
}

impl AllMade {
    fn get<T: Any + Send + Sync>(&self, path: &Path, holds: impl FnOnce(&Of) -> bool) -> Option<Arc<T>> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let made = all.get(&(path.to_owned(), TypeId::of::<T>()))?;
        holds(&made.of)
            .then(|| Arc::clone(&made.what).downcast().ok())
            .flatten()
    }

    fn keep<T: Any + Send + Sync>(&self, path: &Path, of: Of, what: T) -> Arc<T> {
        let what = Arc::new(what);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let made = Made {
            of,
            what: Arc::clone(&what) as Arc<dyn Any + Send + Sync>,
        };
        all.insert((path.to_owned(), TypeId::of::<T>()), made);
        what
    }
}

impl Files {
    /// What is made of a file's content: what was made of it before, where it held the same.
    ///
    /// # Errors
    /// What making it says.
    pub(crate) fn made<T: Any + Send + Sync, E>(
        &self,
        path: &Path,
        content: &Content,
        make: impl FnOnce(&[u8]) -> Result<T, E>,
    ) -> Result<Arc<T>, E> {
        let is_same = |of: &Of| matches!(of, Of::Content(known) if known.bytes() == content.bytes());
        match self.made.get(path, is_same) {
            Some(known) => Ok(known),
            None => {
                let made = make(content.bytes())?;
                Ok(self.made.keep(path, Of::Content(content.clone()), made))
            }
        }
    }

    /// What is made of files that nobody knows by name: made anew after that time. The name stands for them.
    ///
    /// # Errors
    /// What making it says.
    pub(crate) fn made_lately<T: Any + Send + Sync, E>(
        &self,
        name: &str,
        time: Duration,
        make: impl FnOnce() -> Result<T, E>,
    ) -> Result<Arc<T>, E> {
        let path = Path::new(name);
        let is_new = |of: &Of| matches!(of, Of::Moment(until) if Instant::now() < *until);
        match self.made.get(path, is_new) {
            Some(known) => Ok(known),
            None => Ok(self.made.keep(path, Of::Moment(Instant::now() + time), make()?)),
        }
    }
}
