//! Standard output that may be a closed pipe.

use std::io::{self, Write as _};

/// Writes to standard output. A reader that has gone, as in `pg_exporter schema | head`, is no error.
///
/// # Errors
/// Any other failure of writing, such as a full disk.
pub fn write_stdout(bytes: &[u8]) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}
