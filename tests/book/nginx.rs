//! nginx with the files of `examples/nginx`, in a folder and on ports of its own.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use pg_exporter_lab::{free_port, tool};

use crate::support::{Folder, path, read, run};

/// A running nginx; stopped when dropped.
pub(crate) struct Nginx {
    folder: Folder,
    servers: Vec<String>,
    ports: [u16; 2],
}

impl Nginx {
    /// Starts it in front of servers as `pg-upstream` takes them.
    pub(crate) fn start(servers: &[String]) -> Self {
        let leases = [free_port(), free_port()];
        let ports = [leases[0].number, leases[1].number];
        let folder = Folder::new();
        let module = tool("ngx_stream_module.so").canonicalize().unwrap();
        let log = "pid nginx.pid;\nerror_log nginx.log;\n";
        let config = read("examples/nginx/nginx.conf")
            .replace("modules/ngx_stream_module.so", &module.display().to_string())
            .replace("listen 5000", &format!("listen 127.0.0.1:{}", ports[0]))
            .replace("listen 5001", &format!("listen 127.0.0.1:{}", ports[1]))
            .replace(
                "worker_shutdown_timeout",
                &format!("{log}worker_shutdown_timeout"),
            );
        folder.write("nginx.conf", &config);
        folder.write("pg/none", "");
        let nginx = Self {
            folder,
            servers: servers.to_vec(),
            ports,
        };
        nginx.update_with("true");
        // It goes to the background, and would hold a pipe open.
        let mut command = nginx.command();
        let status = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        drop(leases);
        let log = fs::read_to_string(nginx.folder.path().join("nginx.log")).unwrap_or_default();
        assert!(status.success(), "nginx: {log}");
        nginx
    }

    /// The port that leads to the primary.
    pub(crate) fn writes(&self) -> u16 {
        self.ports[0]
    }

    /// The port that leads to replicas.
    pub(crate) fn reads(&self) -> u16 {
        self.ports[1]
    }

    /// Asks the exporters and reloads, as the timer does.
    pub(crate) fn update(&self) {
        let mut words = vec![tool("nginx").display().to_string()];
        words.extend(self.arguments());
        self.update_with(&words.join(" "));
    }

    fn update_with(&self, reload: &str) {
        for (page, name) in [("/primary", "writes"), ("/replica?lag=10s", "reads")] {
            let mut command = Command::new(path("examples/nginx/pg-upstream"));
            command
                .env("NGINX", reload)
                .arg(page)
                .arg(self.file(name))
                .args(&self.servers);
            run(&mut command).unwrap_or_else(|said| panic!("pg-upstream: {said}"));
        }
    }

    /// What the script wrote for writes and reads.
    pub(crate) fn files(&self) -> (String, String) {
        let text = |name| fs::read_to_string(self.file(name)).unwrap();
        (text("writes"), text("reads"))
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join("pg").join(format!("{name}.conf"))
    }

    fn arguments(&self) -> [String; 6] {
        let folder = format!("{}/", self.folder.path().display());
        ["-e", "nginx.log", "-p", &folder, "-c", "nginx.conf"].map(str::to_owned)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(tool("nginx"));
        command.args(self.arguments());
        command
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // One that has not started has nothing to stop.
        let _ = run(self.command().args(["-s", "stop"]));
    }
}
