//! Standard output and error that may be closed pipes.

use std::io;

/// Writes to standard output. A reader that has gone, as in `pg_exporter schema | head`, is no error.
///
/// # Errors
/// Any other failure of writing, such as a full disk.
pub fn write_stdout(bytes: &[u8]) -> io::Result<()> {
    write(&mut io::stdout().lock(), bytes)
}

/// Writes to standard error, in the same way.
///
/// # Errors
/// As [`write_stdout`].
pub fn write_stderr(bytes: &[u8]) -> io::Result<()> {
    write(&mut io::stderr().lock(), bytes)
}

fn write(pipe: &mut impl io::Write, bytes: &[u8]) -> io::Result<()> {
    match pipe.write_all(bytes).and_then(|()| pipe.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}
