//! YAML in a text of YAML, as a ConfigMap holds it.

use super::node::{Kind, Node, read};
use super::report::FileReport;

/// The tree of a text. Its positions are lines of the text, so mistakes are told at the text's own.
pub(crate) fn inner(text: &Node, report: &mut FileReport<'_>) -> Option<Node> {
    let Kind::Scalar(yaml) = &text.kind else {
        return None;
    };
    match read(yaml) {
        Ok(root) => Some(root),
        Err(error) => {
            report.error(
                text.position,
                format!(
                    "the text that begins here is not YAML, in its line {}: {}",
                    error.position.line, error.message
                ),
            );
            None
        }
    }
}
