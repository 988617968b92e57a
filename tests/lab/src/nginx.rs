//! A reverse proxy in front of the exporter.

use crate::account::account;
use crate::cache::tool;
use crate::error::{OrFail, Result};
use crate::http::{self, Response};
use crate::port::{Port, lease};
use crate::process::Process;
use crate::sandbox::Sandbox;
use crate::wait::{PATIENCE, wait_until};

/// A running nginx; stopped when dropped.
#[derive(Debug)]
pub struct Nginx {
    port: Port,
    // Dropped in this order, as in `Cluster`.
    sandbox: Sandbox,
    _process: Process,
}

impl Nginx {
    /// Starts nginx on a port of 127.0.0.1 with an upstream `exporter`, such as `server 127.0.0.1:9630;`, and the
    /// directives of `location /` besides `proxy_pass`.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    #[track_caller]
    pub fn start(upstream: &str, location: &str) -> Self {
        let nginx = Self::launch(upstream, location).or_fail();
        wait_until("nginx answers", PATIENCE, || {
            http::request(nginx.port(), "GET", "/nginx", &[]).is_ok()
        });
        nginx
    }

    fn launch(upstream: &str, location: &str) -> Result<Self> {
        let (port, sandbox) = (lease()?, Sandbox::new()?);
        let folder = sandbox.path().display();
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .iter()
            .map(|kind| format!("    {kind}_temp_path {folder}/{kind};\n"))
            .collect();
        // One process: the account that runs it is the only one there is.
        let config = format!(
            "daemon off;\nmaster_process off;\npid {folder}/pid;\nerror_log {folder}/error.log notice;\n\
             events {{ worker_connections 256; }}\nhttp {{\n{temporary}    access_log off;\n\
             \x20   upstream exporter {{ {upstream} }}\n\
             \x20   server {{\n        listen 127.0.0.1:{};\n\
             \x20       location = /nginx {{ return 204; }}\n\
             \x20       location / {{ proxy_pass http://exporter; {location} }}\n    }}\n}}\n",
            port.number
        );
        let config = sandbox.write("nginx.conf", &config)?;
        let mut command = account()?.command(tool("nginx"));
        // Its built-in log is in a folder of the system's.
        command
            .args(["-e", "stderr", "-p"])
            .arg(sandbox.path())
            .arg("-c")
            .arg(config);
        let process = sandbox.spawn(&mut command)?;
        Ok(Self {
            port,
            sandbox,
            _process: process,
        })
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port.number
    }

    /// `GET` of a path, through nginx.
    ///
    /// # Panics
    /// When there is no proper answer.
    #[must_use]
    #[track_caller]
    pub fn get(&self, path: &str, headers: &[(&str, &str)]) -> Response {
        let answer = http::request(self.port(), "GET", path, headers);
        answer.unwrap_or_else(|error| panic!("GET {path}: {error}; nginx wrote:\n{}", self.log()))
    }

    /// What it complained of.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.sandbox.path().join("error.log")).unwrap_or_default()
    }
}
