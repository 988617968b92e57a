//! `postgresql.conf`: what holds for every server of the lab, and what a test adds.

use std::fs::OpenOptions;
use std::io::Write;

use super::Cluster;
use crate::cache::Install;
use crate::error::{Context, Result};

impl Cluster {
    pub(super) fn write_settings(&self, name: &str, extra: &[(String, String)]) -> Result<()> {
        let mut settings: Vec<(String, String)> = lab_settings(&self.install)
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        settings.push(("port".into(), self.port().to_string()));
        let folders = match self.install.major < 3 {
            true => "unix_socket_directory",
            false => "unix_socket_directories",
        };
        settings.push((folders.into(), self.sandbox.path().display().to_string()));
        if self.install.major >= 5 {
            settings.push(("cluster_name".into(), name.into()));
        }
        settings.extend_from_slice(extra);
        self.append_settings(&settings)
    }

    pub(super) fn append_settings(&self, settings: &[(String, String)]) -> Result<()> {
        let line = |(name, value): &(String, String)| format!("{name} = '{}'\n", value.replace('\'', "''"));
        let lines: String = settings.iter().map(line).collect();
        let path = self.data().join("postgresql.conf");
        let file = OpenOptions::new().append(true).open(&path);
        file.and_then(|mut file| file.write_all(lines.as_bytes()))
            .context(|| format!("writing {}", path.display()))
    }
}

fn lab_settings(install: &Install) -> Vec<(&'static str, &'static str)> {
    let mut settings = vec![
        ("listen_addresses", "127.0.0.1"),
        ("timezone", "UTC"),
        ("log_timezone", "UTC"),
        ("shared_buffers", "16MB"),
        ("max_connections", "100"),
        ("fsync", "off"),
        ("max_wal_senders", "10"),
        ("hot_standby", "on"),
        ("track_functions", "all"),
    ];
    // Of releases before 10 the major is the second number.
    let since = |major: u32, more: &[(&'static str, &'static str)]| match install.major >= major {
        true => more.to_vec(),
        false => Vec::new(),
    };
    settings.extend(since(2, &[("track_io_timing", "on")]));
    // In the data folder, so that a server that was killed leaves nothing behind.
    let of_slots = [
        ("dynamic_shared_memory_type", "mmap"),
        ("wal_level", "logical"),
        ("max_replication_slots", "10"),
    ];
    settings.extend(since(4, &of_slots));
    if install.major < 4 {
        settings.extend([("wal_level", "hot_standby"), ("wal_keep_segments", "8")]);
    }
    if install.has_library("pg_stat_statements") {
        settings.push(("shared_preload_libraries", "pg_stat_statements"));
    }
    if install.major >= 14 {
        settings.push(("track_wal_io_timing", "on"));
    }
    settings
}
