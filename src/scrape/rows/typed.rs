//! A collector's last results as typed rows, and who wants them.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use pg_exporter_schema::Collector;

use super::batch::Batch;
use super::row::{Row, has_the_same_rows};
use super::value::Unfit;

/// The rows of one collector's last result on one database, as structs `R`.
pub struct DatabaseRows<R> {
    database: String,
    batch: Arc<Batch>,
    /// Whether it was told that a row does not fit.
    told: Arc<AtomicBool>,
    row: PhantomData<fn() -> R>,
}

impl<R: Row> DatabaseRows<R> {
    /// The result must be one of `R`'s own definition: see [`has_the_same_rows`].
    pub(in crate::scrape) fn new(database: String, batch: Arc<Batch>) -> Self {
        Self::telling_once(database, batch, Arc::default())
    }

    /// The same, of which it is told once for all that share `told` that a row does not fit.
    fn telling_once(database: String, batch: Arc<Batch>, told: Arc<AtomicBool>) -> Self {
        Self {
            database,
            batch,
            told,
            row: PhantomData,
        }
    }

    /// The database that the rows are of.
    #[must_use]
    pub fn database(&self) -> &str {
        &self.database
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.batch.len()
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.batch.is_empty()
    }

    /// The rows in the order of the result. One that is not what the struct says, because the server's result is another than the
    /// one that the struct was made of, is left out, and the log says so once.
    pub fn iter(&self) -> impl Iterator<Item = R::Of<'_>> {
        self.batch.iter().filter_map(|row| match R::from_row(row) {
            Ok(row) => Some(row),
            Err(unfit) => {
                if !self.told.swap(true, Ordering::Relaxed) {
                    tell::<R>(&self.database, &unfit);
                }
                None
            }
        })
    }
}

fn tell<R: Row>(database: &str, unfit: &Unfit) {
    let collector = R::COLLECTOR;
    let mut columns = collector.values();
    let column = columns.nth(unfit.column).map_or("", |column| &*column.column);
    tracing::warn!(
        branch = &*collector.branch,
        database,
        "rows are left out: column {column} {unfit}; record the statement on this server (check --record) and build anew"
    );
}

// Derived, these would ask the same of `R`.
impl<R> Clone for DatabaseRows<R> {
    fn clone(&self) -> Self {
        Self {
            database: self.database.clone(),
            batch: Arc::clone(&self.batch),
            told: Arc::clone(&self.told),
            row: PhantomData,
        }
    }
}

impl<R> fmt::Debug for DatabaseRows<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DatabaseRows")
            .field("database", &self.database)
            .field("batch", &self.batch)
            .finish_non_exhaustive()
    }
}

type Call = Arc<dyn Fn(&str, &Arc<Batch>) + Send + Sync>;

/// Code of the library's user that gets the rows of collectors as scrapes read them.
#[derive(Clone, Default)]
pub struct RowHandlers {
    handlers: Vec<(Arc<Collector>, Call)>,
}

impl RowHandlers {
    /// Calls `handler` with the rows of `R`'s branch after each execution on each database.
    ///
    /// It is called on the scrape thread, so a scrape takes as much longer as it takes: hand long work to another thread.
    /// Results of a branch that a layer has replaced, by another statement or other columns, are not given to it. A panic
    /// in it costs the scrape.
    #[must_use]
    pub fn on<R: Row + 'static>(
        mut self,
        handler: impl Fn(&DatabaseRows<R>) + Send + Sync + 'static,
    ) -> Self {
        let told = Arc::default();
        let call: Call = Arc::new(move |database, batch| {
            let (batch, told) = (Arc::clone(batch), Arc::clone(&told));
            handler(&DatabaseRows::telling_once(database.to_owned(), batch, told));
        });
        self.handlers.push((Arc::new(R::COLLECTOR), call));
        self
    }

    /// Whether nobody wants rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.handlers.is_empty()
    }

    /// The definitions whose rows are wanted.
    pub(in crate::scrape) fn wanted(&self) -> impl Iterator<Item = &Arc<Collector>> {
        self.handlers.iter().map(|(collector, _)| collector)
    }

    /// A collector has given rows on a database.
    pub(in crate::scrape) fn call(&self, collector: &Collector, database: &str, batch: &Arc<Batch>) {
        for (wanted, call) in &self.handlers {
            if has_the_same_rows(wanted, collector) {
                call(database, batch);
            }
        }
    }
}

impl fmt::Debug for RowHandlers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.wanted().map(|collector| &collector.branch))
            .finish()
    }
}
