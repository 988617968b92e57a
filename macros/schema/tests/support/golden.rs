//! Comparison with files of expected text.

use std::path::Path;

/// What differs, if anything does. With `UPDATE_GOLDEN` set the file is written instead.
pub fn differs(file: &Path, text: &str) -> Option<String> {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(file, text).unwrap();
        return None;
    }
    let expected = std::fs::read_to_string(file).unwrap_or_default();
    (expected != text).then(|| {
        format!(
            "{} expects:\n{expected}\nbut this came:\n{text}\nUPDATE_GOLDEN=1 accepts it",
            file.display()
        )
    })
}
