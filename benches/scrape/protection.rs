//! What TLS and passwords cost a health probe.

use std::fs;
use std::path::PathBuf;

use crate::Result;
use crate::contender::Contender;
use crate::options::Options;
use crate::probes;
use crate::server::Server;
use crate::table::Table;

/// `me:pw`.
const LOGIN: &str = "Authorization: Basic bWU6cHc=";

/// Measures one exporter under each web configuration and prints a table. The password is compared before: what is
/// measured is every time but the first.
pub fn run(options: &Options, server: &Server) -> Result<()> {
    let folder = Folder::new()?;
    let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    folder.write("server.crt", &pair.cert.pem())?;
    folder.write("server.key", &pair.signing_key.serialize_pem())?;
    let tls = "tls_server_config: { cert_file: server.crt, key_file: server.key }\n";
    let users = format!("basic_auth_users: {{ me: {} }}\n", bcrypt::hash("pw", 10)?);
    let mut table = Table::new(&probes::HEADS);
    for (name, scheme, text) in [
        ("nothing", "http", String::new()),
        ("password", "http", users.clone()),
        ("TLS", "https", tls.to_owned()),
        ("TLS and password", "https", format!("{tls}{users}")),
    ] {
        let config = format!("--web.config.file={}", folder.write("web.yml", &text)?.display());
        let contender = Contender::start_with("pg_exporter", &options.program, server, &[&config]);
        let url = format!("{scheme}://127.0.0.1:{}/primary", contender.port);
        let probe = || probes::wrk_with(&url, &[LOGIN], probes::CONNECTIONS, options.seconds);
        // The one comparison, and sessions of TLS that can be resumed.
        probes::wrk_with(&url, &[LOGIN], probes::CONNECTIONS, 1)?;
        table.push(probes::measure(&contender, name, probe)?);
    }
    println!(
        "\nGET /primary under a web configuration, {} s each\n",
        options.seconds
    );
    table.print();
    Ok(())
}

/// Files of the measurement; gone when dropped.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Self> {
        let path = std::env::temp_dir().join(format!("pg_exporter-bench-{}", std::process::id()));
        fs::create_dir_all(&path)?;
        Ok(Self(path))
    }

    fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.0.join(name);
        fs::write(&path, text)?;
        Ok(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
