//! Tables of the documentation, written by the run that measured them.

use std::fs;
use std::path::Path;

use crate::Result;
use crate::table::Table;

/// Puts a table in the place of the one of that name: between `<!-- bench: NAME -->` and `<!-- end -->`.
///
/// # Errors
/// When the file cannot be read or written, or has no such place.
pub fn write(path: &Path, name: &str, table: &Table) -> Result<()> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let begin = format!("<!-- bench: {name} -->\n");
    let place = text.split_once(&begin).and_then(|(before, rest)| {
        let (_, after) = rest.split_once("<!-- end -->")?;
        Some((before, after))
    });
    let (before, after) = place.ok_or_else(|| {
        format!(
            "{}: has no place for the table {name}: {begin}...<!-- end -->",
            path.display()
        )
    })?;
    fs::write(
        path,
        format!("{before}{begin}{}<!-- end -->{after}", table.markdown()),
    )?;
    Ok(())
}
