//! How the target is asked: how long it may take, and how names are written in statements.

use std::time::{Duration, Instant};

use crate::values::text::is_hidden;

/// What asking may take besides the scrape.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) fn deadline() -> Instant {
    Instant::now() + PATIENCE
}

/// An SQL identifier, quoted where it must be.
pub(super) fn quoted(name: &str) -> String {
    let is_plain = name
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b == b'_' || b.is_ascii_digit())
        && !name.starts_with(|c: char| c.is_ascii_digit());
    if is_plain {
        name.to_owned()
    } else if name.contains(is_hidden) {
        // Written so that it can be read, and run as it is read.
        let escaped = name.chars().map(|c| match c {
            c if is_hidden(c) => format!("\\+{:06x}", u32::from(c)),
            '\\' | '"' => format!("{c}{c}"),
            c => c.to_string(),
        });
        format!("U&\"{}\"", escaped.collect::<String>())
    } else {
        format!("\"{}\"", name.replace('"', "\"\""))
    }
}
