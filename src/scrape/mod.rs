//! Scrapes, by stage: rows decoded (`rows`), encoded and put together to a page (`page`), who waits for which run
//! (`schedule`), one target's run (`run`), what is told to people (`overview`), where a target's clients ask (`scraper`, `desk`), and the
//! thread that does it (`thread`).

mod answers;
mod desk;
mod exporter_page;
#[cfg(test)]
mod instructions;
mod memory;
mod message;
pub mod overview;
mod page;
mod request;
mod rows;
mod run;
mod schedule;
mod scraper;
mod summary;
mod thread;
mod tools;

pub use exporter_page::{ExporterPage, TargetLine, TargetsLoad};
pub use overview::{CollectorOverview, DatabaseOverview, Overview, ServerOverview};
pub use page::format::Format;
pub use page::published::{Published, Sample};
pub use request::{Encoding, Gone, Page, Request};
pub use rows::batch::{Batch, RowView};
pub use rows::gaps::Gaps;
pub use rows::mismatch::Mismatch;
pub use rows::row::Row;
pub use rows::typed::{DatabaseRows, RowHandlers};
pub use rows::value::{Unfit, Value};
pub use run::config::Config;
pub(crate) use run::database_names;
pub use run::database_names::NamePattern;
pub use run::history::Run;
pub use run::target::Surroundings;
pub use schedule::selection::Selection;
pub use scraper::Scraper;
pub use summary::Summary;
pub use thread::ScrapeThread;
