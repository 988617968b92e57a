//! A folder with a web configuration, and the program under it.

use pg_exporter_lab::authority::Pair;
use pg_exporter_lab::exporter::Builder;
use pg_exporter_lab::{Authority, Exporter};

use super::certificates::server;
use super::curl::{Answer, curl};
use crate::support::PROGRAM;

pub(super) use pg_exporter_lab::Folder;

/// `NAME.crt` and `NAME.key`.
pub(super) fn write_pair(folder: &Folder, name: &str, pair: &Pair) {
    folder.write(&format!("{name}.crt"), &pair.certificate);
    folder.write(&format!("{name}.key"), &pair.key);
}

/// What a server with a certificate needs; paths are relative to the folder of the file.
pub(super) const TLS: &str = "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n";

/// The program under a web configuration, and a folder with the certificates of both sides.
pub(super) struct Site {
    pub(super) folder: Folder,
    pub(super) authority: Authority,
    pub(super) exporter: Exporter,
}

impl Site {
    /// The program, which has no server to scrape.
    pub(super) fn start(config: &str) -> Self {
        Self::start_from(&without_server(), config)
    }

    pub(super) fn start_from(program: &Builder, config: &str) -> Self {
        let (folder, authority) = (Folder::new(), Authority::new("ca"));
        folder.write("ca.crt", &authority.certificate);
        folder.write("clients.crt", &authority.certificate);
        write_pair(&folder, "server", &authority.pair(&server("first")));
        let config = folder.write("web.yml", config);
        let exporter = program.clone().arg(format!("--web.config.file={config}")).start();
        Self {
            folder,
            authority,
            exporter,
        }
    }

    /// A request over TLS, which trusts the site's authority.
    pub(super) fn https(&self, path: &str, arguments: &[&str]) -> Answer {
        let authority = self.file("ca.crt");
        let all: Vec<&str> = ["--cacert", &authority]
            .into_iter()
            .chain(arguments.iter().copied())
            .collect();
        curl(&format!("https://127.0.0.1:{}{path}", self.exporter.port()), &all)
    }

    /// A request without TLS.
    pub(super) fn http(&self, path: &str, arguments: &[&str]) -> Answer {
        curl(
            &format!("http://127.0.0.1:{}{path}", self.exporter.port()),
            arguments,
        )
    }

    pub(super) fn file(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }
}

/// The program with a target that is not there: most of these tests are about the other side.
pub(super) fn without_server() -> Builder {
    Exporter::builder(PROGRAM).url("postgresql://nobody@127.0.0.1:1/none")
}

/// A user's line in `basic_auth_users`, with a hash of the lowest cost.
pub(super) fn user(name: &str, password: &str) -> String {
    format!("  {name}: {}\n", bcrypt::hash(password, 4).unwrap())
}
