//! Scrapes, by stage: who waits for which run ([`schedule`]), one target's run ([`run`]), rows decoded ([`rows`]), the page
//! ([`page`]), and what is told to people ([`overview`]).

pub mod overview;
mod page;
mod request;
mod rows;
mod run;
mod schedule;

pub use overview::{CollectorOverview, DatabaseOverview, Overview, ServerOverview};
pub use page::format::Format;
pub use page::published::{Published, Sample};
pub use request::{Encoding, Gone, Page, Request};
pub use rows::batch::{Batch, RowView};
pub use rows::mismatch::Mismatch;
pub use rows::row::Row;
pub use rows::typed::{DatabaseRows, RowHandlers};
pub use run::actor::Scraper;
pub use run::config::Config;
pub(crate) use run::database_names;
pub use run::database_names::NamePattern;
pub use run::history::Run;
pub use run::target::Surroundings;
pub use schedule::selection::Selection;
