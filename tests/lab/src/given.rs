//! Servers that are given to the tests beside those that are fetched: `PG_EXPORTER_TEST_SERVERS=19=/opt/pg19/bin:9.6=/opt/pg96/bin`.
//!
//! Every suite runs on a given server of 10 or later, as on the others; one of a major that is in the cache takes its place. Those
//! before 10 have the legacy set of collectors and a test of their own.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::error::{Error, Result};

/// The home folder of each server by its major; 6 stands for 9.6.
///
/// # Errors
/// What is no `MAJOR=BIN`.
pub(crate) fn servers_of(text: &str) -> Result<BTreeMap<u32, PathBuf>> {
    let items = text.split(':').filter(|item| !item.trim().is_empty());
    items.map(|item| server(item.trim())).collect()
}

fn server(item: &str) -> Result<(u32, PathBuf)> {
    let wrong = || {
        Error::new(format!(
            "PG_EXPORTER_TEST_SERVERS: {item:?} is no MAJOR=/path/to/bin"
        ))
    };
    let (major, bin) = item.split_once('=').ok_or_else(wrong)?;
    let number = major.strip_prefix("9.").unwrap_or(major);
    let number: u32 = number.parse().map_err(|_| wrong())?;
    let is_known = if major.starts_with("9.") {
        (1..=6).contains(&number)
    } else {
        (10..32).contains(&number)
    };
    let bin = PathBuf::from(bin);
    match bin.parent() {
        Some(home) if is_known && bin.is_absolute() && bin.ends_with("bin") => Ok((number, home.into())),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_servers() {
        let found = servers_of("19=/opt/19/bin:9.6=/opt/old/bin/: ").ok();
        let expected = BTreeMap::from([(6, "/opt/old".into()), (19, "/opt/19".into())]);
        assert_eq!(found, Some(expected));
        assert_eq!(servers_of("").ok(), Some(BTreeMap::new()));
        for wrong in [
            "19",
            "19=opt/bin",
            "19=/opt/19",
            "8=/opt/bin",
            "9.7=/opt/bin",
            "x=/opt/bin",
            "99=/opt/bin",
        ] {
            assert!(servers_of(wrong).is_err(), "{wrong}");
        }
    }
}
