//! Pass 4: what is only wrong about a set as a whole. What a layer did not touch was checked when it was compiled and
//! is only reported together with what it did touch.

mod names;
mod versions;

use crate::report::Report;
use crate::resolve::Item;

/// Checks names over all collectors, and the branches of each collector against each other.
pub(crate) fn set(items: &[Item], report: &mut Report) {
    names::check(items, report);
    versions::check(items, report);
}
