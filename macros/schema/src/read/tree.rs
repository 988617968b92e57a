//! A file as a tree of nodes, if it is one.

use super::advice::advice;
use super::node::{self, Node};
use super::position::Position;
use super::report::FileReport;
use super::source::Source;

/// A file as a tree, if it is YAML in UTF-8.
pub(crate) fn tree(source: &Source, report: &mut FileReport<'_>) -> Option<Node> {
    let text = utf8(&source.text, report)?;
    match node::read(text) {
        Ok(root) => Some(root),
        Err(error) => {
            let message = if error.is_too_much {
                error.message
            } else {
                let advice = advice(text, error.position, &error.message);
                format!("not YAML: {}{advice}", error.message)
            };
            report.error(error.position, message);
            None
        }
    }
}

fn utf8<'a>(bytes: &'a [u8], report: &mut FileReport<'_>) -> Option<&'a str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Some(text),
        Err(error) => {
            let good = bytes.get(..error.valid_up_to()).unwrap_or_default();
            let line = 1 + good.iter().filter(|byte| **byte == b'\n').count();
            let start = good
                .iter()
                .rposition(|byte| *byte == b'\n')
                .map_or(0, |at| at + 1);
            let column = 1 + String::from_utf8_lossy(good.get(start..).unwrap_or_default())
                .chars()
                .count();
            let position = Position::new(
                u32::try_from(line).unwrap_or(0),
                u32::try_from(column).unwrap_or(0),
            );
            report.error(position, "not UTF-8; save the file in that encoding");
            None
        }
    }
}
