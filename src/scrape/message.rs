//! What a target's scrape task is asked.

use std::sync::Arc;

use pg_exporter_schema::Collector;
use tokio::sync::oneshot;

use super::overview::model::Overview;
use super::request::{Page, Request};
use super::rows::batch::Batch;

/// A question, and where the answer goes.
pub(in crate::scrape) enum Message {
    Page(Request, oneshot::Sender<Page>),
    Overview(oneshot::Sender<Overview>),
    Rows(Box<Collector>, oneshot::Sender<Vec<(String, Arc<Batch>)>>),
}
