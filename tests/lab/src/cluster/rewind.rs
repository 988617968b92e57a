//! An old primary that comes back after a failover.

use std::fs;

use super::Cluster;
use crate::account::account;
use crate::cache::tool;
use crate::copy;
use crate::error::{Context, OrFail, Result};
use crate::template::run;

/// The major that `pg_rewind` is of: it works on no other.
///
/// # Panics
/// When it is not there.
#[must_use]
#[track_caller]
pub fn rewind_major() -> u32 {
    major().or_fail()
}

fn major() -> Result<u32> {
    let output = std::process::Command::new(tool("pg_rewind"))
        .arg("--version")
        .output();
    let text = String::from_utf8_lossy(&output.context(|| "starting pg_rewind".into())?.stdout).into_owned();
    let version = text.rsplit(' ').next().unwrap_or_default();
    let number = version
        .split(|c: char| !c.is_ascii_digit())
        .next()
        .unwrap_or_default();
    number
        .parse()
        .context(|| format!("pg_rewind --version says {text:?}"))
}

impl Cluster {
    /// Makes this server, which has been stopped and whose history has parted from the other's, a standby of it; does not
    /// start it. Both must have been started with `wal_log_hints`, and be of [`rewind_major`].
    ///
    /// # Panics
    /// When that fails.
    #[track_caller]
    pub fn rewind_to(&self, primary: &Self) {
        self.try_rewind(primary).or_fail();
    }

    fn try_rewind(&self, primary: &Self) -> Result<()> {
        let settings = self.data().join("postgresql.conf");
        let own = fs::read_to_string(&settings).context(|| settings.display().to_string())?;
        let source = format!(
            "host=127.0.0.1 port={} user=postgres dbname=postgres",
            primary.port()
        );
        let mut command = account()?.command(tool("pg_rewind"));
        run(command
            .arg("-D")
            .arg(self.data())
            .args(["--source-server", &source]))?;
        // It copies what is not data too.
        self.write_file("postgresql.conf", &own);
        let slot = format!("rewound_{}", self.port());
        copy::slot(primary, &slot)?;
        copy::follow(&self.data(), self.major(), primary.port(), &slot)
    }
}
