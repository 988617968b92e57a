//! Texts of the file.

use super::secret::Secret;
use crate::read::node::Node;
use crate::read::position::At;
use crate::read::report::FileReport;
use crate::read::value::string;

/// A text; `None` when it is empty, which is as if it were not there.
pub(super) fn text(node: &Node, key: &str, report: &mut FileReport<'_>) -> Option<At<String>> {
    string(node, key, report).filter(|text| !text.value.is_empty())
}

pub(super) fn confidential(node: &Node, key: &str, report: &mut FileReport<'_>) -> Option<At<Secret>> {
    string(node, key, report).map(|text| At::new(Secret::from(text.value), text.position))
}
