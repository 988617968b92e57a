//! What a client takes, and what of it the most: quality values of `Accept` and `Accept-Encoding` (RFC 9110, section 12).

mod encoding;
mod format;
mod items;
mod json;
#[cfg(test)]
mod tests;

pub(super) use encoding::encoding;
pub(super) use format::{Offer, offer};
pub(super) use json::wants_json;
