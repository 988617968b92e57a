//! The driver's configuration, filled by its setters: its own parser splits and refuses differently from libpq.

use std::path::Path;

use tokio_postgres::Config;
use tokio_postgres::config as driver;

use super::host::Host;
use super::secret::Secret;
use super::session::{ChannelBinding, Keepalives};
use super::tls::{SslNegotiation, Transport};
use super::{ConnInfo, LoadBalanceHosts};

impl ConnInfo {
    /// The driver's configuration for one server, one way of connecting and the password of this moment.
    ///
    /// It knows nothing of `target_session_attrs`: whoever connects asks the server, since the driver knows half of
    /// the values and asks in a way that pgbouncer's console does not understand. That console is sent no `options`.
    #[must_use]
    pub fn config_for(&self, host: &Host, transport: Transport, password: Option<&Secret>) -> Config {
        let mut config = Config::new();
        config.user(self.user.as_str()).dbname(self.database.as_str());
        config.application_name(self.session.application_name.as_str());
        if let Some(password) = password {
            config.password(password.expose());
        }
        if let Some(options) = self.session.options.as_deref().filter(|_| !self.is_pgbouncer()) {
            config.options(options);
        }
        if let Some(timeout) = self.session.connect_timeout {
            config.connect_timeout(timeout);
        }
        config.ssl_mode(match transport {
            Transport::Plain => driver::SslMode::Disable,
            Transport::TlsIfOffered => driver::SslMode::Prefer,
            Transport::Tls => driver::SslMode::Require,
        });
        config.ssl_negotiation(match self.tls.negotiation {
            SslNegotiation::Postgres => driver::SslNegotiation::Postgres,
            SslNegotiation::Direct => driver::SslNegotiation::Direct,
        });
        config.channel_binding(match self.session.channel_binding {
            ChannelBinding::Disable => driver::ChannelBinding::Disable,
            ChannelBinding::Prefer => driver::ChannelBinding::Prefer,
            ChannelBinding::Require => driver::ChannelBinding::Require,
        });
        // For the addresses of one name; the order of hosts is up to the caller.
        config.load_balance_hosts(match self.session.balance {
            LoadBalanceHosts::Disable => driver::LoadBalanceHosts::Disable,
            LoadBalanceHosts::Random => driver::LoadBalanceHosts::Random,
        });
        set_host(&mut config, host);
        set_keepalives(&mut config, &self.session.keepalives);
        config
    }
}

fn set_host(config: &mut Config, host: &Host) {
    config.port(host.port());
    match host {
        Host::Unix { dir, .. } => set_socket(config, dir),
        Host::Tcp { host, hostaddr, .. } => {
            if let Some(address) = hostaddr {
                config.hostaddr(*address);
            }
            // The driver takes a path for a socket, even beside an address; and without a name it does no TLS.
            let name = host.as_deref().filter(|name| !name.starts_with('/'));
            match (name, hostaddr) {
                (Some(name), _) => config.host(name),
                (None, Some(address)) => config.host(address.to_string()),
                (None, None) => config,
            };
        }
    }
}

/// The abstract namespace is where a socket's path starts with a zero byte; users write `@` for it.
#[cfg(unix)]
fn set_socket(config: &mut Config, dir: &Path) {
    match dir.to_str().and_then(|dir| dir.strip_prefix('@')) {
        Some(name) => config.host_path(format!("\0{name}")),
        None => config.host_path(dir),
    };
}

#[cfg(not(unix))]
fn set_socket(config: &mut Config, dir: &Path) {
    config.host(dir.to_string_lossy());
}

fn set_keepalives(config: &mut Config, keepalives: &Keepalives) {
    config.keepalives(keepalives.is_on);
    if let Some(idle) = keepalives.idle {
        config.keepalives_idle(idle);
    }
    if let Some(interval) = keepalives.interval {
        config.keepalives_interval(interval);
    }
    if let Some(count) = keepalives.count {
        config.keepalives_retries(count);
    }
    if let Some(timeout) = keepalives.user_timeout {
        config.tcp_user_timeout(timeout);
    }
}
