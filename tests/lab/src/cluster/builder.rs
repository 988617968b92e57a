//! What to start, and as what.

use std::path::PathBuf;
use std::sync::Mutex;

use super::Cluster;
use super::launcher::Launcher;
use crate::cache::install;
use crate::copy;
use crate::error::{OrFail, Result};
use crate::port::lease;
use crate::sandbox::Sandbox;
use crate::template;
use crate::wait::{PATIENCE, poll};

/// What to start.
#[derive(Clone, Debug)]
pub struct Builder {
    pub(super) major: u32,
    pub(super) settings: Vec<(String, String)>,
    pub(super) launcher: Launcher,
}

impl Builder {
    /// A setting for `postgresql.conf`, of the primary or of the standby.
    #[must_use]
    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.into(), value.into()));
        self
    }

    /// A variable of the server's environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<PathBuf>) -> Self {
        self.launcher.variables.push((name.into(), value.into()));
        self
    }

    /// A disk of its own for a folder within the data folder, of a size such as `1m`. It takes user namespaces, as most
    /// kernels give them to everyone.
    #[must_use]
    pub fn disk(mut self, folder: &str, size: &str) -> Self {
        self.launcher.disk = Some((folder.into(), size.into()));
        self
    }

    /// Starts a primary.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    #[track_caller]
    pub fn start(&self) -> Cluster {
        self.try_start().or_fail()
    }

    /// Starts a primary.
    ///
    /// # Errors
    /// When the major is not in the cache, or the server does not start; with the end of its log.
    pub fn try_start(&self) -> Result<Cluster> {
        let cluster = self.prepare()?;
        template::instantiate(&cluster.install, &cluster.data())?;
        cluster.write_settings("primary", &self.settings)?;
        cluster.launch()?;
        Ok(cluster)
    }

    /// Starts a standby that streams from `upstream` through a slot of its own, and is up to date with it.
    ///
    /// # Panics
    /// When it does not start or does not stream.
    #[must_use]
    #[track_caller]
    pub fn start_standby_of(&self, upstream: &Cluster) -> Cluster {
        self.try_standby(upstream).or_fail()
    }

    fn try_standby(&self, upstream: &Cluster) -> Result<Cluster> {
        let standby = self.prepare()?;
        let name = format!("standby_{}", standby.port());
        copy::slot(upstream, &name)?;
        copy::files(upstream, &standby.data())?;
        copy::follow(&standby.data(), self.major, upstream.port(), &name)?;
        standby.write_settings(&name, &self.settings)?;
        standby.launch()?;
        // Before 9.6 a standby does not tell of its receiver.
        let (asked, streams) = match self.major >= 6 {
            true => (
                &standby,
                "select count(*) from pg_stat_wal_receiver where status = 'streaming'".to_owned(),
            ),
            false => (
                upstream,
                format!(
                    "select count(*) from pg_stat_replication where state = 'streaming' and application_name = '{name}'"
                ),
            ),
        };
        if poll(PATIENCE, || {
            (asked.try_psql("postgres", &streams).ok()? == "1").then_some(())
        })
        .is_none()
        {
            return Err(standby.failure("the standby does not stream"));
        }
        Ok(standby)
    }

    fn prepare(&self) -> Result<Cluster> {
        Ok(Cluster {
            install: install(self.major)?,
            port: lease()?,
            launcher: self.launcher.clone(),
            sandbox: Sandbox::new()?,
            postmaster: Mutex::new(None),
        })
    }
}
