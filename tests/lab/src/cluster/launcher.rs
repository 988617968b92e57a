//! What a server runs in: its environment, and a disk of its own that is small.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::account::account;
use crate::cache::Install;
use crate::error::{Context, Result};

/// Mounts the small disk in a mount namespace of the server's own, where it is root, then gives that up again: PostgreSQL
/// refuses to run as root. Arguments: size, folder, user, group, command.
const MOUNT: &str = "mount -t tmpfs -o size=\"$1\",mode=700 tmpfs \"$2\" && user=$3 group=$4 && shift 4 && \
                     exec unshare --user --map-user=\"$user\" --map-group=\"$group\" -- \"$@\"";

/// How a server's process is started.
#[derive(Clone, Debug, Default)]
pub(super) struct Launcher {
    pub(super) variables: Vec<(String, PathBuf)>,
    /// A folder within the data folder, and the size of the disk that is mounted there.
    pub(super) disk: Option<(String, String)>,
}

impl Launcher {
    /// The server's command, without arguments.
    pub(super) fn command(&self, install: &Install, data: &Path) -> Result<Command> {
        let mut command = match &self.disk {
            Some((folder, size)) => with_disk(&data.join(folder), size)?,
            None => account()?.command("env"),
        };
        if let Some(libraries) = &install.libraries {
            command.env("LD_LIBRARY_PATH", libraries);
        }
        if self.disk.is_some() {
            command.arg("env");
        }
        // By env, so that they hold for the server alone and not for what starts it, as root perhaps.
        for (name, value) in &self.variables {
            command.arg(format!("{name}={}", value.display()));
        }
        command.arg(install.home.join("bin/postgres"));
        Ok(command)
    }
}

/// What runs its further arguments as a command, on a machine where a disk is mounted at the folder.
fn with_disk(folder: &Path, size: &str) -> Result<Command> {
    let account = account()?;
    fs::create_dir_all(folder).context(|| format!("creating {}", folder.display()))?;
    account.give(folder)?;
    let mut command = account.command("unshare");
    command.args([
        "--user",
        "--map-root-user",
        "--mount",
        "--",
        "sh",
        "-c",
        MOUNT,
        "sh",
        size,
    ]);
    command.arg(folder);
    command.args([account.uid.to_string(), account.gid.to_string()]);
    Ok(command)
}
