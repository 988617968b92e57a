//! The driver's configuration, filled by its setters: its own parser splits and refuses differently from libpq.

use tokio_postgres::Config;
use tokio_postgres::config as driver;

use super::info::ConnInfo;
use super::session::ChannelBinding;
use super::tls::{SslNegotiation, Transport};
use crate::values::Secret;

impl ConnInfo {
    /// The driver's configuration for one way of connecting, with the password of this moment.
    ///
    /// It knows no host, since the socket is opened for the driver (`connect::socket`). It knows nothing of `target_session_attrs`: whoever connects asks the server, since the driver knows half of
    /// the values and asks in a way that pgbouncer's console does not understand. That console is sent no `options`.
    #[must_use]
    pub fn config_for(&self, transport: Transport, password: Option<&Secret>) -> Config {
        let mut config = Config::new();
        config.user(self.user.as_str()).dbname(self.database.as_str());
        config.application_name(self.session.application_name.as_str());
        if let Some(password) = password {
            config.password(password.expose());
        }
        if let Some(options) = self.session.options.as_deref().filter(|_| !self.is_pgbouncer()) {
            config.options(options);
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
        config
    }
}
