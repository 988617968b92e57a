//! The exporter as a site's program makes it.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::{io, thread};

use pg_exporter_schema::Collector;

use crate::scrape::{DatabaseRows, Row, RowHandlers};

/// Results that wait for a site's code. One that finds no place is dropped.
const PENDING: usize = 256;

/// One call of a site's code with one result.
type Call = Box<dyn FnOnce() + Send>;

/// An exporter of some collectors: the whole program, as the process' arguments and environment say.
///
/// ```no_run
/// use std::process::ExitCode;
///
/// use pg_exporter::catalog::compiled::{COLLECTORS, PgDb14};
/// use pg_exporter::{DatabaseRows, Exporter};
///
/// fn main() -> ExitCode {
///     Exporter::new(COLLECTORS)
///         .defaults(&[("PG_EXPORTER_NAMESPACE", "shop")])
///         .on_rows(|rows: &DatabaseRows<PgDb14<'static>>| {
///             for row in rows.iter() {
///                 println!("{}: {:?} sessions", row.datname, row.numbackends);
///             }
///         })
///         .run()
/// }
/// ```
pub struct Exporter {
    pub(super) collectors: &'static [Collector],
    pub(super) defaults: &'static [(&'static str, &'static str)],
    pub(super) readers: Readers,
}

/// A site's code that gets rows, and the way to it.
pub(super) struct Readers {
    handlers: RowHandlers,
    calls: SyncSender<Call>,
    waiting: Receiver<Call>,
}

impl Exporter {
    /// An exporter of these collectors; the shipped ones are [`COLLECTORS`](crate::catalog::compiled::COLLECTORS).
    #[must_use]
    pub fn new(collectors: &'static [Collector]) -> Self {
        let (calls, waiting) = sync_channel(PENDING);
        Self {
            collectors,
            defaults: &[],
            readers: Readers {
                handlers: RowHandlers::default(),
                calls,
                waiting,
            },
        }
    }

    /// The site's own defaults: values of [variables](super::settings::VARIABLES) that hold where neither a flag nor the
    /// environment says otherwise.
    #[must_use]
    pub fn defaults(mut self, defaults: &'static [(&'static str, &'static str)]) -> Self {
        self.defaults = defaults;
        self
    }

    /// Calls `read` with the rows of the branch of `R`, once for each database, after each execution of it.
    ///
    /// It is called on a thread of its own: no scrape waits for it. If it falls behind by 256 results, further ones are
    /// dropped, with a warning in the log. A panic in it costs that one call. When a run-time layer or a reload replaces the
    /// branch's statement or columns, it is not called.
    #[must_use]
    pub fn on_rows<R: Row + 'static>(mut self, read: impl FnMut(&DatabaseRows<R>) + Send + 'static) -> Self {
        let calls = self.readers.calls.clone();
        let read = Arc::new(Mutex::new(read));
        let handler = move |rows: &DatabaseRows<R>| {
            let (read, rows) = (Arc::clone(&read), rows.clone());
            let call: Call = Box::new(move || {
                let mut read = read.lock().unwrap_or_else(PoisonError::into_inner);
                read(&rows);
            });
            if let Err(TrySendError::Full(_)) = calls.try_send(call) {
                let branch = &*R::COLLECTOR.branch;
                tracing::warn!(
                    branch,
                    "rows were dropped: what `on_rows` calls does not keep up with the scrapes"
                );
            }
        };
        self.readers.handlers = self.readers.handlers.on::<R>(handler);
        self
    }
}

impl Readers {
    /// Starts the thread that calls the site's code, if there is any, and gives what scrapes hand rows to.
    ///
    /// # Errors
    /// When no thread can be made.
    pub(super) fn start(self) -> io::Result<RowHandlers> {
        let Self {
            handlers,
            calls: _,
            waiting,
        } = self;
        if !handlers.is_empty() {
            let thread = thread::Builder::new().name("rows".to_owned());
            thread.spawn(move || make(&waiting))?;
        }
        Ok(handlers)
    }
}

/// Makes call after call; ends with the last of those who hand them in.
fn make(waiting: &Receiver<Call>) {
    for call in waiting {
        if catch_unwind(AssertUnwindSafe(call)).is_err() {
            tracing::error!("what `on_rows` calls panicked; it is called again with the next result");
        }
    }
}

impl fmt::Debug for Exporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exporter")
            .field("collectors", &self.collectors.len())
            .field("defaults", &self.defaults)
            .finish_non_exhaustive()
    }
}
