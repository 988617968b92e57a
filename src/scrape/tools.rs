//! What all targets of a thread work with, one after the other: of many, each would have its own lying idle.

use super::page::compress::Compressors;
use super::page::encode::Room;

/// Tools of a thread, cheap to clone.
#[derive(Clone, Debug, Default)]
pub(in crate::scrape) struct Tools {
    /// By what pages are compressed.
    pub(in crate::scrape) compressors: Compressors,
    /// In what lines are written.
    pub(in crate::scrape) room: Room,
}
