//! A collector's last results as typed rows.

use std::sync::Arc;

use super::batch::Batch;
use super::row::Row;

/// The rows of one collector's last result on one database.
#[derive(Clone, Debug)]
pub struct DatabaseRows {
    /// The database.
    pub database: String,
    /// The result.
    pub batch: Arc<Batch>,
}

impl DatabaseRows {
    /// The rows as structs. They mean something only if `R` is the struct of the branch asked for.
    pub fn typed<'a, R: Row<'a>>(&'a self) -> impl Iterator<Item = R> {
        self.batch.iter().map(R::from_row)
    }
}
