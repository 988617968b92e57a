//! What all targets of a thread work with, one after the other: of many, each would have its own lying idle.

use super::page::compress::Compressors;
use super::page::encode::Room;
use crate::health::Rhythm;

/// Tools of a thread, cheap to clone.
#[derive(Clone, Debug)]
pub(in crate::scrape) struct Tools {
    /// By what pages are compressed.
    pub(in crate::scrape) compressors: Compressors,
    /// In what lines are written.
    pub(in crate::scrape) room: Room,
    /// When it wakes by itself.
    pub(in crate::scrape) rhythm: Rhythm,
}

impl Tools {
    /// Those of a thread that wakes by itself like this.
    pub(in crate::scrape) fn new(rhythm: Rhythm) -> Self {
        Self {
            compressors: Compressors::default(),
            room: Room::default(),
            rhythm,
        }
    }
}
