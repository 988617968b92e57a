//! A server, and a folder with all that the exporter reads to scrape it.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use pg_exporter_lab::authority::named;
use pg_exporter_lab::exporter::Builder;
use pg_exporter_lab::{Authority, Cluster, Exporter, Folder, newest_major};

use super::ROLE;
use crate::support::{SOON, State, wait_for_page, wait_for_state};

/// A folder with one file of each kind, and a server that wants what is in them.
pub(super) struct Scene {
    pub(super) cluster: Cluster,
    pub(super) folder: Folder,
}

impl Scene {
    pub(super) fn new() -> Self {
        let scene = Self {
            cluster: Cluster::start(newest_major()),
            folder: Folder::new(),
        };
        scene.set_up();
        scene
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.at(name)
    }

    fn set_up(&self) {
        let authority = Authority::new("authority");
        let sign = || authority.pair(&named(ROLE, &["127.0.0.1"]));
        let cluster = &self.cluster;
        let pair = sign();
        cluster.write_file("server.crt", &pair.certificate);
        cluster.write_file("server.key", &pair.key);
        cluster.write_file("ca.crt", &authority.certificate);
        cluster.set("ssl_ca_file", "ca.crt");
        cluster.set("ssl", "on");
        cluster.psql(&format!(
            "create role {ROLE} login password 'f1rst-s3cret'; grant pg_monitor to {ROLE}"
        ));
        let rules = "hostssl all monitor 127.0.0.1/32 scram-sha-256 clientcert=verify-full\n\
                     host all postgres 127.0.0.1/32 trust\nlocal all postgres trust\n";
        cluster.write_file("pg_hba.conf", rules);
        cluster.restart();

        let pair = sign();
        self.folder.write_private("client.crt", &pair.certificate);
        self.folder.write_private("client.key", &pair.key);
        self.folder.write_private("root.crt", &authority.certificate);
        let port = cluster.port();
        let at = |name: &str| self.path(name).display().to_string();
        self.folder.write_private(
            "url",
            &format!(
                "service=app sslmode=verify-full sslrootcert={} sslcert={} sslkey={} passfile={}\n",
                at("root.crt"),
                at("client.crt"),
                at("client.key"),
                at("pgpass")
            ),
        );
        self.folder.write_private(
            "service.conf",
            &format!("[app]\nhost=127.0.0.1\nport={port}\ndbname=postgres\nuser={ROLE}\n"),
        );
        self.folder
            .write_private("pgpass", &format!("127.0.0.1:{port}:*:{ROLE}:f1rst-s3cret\n"));
        self.folder.write_private(
            "app.yml",
            "app:\n  query: SELECT 1 AS one\n  ttl: 0\n  metrics:\n    - one: { usage: GAUGE, description: One. }\n",
        );
        let pair = sign();
        self.folder.write_private("web.crt", &pair.certificate);
        self.folder.write_private("web.key", &pair.key);
        self.folder.write_private(
            "web.yml",
            "http_server_config: { headers: { X-Frame-Options: deny } }\n",
        );
    }

    pub(super) fn builder(&self) -> Builder {
        Exporter::builder(env!("CARGO_BIN_EXE_pg_exporter"))
            .env("PG_EXPORTER_URL_FILE", self.path("url"))
            .env("PGSERVICEFILE", self.path("service.conf"))
            .arg("-c")
            .arg(self.path("app.yml"))
            .arg("--web.config.file")
            .arg(self.path("web.yml"))
    }

    pub(super) fn start(&self) -> Exporter {
        let exporter = self.builder().start();
        wait_for_state(&exporter, State::Primary, SOON);
        wait_for_page(&exporter, 1.0);
        exporter
    }

    pub(super) fn disconnect(&self) {
        self.cluster.psql(&format!(
            "select pg_terminate_backend(pid) from pg_stat_activity where usename = '{ROLE}'"
        ));
    }
}

/// A file system that never answers: the kernel waits for a daemon that is not there. Needs root; nobody else may mount.
pub(super) struct Hung {
    folder: PathBuf,
    device: Option<File>,
}

impl Hung {
    pub(super) fn over(folder: &Path) -> Option<Self> {
        let device = File::options().read(true).write(true).open("/dev/fuse").ok()?;
        let inherited = rustix::io::dup(&device).ok()?;
        rustix::io::fcntl_setfd(&inherited, rustix::io::FdFlags::empty()).ok()?;
        let options = format!(
            "fd={},rootmode=40000,user_id=0,group_id=0,allow_other",
            inherited.as_raw_fd()
        );
        let mut mount = Command::new("mount");
        mount
            .args(["-i", "-t", "fuse", "-o", &options, "hung"])
            .arg(folder)
            .process_group(0);
        let is_mounted = mount.output().is_ok_and(|output| output.status.success());
        is_mounted.then(|| Self {
            folder: folder.to_owned(),
            device: Some(device),
        })
    }
}

impl Drop for Hung {
    fn drop(&mut self) {
        // Without a mount there is nothing to be taken away.
        let _ = Command::new("umount").arg("-l").arg(&self.folder).output();
        self.device.take();
    }
}
