//! New data folders: `initdb` once per version and user, then copies.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::account::account;
use crate::cache::{Install, cache};
use crate::error::{Context, Error, Result};

/// Copies the template of a major to `data`, making it first if need be.
pub(crate) fn instantiate(install: &Install, data: &Path) -> Result<()> {
    let template = template(install)?;
    run(account()?
        .command("cp")
        // A quarter of it is empty: holes take neither time nor memory.
        .args(["-a", "--reflink=auto", "--sparse=always", "--"])
        .arg(template)
        .arg(data))
}

fn template(install: &Install) -> Result<PathBuf> {
    let folder = cache()?.join("templates");
    let version = install.version.split(',').next().unwrap_or_default();
    let template = folder.join(format!("{version}-{}", account()?.uid));
    if template.is_dir() {
        return Ok(template);
    }
    fs::create_dir_all(&folder).context(|| format!("creating {}", folder.display()))?;
    account()?.give(&folder)?;
    let path = folder.join("lock");
    let lock = File::create(&path).context(|| format!("creating {}", path.display()))?;
    lock.lock().context(|| format!("locking {}", path.display()))?;
    // Another process may have made it while this one waited.
    if !template.is_dir() {
        make(install, &template)?;
    }
    Ok(template)
}

fn make(install: &Install, template: &Path) -> Result<()> {
    let new = PathBuf::from(format!("{}.new", template.display()));
    run(account()?.command("rm").args(["-rf", "--"]).arg(&new))?;
    let mut initdb = install.command("initdb")?;
    initdb.args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C"]);
    // Of releases before 10 the major is the second number.
    if install.major >= 3 {
        initdb.arg("-N");
    }
    run(initdb.arg("-D").arg(&new))?;
    if install.major < 10 {
        let path = new.join("pg_hba.conf");
        let file = OpenOptions::new().append(true).open(&path);
        file.and_then(|mut file| file.write_all(b"host replication all 127.0.0.1/32 trust\n"))
            .context(|| format!("writing {}", path.display()))?;
    }
    fs::rename(&new, template).context(|| format!("renaming {}", new.display()))
}

/// Runs a command to its end; an error holds what it wrote.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let name = command.get_program().display().to_string();
    let output = command
        .stdin(Stdio::null())
        .output()
        .context(|| format!("starting {name}"))?;
    if output.status.success() {
        return Ok(());
    }
    let arguments: Vec<_> = command
        .get_args()
        .map(|argument| argument.to_string_lossy())
        .collect();
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Error::new(format!(
        "{name} {}: {}\n{}",
        arguments.join(" "),
        output.status,
        said.trim_end()
    )))
}
