//! How a connection was made, to reach the same server again for a cancel request.

use tokio_postgres::{CancelToken, NoTls};

use super::conninfo::Keepalives;
use super::deadline::Liveness;
use super::failure::Failure;
use super::line::Segments;
use super::socket::Address;
use super::tls::Connector;

/// An address and how the connection to it is protected.
#[derive(Clone)]
pub(in crate::postgres) struct CancelRoute {
    pub(in crate::postgres) address: Address,
    pub(in crate::postgres) keepalives: Keepalives,
    /// What makes TLS connections.
    pub(in crate::postgres) tls: Option<Connector>,
}

impl CancelRoute {
    /// Asks the server to cancel what the connection runs, and waits until it has passed that on. The caller bounds it.
    ///
    /// # Errors
    /// When the server cannot be reached.
    pub(in crate::postgres) async fn cancel(&self, token: &CancelToken) -> Result<(), Failure> {
        let opened = self
            .address
            .open(&self.keepalives, Segments::Safe, Liveness::default(), None)
            .await;
        let socket = opened.map_err(|error| Failure::connection(error.to_string()))?;
        match self.tls.clone() {
            Some(connector) => token.cancel_query_raw(socket, connector).await?,
            None => token.cancel_query_raw(socket, NoTls).await?,
        }
        Ok(())
    }
}
