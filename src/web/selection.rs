//! `?collect[]=` and `?exclude[]=`: which collectors a page is about.

use crate::catalog::Live;
use crate::scrape::Selection;
use crate::values::text::on_one_line;

use super::query;

/// Reads the selection.
///
/// # Errors
/// What to tell a client that names a collector which is not there.
pub(super) fn read(query: &str, live: &Live) -> Result<Selection, String> {
    let (mut only, mut except) = (Vec::new(), Vec::new());
    for (name, value) in query::pairs(query) {
        match &*name {
            "collect[]" => only.push(value.into_owned()),
            "exclude[]" => except.push(value.into_owned()),
            _ => {}
        }
    }
    let selection = Selection::new(only, except);
    let is_known = |name: &str| live.collectors.iter().any(|collector| collector.name == name);
    if let Some(unknown) = selection.names().find(|name| !is_known(name)) {
        return Err(format!(
            "there is no collector `{}`; there are {}\n",
            on_one_line(unknown),
            names(live)
        ));
    }
    Ok(selection)
}

fn names(live: &Live) -> String {
    let mut names: Vec<&str> = live.collectors.iter().map(|collector| &*collector.name).collect();
    names.sort_unstable();
    names.dedup();
    names.join(" ")
}
